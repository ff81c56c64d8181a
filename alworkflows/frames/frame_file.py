"""What reading gives: the usable frames of a file, and those of several with the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ase import Atoms

from alworkflows.frames.report import ReadReport

__all__ = ["FrameFile", "Reading"]


@dataclass(frozen=True)
class FrameFile:
    """The usable frames of one file.

    Attributes
    ----------
    path
        What the user called it.
    frames
        With their labels.
    numbers
        Of each frame, its number in the file, from 0.
    engine
        What made the labels, if the file says so.
    energies
        Which energies they are: ``free``, ``unknown``, or None where it makes no difference or there are none.
    """

    path: str
    frames: list[Atoms]
    numbers: list[int]
    engine: dict[str, Any] | None = None
    energies: str | None = None


@dataclass(frozen=True)
class Reading:
    """What was read from some files, and what reading came to."""

    files: list[FrameFile]
    report: ReadReport = field(default_factory=ReadReport)

    @property
    def frames(self) -> list[Atoms]:
        """All frames, file by file."""
        return [frame for file in self.files for frame in file.frames]

    @property
    def engine(self) -> dict[str, Any] | None:
        """What made the labels, if any file says so."""
        return next((file.engine for file in self.files if file.engine), None)
