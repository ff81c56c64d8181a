"""Checkpoints of a sampling run: the frames so far and all that the next step follows from, for another process to go on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.atomic import replacing
from alworkflows.deadline import Deadline
from alworkflows.errors import InputError
from alworkflows.npz import open_arrays

__all__ = ["OUT_OF_TIME", "Checkpoint", "Saved", "fingerprint"]

#: Reason why a run stopped whose deadline came.
OUT_OF_TIME = "out of time"
#: Seconds between two checkpoints, for the process that is killed without a word.
EVERY = 60.0
VERSION = 2


@dataclass(frozen=True)
class Saved:
    """Where a run stood: its arrays, and what is no array as JSON."""

    arrays: Mapping[str, np.ndarray]
    values: Mapping[str, Any]


class Checkpoint:
    """The checkpoint of one run, in a folder of its own, and the deadline at which it is written.

    ``frames.npz`` holds the frames, ``state.npz`` where the run stood and how many of the frames it had made: each appears whole
    or not at all, the frames first, so that a process killed between the two leaves a sound pair.

    Parameters
    ----------
    folder : Path, optional
        Where it is; made when something is written. None: nothing is kept, and no deadline ends the run.
    run : str
        Fingerprint of all that the run follows from.
    deadline : Deadline, optional
        When to stop.
    every : float
        Seconds between two checkpoints.
    """

    def __init__(self, folder: Path | None = None, run: str = "", deadline: Deadline | None = None, every: float = EVERY) -> None:
        self.folder, self.deadline = folder, deadline or Deadline()
        self._run, self._every = run, every
        self._frames: list[Atoms] = []
        self._written = 0
        self._last = time.monotonic()

    def keeping(self, keep: Callable[[Atoms], None]) -> Callable[[Atoms], None]:
        """Return ``keep`` that remembers the frames for the checkpoint."""
        if self.folder is None:
            return keep

        def both(frame: Atoms) -> None:
            keep(frame)
            self._frames.append(frame)

        return both

    def load(self, keep: Callable[[Atoms], None]) -> Saved | None:
        """Return where the run stood, its frames handed over again; None if it has not begun.

        Raises
        ------
        InputError
            If the checkpoint is that of another run, or cannot be read.
        """
        if self.folder is None or not (self.folder / "state.npz").exists():
            return None
        try:
            with open_arrays(self.folder / "state.npz") as stored:
                arrays = {name: stored[name] for name in stored.files}
            values = json.loads(arrays.pop("values").tobytes().decode())
            version, run, count = values.pop("version"), values.pop("run"), values.pop("frames")
        except Exception as error:  # whatever a foreign zip raises, the user needs the same sentence
            raise InputError(f"{self.folder}: not a checkpoint of a sampler ({type(error).__name__} on reading it)") from error
        if (version, run) != (VERSION, self._run):
            raise InputError(f"{self.folder}: the checkpoint is that of another run, or of another version of this program")
        frames = frames_io.load(self.folder / "frames.npz")[0][:count] if count else []
        for frame in frames:
            keep(frame)
        self._written = len(frames)
        return Saved(arrays, values)

    def due(self) -> bool:
        """Return whether it is time to write."""
        return self.folder is not None and (self.deadline.expired or time.monotonic() - self._last >= self._every)

    def ends(self, expected: float = 0.0) -> bool:
        """Return whether the run must stop rather than begin a piece of work that takes ``expected`` seconds."""
        return self.folder is not None and not self.deadline.allows(expected)

    def save(self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
        """Write the frames so far and where the run stands."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if len(self._frames) != self._written:
            frames_io.save(self.folder / "frames.npz", self._frames)
            self._written = len(self._frames)
        header = {"version": VERSION, "run": self._run, "frames": self._written, **values}
        with replacing(self.folder / "state.npz") as part, part.open("wb") as handle:
            packed = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
            np.savez(handle, allow_pickle=False, values=packed, **arrays)
        self._last = time.monotonic()


def fingerprint(*parts: Any) -> str:
    """Return 16 hex digits for what a run follows from: JSON values and atoms."""
    digest = hashlib.sha256()
    for part in parts:
        text = frames_io.frame_id(part) if isinstance(part, Atoms) else json.dumps(part, sort_keys=True, default=str)
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()[:16]
