r"""A fixed repulsion between nuclei, which a fit need not learn and cannot unlearn.

Ziegler, Biersack, Littmark, "The Stopping and Range of Ions in Matter" (1985), as LAMMPS' ``pair_style zbl`` has it:

.. math:: E(r) = \frac{1}{4\pi\epsilon_0} \frac{Z_i Z_j e^2}{r} \phi(r / a) + S(r), \qquad
   a = \frac{0.46850}{Z_i^{0.23} + Z_j^{0.23}}

with S a constant up to ``inner`` and a polynomial from there to ``outer`` that takes value, slope and curvature to zero. Where
data are, the descriptors are better: a baseline should end below the distances that occur in the data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from alworkflows.descriptors import Descriptors, Folded
from alworkflows.descriptors.neighbours import kinds_of, neighbours
from alworkflows.descriptors.plip.blocks import pair_index
from alworkflows.descriptors.plip.radial import FEWEST_BINS, RadialTable, tabulate
from alworkflows.errors import InputError
from alworkflows.settings.model import BaselineSettings

__all__ = ["Baseline", "Overlap"]

#: e^2 / (4 pi epsilon_0) in eV A, of LAMMPS' metal units
COULOMB = 14.399645
#: strengths and decays of the universal screening function
SCREENING = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))


@dataclass(frozen=True)
class Overlap:
    """A pair of species that comes closer in the data than the baseline reaches: distances in A."""

    pair: str
    shortest: float
    outer: float


class Baseline:
    """The repulsion of every pair of species.

    Parameters
    ----------
    settings
        ``inner`` and ``outer`` are rounded to a 64th of the cutoff, so that they fall between pieces of the tables.
    descriptors
        Whose species and cutoff it shares; below their ``core`` it goes on as a parabola.
    """

    def __init__(self, settings: BaselineSettings, descriptors: Descriptors) -> None:
        step = descriptors.cutoff / FEWEST_BINS
        self.descriptors, self.species = descriptors, descriptors.species
        self.inner, self.outer = round(settings.inner / step) * step, round(settings.outer / step) * step
        if not 0 < self.inner < self.outer <= descriptors.cutoff:
            raise InputError(
                f"baseline: expected inner and outer at least {step:.3g} A (a 64th of the cutoff) apart, "
                f"got {settings.inner:g} and {settings.outer:g} A"
            )
        self.core = max(step, np.floor(min(0.5, self.inner) / step) * step)
        charges = [atomic_numbers[symbol] for symbol in self.species]
        self.pairs = [(s, t) for s in range(len(charges)) for t in range(s, len(charges))]
        self._charges = np.array([[charges[s], charges[t]] for s, t in self.pairs], dtype=float)

    @cached_property
    def table(self) -> RadialTable:
        """Energies of the pairs of species (eV) as functions of their distance."""
        return tabulate(self.energies, self.descriptors.cutoff, 0.0, self.core)

    def energies(self, r: np.ndarray) -> np.ndarray:
        """Return energies (M, pairs) in eV at distances ``r`` (M,) in A."""
        x = np.maximum(r, self.core)[:, None]
        width = self.outer - self.inner
        value, slope, curvature = self._unswitched(np.array([[self.outer]]))
        a = (-3.0 * slope + width * curvature) / width**2
        b = (2.0 * slope - width * curvature) / width**3
        c = -value + width * slope / 2.0 - width**2 * curvature / 12.0
        inside = np.maximum(x - self.inner, 0.0)
        found = self._unswitched(x)[0] + a / 3.0 * inside**3 + b / 4.0 * inside**4 + c
        _, slope, curvature = self._unswitched(np.array([[self.core]]))
        below = np.minimum(r[:, None] - self.core, 0.0)
        return np.where(x < self.outer, found + below * (slope + 0.5 * curvature * below), 0.0)

    def _unswitched(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return value, slope and curvature of the screened repulsion, each (M, pairs), at ``r`` (M, 1)."""
        z = self._charges
        length = 0.46850 / (z**0.23).sum(axis=1)
        strength = COULOMB * z.prod(axis=1)
        terms = [(share * np.exp(-decay * r / length), decay / length) for share, decay in SCREENING]
        phi = sum(term for term, _ in terms)
        first = -sum(term * rate for term, rate in terms)
        second = sum(term * rate**2 for term, rate in terms)
        return (
            strength * phi / r,
            strength * (first / r - phi / r**2),
            strength * (second / r - 2.0 * first / r**2 + 2.0 * phi / r**3),
        )

    @cached_property
    def _folded(self) -> Folded:
        return self.descriptors.fold(np.zeros((1, self.descriptors.size)), self.table)  # type: ignore[attr-defined]

    def evaluate(self, atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
        """Return energy (eV), forces (N, 3) (eV/A) and stress (6,) (eV/A^3; zero unless periodic along all three)."""
        pairs = self.descriptors.neighbours(atoms)
        positions = np.ascontiguousarray(atoms.positions, dtype=float)
        energies, forces, virial = self._folded.evaluate(
            kinds_of(atoms, self.species), positions, pairs.without(positions), np.eye(3)
        )
        volume = atoms.get_volume() if atoms.pbc.all() else np.inf
        return float(energies.sum()), forces[0], virial[0] / volume

    def overlap(self, frames: Iterable[Atoms]) -> list[Overlap]:
        """Return the pairs of species that come closer in the frames than where the baseline ends."""
        index = pair_index(len(self.species))
        shortest = np.full(len(self.pairs), np.inf)
        for atoms in frames:
            near = neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, self.outer)
            kinds = kinds_of(atoms, self.species)
            np.minimum.at(shortest, index[kinds[near.centres], kinds[near.second]], np.linalg.norm(near.vectors, axis=1))
        return [
            Overlap("-".join(self.species[s] for s in pair), float(distance), self.outer)
            for pair, distance in zip(self.pairs, shortest, strict=True)
            if distance < self.outer
        ]
