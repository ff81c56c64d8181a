"""Frames as a stream of batches: from lists, files or an iterator, one batch in memory at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.frames import frame_id, known_forces, labels

__all__ = ["Batches", "FrameSource", "Joined", "batch_hash", "frame_weight"]

#: loose frames that make a batch
CHUNK = 256

#: frames, or files of frames, or lists of frames, in any mixture; or one file
FrameSource: TypeAlias = Iterable[Any] | str | os.PathLike[str]


class Batches:
    """Batches of frames, in order; loose frames are put together in chunks.

    Parameters
    ----------
    source
        Frames, files, or lists of frames. A list can be gone through many times; an iterator (such as a generator that reads a
        file as it goes) once, so that what it gives is never looked up in a cache.
    where
        What these frames are, for messages.
    """

    def __init__(self, source: FrameSource, where: str) -> None:
        self._source: Iterable[Any] = [source] if isinstance(source, str | os.PathLike) else source
        self.where = where
        self.once = iter(self._source) is self._source

    @property
    def total(self) -> int | None:
        """Number of frames, None if it takes reading to know."""
        if not isinstance(self._source, Sequence):
            return None
        sizes = [1 if isinstance(item, Atoms) else len(item) if isinstance(item, list | tuple) else None for item in self._source]
        return sum(size for size in sizes if size is not None) if None not in sizes else None

    def __iter__(self) -> Iterator[list[Atoms]]:
        loose: list[Atoms] = []
        for item in self._source:
            if isinstance(item, Atoms):
                loose.append(item)
                if len(loose) == CHUNK:
                    yield loose
                    loose = []
                continue
            if loose:
                yield loose
                loose = []
            yield self._batch(item)
        if loose:
            yield loose

    def _batch(self, item: Any) -> list[Atoms]:
        if isinstance(item, str | os.PathLike):
            return frames_io.load(item)[0] if Path(item).suffix == ".npz" else frames_io.read(item)
        if isinstance(item, Sequence) and all(isinstance(frame, Atoms) for frame in item):
            return list(item)
        raise InputError(f"{self.where}: expected frames (ase.Atoms), lists of frames or files, got {type(item).__name__}")


class Joined(Batches):
    """Batches of several sets, one set after the other."""

    def __init__(self, parts: Sequence[Batches], where: str) -> None:
        self._parts, self.where = list(parts), where
        self.once = any(part.once for part in parts)

    @property
    def total(self) -> int | None:
        """Number of frames, None if it takes reading to know."""
        totals = [part.total for part in self._parts]
        return sum(total for total in totals if total is not None) if None not in totals else None

    def __iter__(self) -> Iterator[list[Atoms]]:
        for part in self._parts:
            yield from part


def frame_weight(atoms: Atoms) -> float:
    """Return the weight of a frame's squared errors.

    Raises
    ------
    InputError
        If it is not a positive number.
    """
    value = atoms.info.get("weight", 1.0)
    try:
        weight = float(value)
    except (TypeError, ValueError):
        weight = float("nan")
    if not (np.isfinite(weight) and weight > 0):
        raise InputError(f"frame {frame_id(atoms)}: expected in info['weight'] a positive number, got {value!r}")
    return weight


def batch_hash(frames: Sequence[Atoms]) -> str:
    """Return a hash of all that a fit reads of frames: configurations, labels, weights."""
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(frame_id(frame).encode())
        stored = labels(frame)
        for value in (stored.energy, stored.forces, stored.stress, frame_weight(frame)):
            data = b"" if value is None else np.ascontiguousarray(value, dtype="<f8").tobytes()
            digest.update(len(data).to_bytes(8, "little") + data)
        digest.update(str(frame.info.get("config_type", "")).encode())
        known = known_forces(frame)
        digest.update(b"" if known is None else known.tobytes())
    return digest.hexdigest()
