"""Why a frame in a file cannot be used."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Fault", "FaultKind"]


class FaultKind(StrEnum):
    """Kinds of reasons, each with the words that a table has for it."""

    UNREADABLE = "not readable"
    UNREAD = "text that belongs to no frame"
    TRUNCATED = "cut off"
    UNCONVERGED = "not converged"
    NO_ATOMS = "no atoms"
    SPECIES = "species not known"
    OCCUPANCY = "partial occupancies"
    NOT_FINITE = "not finite"
    NOT_NUMBERS = "not numbers"
    SHAPE = "of another shape"
    MISSING = "label missing"
    UNITS = "unit not known"
    CELL = "no proper cell"
    COINCIDENT = "atoms at one place"
    FORCE = "absurd force"
    STALE = "labels of other positions"


@dataclass(frozen=True)
class Fault:
    """Why one frame of a file cannot be used.

    Attributes
    ----------
    file
        Its name.
    index
        Number of the frame in the file, from 0; None: it is not of one frame.
    place
        Where in the file that is, such as ``line 151``; empty if the format has no such places.
    reason
        What was expected and what came.
    """

    kind: FaultKind
    file: str
    index: int | None
    reason: str
    place: str = ""

    def __str__(self) -> str:
        """Return file, frame and reason in a line."""
        where = [self.file] + ([f"frame {self.index}"] if self.index is not None else []) + ([self.place] if self.place else [])
        return f"{', '.join(where)}: {self.reason}"

    def as_dict(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {**asdict(self), "kind": self.kind.value}
