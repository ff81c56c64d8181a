"""Frames on their way into the sums: checked, given a fold, and a few that were left out kept."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames import check_labelled, frame_id
from alworkflows.models.batches import Batches

if TYPE_CHECKING:
    from alworkflows.models.linear.baseline import Baseline

__all__ = ["SAMPLE", "Checked", "Sample", "fold_of", "species_of"]

#: left-out frames that are kept
SAMPLE = 128


def fold_of(identity: str, seed: int, folds: int) -> int:
    """Return the fold of a frame: from its id and a seed, so that it never moves as the data grow."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{identity}".encode()).digest()[:8], "little") % folds


class Sample:
    """Folds of frames, and the left-out frames that come first in an order that is random but never changes."""

    def __init__(self, seed: int, folds: int, members: int) -> None:
        self._seed, self._folds, self._members = seed, folds, members
        self._heap: list[tuple[int, str, Atoms]] = []
        self._ids: set[str] = set()

    def group(self, atoms: Atoms) -> int:
        """Return the member that leaves the frame out, or their number if none does."""
        return min(fold_of(frame_id(atoms), self._seed, self._folds), self._members)

    def see(self, batch: Sequence[Atoms]) -> None:
        """Consider the frames of a batch."""
        for atoms in batch:
            self._see(atoms)

    def _see(self, atoms: Atoms) -> None:
        identity = frame_id(atoms)
        if identity in self._ids or self.group(atoms) == self._members:
            return
        rank = -fold_of(f"sample {identity}", self._seed, 2**62)
        if len(self._heap) < SAMPLE:
            heapq.heappush(self._heap, (rank, identity, atoms))
        elif rank > self._heap[0][0]:
            _, gone, _ = heapq.heapreplace(self._heap, (rank, identity, atoms))
            self._ids.discard(gone)
        else:
            return
        self._ids.add(identity)

    def frames(self) -> list[Atoms]:
        """Return the frames."""
        return [atoms for _, _, atoms in sorted(self._heap, key=lambda entry: entry[:2])]


class Checked(Batches):
    """Batches whose frames have the labels that are fitted, each shown to a sample, distances held against a baseline.

    ``frames``: how many there were the last time they were gone through; ``reached``: the shortest distance (A) of the pairs of
    species that come closer than where the baseline ends.
    """

    def __init__(
        self, batches: Batches, quantities: Sequence[str], sample: Sample | None = None, baseline: Baseline | None = None
    ) -> None:
        self._batches, self._quantities, self._sample, self._baseline = batches, quantities, sample, baseline
        self.where, self.once, self.frames = batches.where, batches.once, 0
        self.reached: dict[str, float] = {}

    @property
    def total(self) -> int | None:
        """Number of frames, None if it takes reading to know."""
        return self._batches.total

    def __iter__(self) -> Iterator[list[Atoms]]:
        self.frames = 0
        for batch in self._batches:
            check_labelled(batch, self._quantities, self.where)
            if self._sample is not None:
                self._sample.see(batch)
            for overlap in self._baseline.overlap(batch) if self._baseline is not None else ():
                self.reached[overlap.pair] = min(overlap.shortest, self.reached.get(overlap.pair, overlap.shortest))
            self.frames += len(batch)
            yield batch


def species_of(batches: Batches) -> tuple[str, ...]:
    """Return the chemical symbols in batches, sorted.

    Raises
    ------
    InputError
        If there are no frames, or they can be gone through only once.
    """
    if batches.once:
        raise InputError("species: expected the chemical symbols, as an iterator of frames can be gone through only once")
    symbols = sorted({symbol for batch in batches for frame in batch for symbol in frame.get_chemical_symbols()})
    if not symbols:
        raise InputError("training frames: expected at least one frame, got none")
    return tuple(symbols)
