"""The labelled batches of a job's folder, as one data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.errors import InputError

__all__ = ["read_batches"]


def read_batches(folder: Path, names: Sequence[str]) -> list[list[Atoms]]:
    """Return the frames of each batch.

    Raises
    ------
    InputError
        If two batches were labelled by different engines or settings, or share a frame.
    """
    loaded = [frames_io.load(folder / name) for name in names]
    frames_io.require_one_engine({name: header.get("engine") for name, (_, header) in zip(names, loaded, strict=True)})
    seen: dict[str, str] = {}
    for name, (frames, _) in zip(names, loaded, strict=True):
        for frame in frames:
            identity = frames_io.frame_id(frame)
            if identity in seen:
                raise InputError(
                    f"frame {identity} stands in {seen[identity]} and again in {name}; each frame belongs to one batch"
                )
            seen[identity] = name
    return [frames for frames, _ in loaded]
