"""Where the data lie: distances between atoms, by unordered pair of species."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from alworkflows.descriptors.neighbours import Neighbours, kinds_of, neighbours
from alworkflows.descriptors.plip.blocks import pair_index

__all__ = ["BINS", "Distances", "measure", "pair_names"]

#: of the histogram between nothing and the cutoff
BINS = 160


@dataclass(frozen=True)
class Distances:
    """Distances up to the cutoff, pair of species by pair of species, in the order of :func:`.blocks.pair_index`.

    ``edges`` (BINS + 1,) in A; ``counts`` (P, BINS): distances in each bin, each pair of atoms once; ``shortest`` (P,) in A,
    infinity where no pair of atoms is within the cutoff; ``typical`` (P,): where distances are densest near the first neighbours.
    """

    edges: np.ndarray
    counts: np.ndarray
    shortest: np.ndarray

    @property
    def centres(self) -> np.ndarray:
        """Middle of each bin, A."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def typical(self) -> np.ndarray:
        """Distance (P,) of the first neighbours: the highest peak of counts / r^2, A; two thirds of the cutoff without data."""
        density = self.counts / self.centres**2
        peaks = self.centres[np.argmax(_smooth(density), axis=1)]
        return np.where(self.counts.any(axis=1), peaks, 2.0 * self.edges[-1] / 3.0)


def pair_names(species: Sequence[str]) -> list[str]:
    """Return the unordered pairs of species as text, such as ``Zn-O``, in the order of :func:`.blocks.pair_index`."""
    return [f"{first}-{second}" for index, first in enumerate(species) for second in species[index:]]


def measure(frames: Sequence[Atoms], species: Sequence[str], cutoff: float) -> Distances:
    """Return the distances in ``frames`` up to ``cutoff`` (A).

    Raises
    ------
    InputError
        If a frame holds another species.
    """
    edges = np.linspace(0.0, cutoff, BINS + 1)
    index = pair_index(len(species))
    counts = np.zeros((index.max() + 1, BINS))
    shortest = np.full(len(counts), np.inf)
    for atoms in frames:
        kinds = kinds_of(atoms, tuple(species))
        pairs = neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, cutoff)
        which, length = index[kinds[pairs.centres], kinds[pairs.second]], lengths(pairs)
        bins = np.minimum((length * (BINS / cutoff)).astype(int), BINS - 1)
        np.add.at(counts, (which, bins), 0.5)
        np.minimum.at(shortest, which, length)
    return Distances(edges, counts, shortest)


def lengths(pairs: Neighbours) -> np.ndarray:
    """Return the distance of each pair of a list, (M,) in A."""
    distances: np.ndarray = np.sqrt(np.einsum("pk,pk->p", pairs.vectors, pairs.vectors))
    return distances


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return rows averaged over five bins: one pair of atoms that came close is no peak."""
    kernel = np.ones(5) / 5.0
    return np.array([np.convolve(row, kernel, mode="same") for row in values])
