"""Frames where they must not stand: judged on and trained on, or twice in one set with labels that contradict each other.

Formats keep different digits, so frames are compared within what they round off: *twins* are the same configuration, in any order
of atoms, each moved by any lattice vectors. Frames a hundred times as far apart are different ones, but steps of one run that
follow each other: what was fitted to one says little of the error on the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames.frame_file import FrameFile
from alworkflows.frames.labels import labels
from alworkflows.frames.near import groups, nearest, paired

__all__ = ["NEAR", "TWIN", "FrameSet", "repeats", "require_apart", "require_consistent", "unparted"]

#: A; what formats round off: eight or six decimals, single precision, fractional coordinates
TWIN = 1e-4
#: A; atoms of a solid at room temperature move by more within a few steps
NEAR = 0.01
#: eV an atom and eV/A; labels that differ by more are of two engines or settings
SAME_ENERGY, SAME_FORCE = 1e-3, 1e-3
#: eV/A^2; a force changes by at most that over the distance by which twins differ
STIFFEST = 100.0


@dataclass(frozen=True)
class FrameSet:
    """Some frames, and where each comes from, such as ``runs.xyz, frame 3``."""

    frames: Sequence[Atoms]
    places: Sequence[str]

    @classmethod
    def of(cls, files: Iterable[FrameFile]) -> FrameSet:
        """Return all frames of files."""
        pairs = [
            (frame, f"{file.path}, frame {number}")
            for file in files
            for frame, number in zip(file.frames, file.numbers, strict=True)
        ]
        return cls([frame for frame, _ in pairs], [place for _, place in pairs])

    def __len__(self) -> int:
        return len(self.frames)

    def __add__(self, other: FrameSet) -> FrameSet:
        return FrameSet([*self.frames, *other.frames], [*self.places, *other.places])

    def only(self, which: Iterable[int] | np.ndarray) -> FrameSet:
        """Return some of the frames, by index."""
        chosen = [int(index) for index in which]
        return FrameSet([self.frames[index] for index in chosen], [self.places[index] for index in chosen])


def require_apart(training: FrameSet, judged: FrameSet, what: str = "test frames") -> list[str]:
    """Return what a person should know of frames that are judged on and lie near one that is trained on, a line each.

    Raises
    ------
    InputError
        If some are twins of training frames.
    """
    found = nearest(judged.frames, training.frames, TWIN)
    if found:
        index, (other, _) = next(iter(found.items()))
        raise InputError(
            f"{len(found)} of {len(judged)} {what} are trained on too, in whatever format or order of atoms "
            f"(first: {judged.places[index]} is {training.places[other]}): errors on them would mean nothing"
        )
    near = nearest(judged.frames, training.frames, NEAR)
    if not near:
        return []
    index, (other, distance) = next(iter(near.items()))
    lie = "lies" if len(near) == 1 else "lie"
    return [
        f"{len(near)} of {len(judged)} {what} {lie} within {NEAR:g} A of a training frame, as steps of one run do (first: "
        f"{judged.places[index]} is {distance:.2g} A from {training.places[other]}): errors on them are too good by that"
    ]


def require_consistent(frames: FrameSet, near: np.ndarray | None = None) -> list[str]:
    """Return how many frames stand in a set more than once, as a line, if any does.

    ``near``: groups of frames near each other, where they are known (:func:`.near.groups` at :data:`NEAR` or above).

    Raises
    ------
    InputError
        If a frame stands there twice with labels that differ by more than their positions explain.
    """
    repeated = repeats(frames.frames, near)
    told = {index: _difference(frames.frames[first], frames.frames[index]) for index, first in repeated.items()}
    contradicting = [index for index, text in told.items() if text]
    if contradicting:
        index = contradicting[0]
        raise InputError(
            f"{len(contradicting)} of {len(frames)} frames stand there again with other labels (first: {frames.places[index]} is "
            f"{frames.places[repeated[index]]}, and its {told[index]}): labels of two engines or settings, or of two states of "
            "charge or spin, make no data set; keep those of one"
        )
    if not repeated:
        return []
    return [f"{len(repeated)} of {len(frames)} frames stand there more than once, and weigh so"]


def unparted(near: np.ndarray) -> list[str]:
    """Return how many training frames lie near another, given their groups, as a line; folds are drawn frame by frame."""
    _, members = np.unique(near, return_counts=True)
    together = int(members[members > 1].sum())
    if not together:
        return []
    return [
        f"{together} of {len(near)} training frames lie within {NEAR:g} A of another, as steps of one run do: members leave out "
        "frames one by one, so errors on unseen frames are too good by that; those on --test FILE of another run are not"
    ]


def repeats(frames: Sequence[Atoms], near: np.ndarray | None = None) -> dict[int, int]:
    """Return of each twin of an earlier frame the index of the first; ``near`` as in :func:`require_consistent`."""
    among = np.arange(len(frames)) if near is None else np.flatnonzero(np.bincount(near, minlength=len(frames))[near] > 1)
    twins = among[groups([frames[index] for index in among.tolist()], TWIN)] if len(among) else among
    return {int(index): int(first) for index, first in zip(among, twins, strict=True) if index != first}


def _difference(frame: Atoms, other: Atoms) -> str:
    """Return by how much labels of twins differ, if it is more than their positions explain."""
    mine, theirs = labels(frame), labels(other)
    pairs = paired(frame, other, TWIN)
    if pairs is None:
        return ""  # twins of a twin
    order, distance = pairs
    force = 0.0 if mine.forces is None else float(np.abs(mine.forces).max(initial=0.0))
    texts = []
    if mine.energy is not None and theirs.energy is not None:
        apart = abs(mine.energy - theirs.energy) / len(frame)
        if apart > SAME_ENERGY + np.sqrt(3.0) * force * distance:
            texts.append(f"energy differs by {1e3 * apart:.3g} meV/atom")
    if mine.forces is not None and theirs.forces is not None:
        apart = float(np.abs(mine.forces - theirs.forces[order]).max(initial=0.0))
        if apart > SAME_FORCE + STIFFEST * distance:
            texts.append(f"forces differ by up to {apart:.3g} eV/A")
    return ", ".join(texts)
