"""``FramesData``: many frames in one immutable node."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiida.common.exceptions import ValidationError
from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.frames.twins import coarse_key
from workchains.data.files import FileData

__all__ = ["FramesData", "engine_key"]


def engine_key(description: dict[str, Any]) -> str:
    """Return 16 hex digits for what defines labels: engine, settings, versions, potentials."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]


class FramesData(FileData):
    """Frames with their labels and origin: float64 arrays in the repository, identities as attributes.

    Attributes: ``n_frames``; ``n_atoms`` in all; ``species``; ``ids`` ({frame id: index}, so that a query finds the nodes that
    hold a frame: ``filters={"attributes.ids": {"has_key": ID}}``); ``engine`` (what made the labels, or None); ``origins``
    (counts by sampler and structure); ``reading`` (of frames from a file: what was left out, converted, used, as
    :class:`alworkflows.frames.ReadReport` says it). Of labelled frames also: ``engine_key`` (short for ``engine``, in queries)
    and ``contents`` (a key of each frame that its twins share, see :mod:`alworkflows.frames.twins`).
    """

    FILENAME = "frames.npz"

    @classmethod
    def from_frames(cls, frames: Sequence[Atoms], header: dict[str, Any] | None = None) -> FramesData:
        """Return an unstored node that holds ``frames``; ``header["engine"]`` says what made their labels."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / cls.FILENAME
            frames_io.save(path, frames, header)
            return cls.from_file(path)

    @classmethod
    def from_file(cls, path: str | Path) -> FramesData:
        """Return an unstored node that holds the frames of an ``.npz`` file of ours."""
        frames, header = frames_io.load(path)
        ids = {frames_io.frame_id(frame): index for index, frame in enumerate(frames)}
        if len(ids) != len(frames):
            repeated = frames_io.duplicates(frames)
            raise InputError(f"{path}: expected each frame once, got {len(repeated)} repeated (first: frame {repeated[0]})")
        node = cls()
        node.put_file(Path(path))
        origins = Counter(_origin(frame) for frame in frames)
        node.base.attributes.set_many(
            {
                "n_frames": len(frames),
                "n_atoms": sum(len(frame) for frame in frames),
                "species": sorted({symbol for frame in frames for symbol in frame.get_chemical_symbols()}),
                "ids": ids,
                "engine": header.get("engine"),
                "origins": dict(sorted(origins.items())),
            }
        )
        if header.get("reading"):
            node.base.attributes.set("reading", header["reading"])
        if header.get("engine"):
            node.base.attributes.set("engine_key", engine_key(header["engine"]))
            node.base.attributes.set("contents", [coarse_key(frame) for frame in frames])
        return node

    @property
    def ids(self) -> list[str]:
        """Identities of the frames, in order."""
        stored: dict[str, int] = self.base.attributes.get("ids")
        return sorted(stored, key=stored.__getitem__)

    @property
    def engine(self) -> dict[str, Any] | None:
        """What made the labels: engine, parameters, versions; None for frames without labels."""
        return self.base.attributes.get("engine", None)

    def __len__(self) -> int:
        return int(self.base.attributes.get("n_frames"))

    def get_frames(self) -> list[Atoms]:
        """Return the frames as a list of :class:`ase.Atoms`, labels and origin included."""
        with self.as_path() as path:
            return frames_io.load(path)[0]

    def get_origins(self) -> list[dict[str, Any]]:
        """Return the origin of each frame; many times faster than making the frames."""
        with self.as_path() as path:
            return frames_io.load_origins(path)

    def get_header(self) -> dict[str, Any]:
        """Return the file's header."""
        with self.as_path() as path:
            return frames_io.load(path)[1]

    def _validate(self) -> bool:
        super()._validate()
        if self.FILENAME not in self.base.repository.list_object_names():
            raise ValidationError(f"expected the file {self.FILENAME} in the node, got none; use FramesData.from_frames")
        return True


def _origin(frame: Atoms) -> str:
    origin = frame.info.get("origin", {})
    return f"{origin.get('sampler', 'given')}/{origin.get('structure', 'unnamed')}"
