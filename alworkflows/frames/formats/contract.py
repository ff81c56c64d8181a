"""What a reader of one format gives: frames as the file has them, not yet believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ase import Atoms

from alworkflows.frames.faults import Fault
from alworkflows.settings.reading import ReadSettings

__all__ = ["RawFrame", "Reader"]


@dataclass
class RawFrame:
    """A frame as a file has it.

    Attributes
    ----------
    atoms
        Species, positions (A), cell (A), constraints, and what is no label in ``info`` and ``arrays``; no calculator.
    labels
        What may be a label, by the key that the file has for it; numbers, arrays or texts, in the file's units.
    index
        Its number in the file, from 0.
    place
        Where that is in the file, such as ``line 151``.
    units
        Units that the format prescribes, by quantity, where they are not ours.
    fault
        Why it cannot be used, if the reader knows.
    """

    atoms: Atoms
    labels: dict[str, Any]
    index: int
    place: str = ""
    units: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None


class Reader(Protocol):
    """What reads one format."""

    def __call__(self, path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
        """Yield the frames of a file in order, and what is wrong with it as a whole.

        Parameters
        ----------
        path
            Where the file lies; uncompressed.
        name
            What the user called it, for messages.

        Raises
        ------
        InputError
            If it is not of this format at all.
        """
