"""What reading files came to: how many frames, which were left out and why, what was converted, which keys were used."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault
from alworkflows.frames.keys import family_of

__all__ = ["ReadReport"]

#: faults named one by one in a node; the rest is counted
NAMED = 100


@dataclass
class ReadReport:
    """What reading came to.

    Attributes
    ----------
    read
        Frames there are in the files.
    kept
        Frames that can be used.
    faults
        Why the others cannot.
    converted
        How many frames each conversion was made in, such as ``energy from Hartree``.
    used
        Of each quantity, how many frames had it under which key.
    unused
        Keys that look like labels and were not taken, with the number of frames.
    notes
        What else a person should know.
    """

    read: int = 0
    kept: int = 0
    faults: list[Fault] = field(default_factory=list)
    converted: Counter[str] = field(default_factory=Counter)
    used: dict[str, Counter[str]] = field(default_factory=dict)
    unused: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, other: ReadReport) -> None:
        """Add what reading another file came to."""
        self.read += other.read
        self.kept += other.kept
        self.faults += other.faults
        self.converted += other.converted
        self.unused += other.unused
        for quantity, keys in other.used.items():
            self.used[quantity] = self.used.get(quantity, Counter()) + keys
        self.notes += [note for note in other.notes if note not in self.notes]

    def by_kind(self) -> list[tuple[str, int, Fault]]:
        """Return of each kind of fault its words, how often it occurs and the first one."""
        kinds: dict[str, list[Fault]] = {}
        for fault in self.faults:
            kinds.setdefault(fault.kind.value, []).append(fault)
        return [(kind, len(faults), faults[0]) for kind, faults in sorted(kinds.items(), key=lambda item: -len(item[1]))]

    def require_sound(self) -> None:
        """Raise an :class:`InputError` that lists every kind of fault with its count and the first file and frame."""
        if not self.faults:
            return
        if len(self.faults) == 1:
            raise InputError(f"{self.faults[0]} ({self.faults[0].kind.value}; --skip-bad leaves such frames out)")
        bad = len({(fault.file, fault.index) for fault in self.faults})
        lines = [f"{kind}: {number}, first: {first}" for kind, number, first in self.by_kind()]
        raise InputError(
            "\n  ".join([f"{bad} of {self.read} frames cannot be used; nothing was computed", *lines])
            + "\n  --skip-bad leaves them out"
        )

    def lines(self) -> list[str]:
        """Return what a person should know, a line each; nothing if all went as one expects."""
        lines = [
            f"left out: {number} frame{'s' if number != 1 else ''}, {kind}; first: {first}"
            for kind, number, first in self.by_kind()
        ]
        for quantity, keys in self.used.items():
            plain = {quantity, "free_energy" if quantity == "energy" else quantity}
            if set(keys) - plain or len(keys) > 1:
                named = ", ".join(f"{key} ({number})" if len(keys) > 1 else key for key, number in keys.most_common())
                lines.append(f"{quantity} taken from {named}")
        families = {family_of(key) for quantity in ("energy", "forces", "stress") for key in self.used.get(quantity, ())}
        if len(families) > 1:
            lines.append("labels under names of several kinds: are they of one calculation? --energy-key, ... choose")
        if self.unused:
            lines.append(f"there and not used: {', '.join(sorted(self.unused))}")
        lines += [f"{what}: {number} frame{'s' if number != 1 else ''}" for what, number in self.converted.items()]
        return lines + self.notes

    def as_dict(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {
            "read": self.read,
            "kept": self.kept,
            "left_out": {kind: number for kind, number, _ in self.by_kind()},
            "faults": [fault.as_dict() for fault in self.faults[:NAMED]],
            "converted": dict(self.converted),
            "used": {quantity: dict(keys) for quantity, keys in self.used.items()},
            "unused": dict(self.unused),
            "lines": self.lines(),
        }
