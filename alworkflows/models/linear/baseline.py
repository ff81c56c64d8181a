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
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from alworkflows.descriptors import Descriptors
from alworkflows.descriptors.neighbours import kinds_of, neighbours
from alworkflows.errors import InputError
from alworkflows.models.evaluation import Evaluation
from alworkflows.settings.model import BaselineSettings

__all__ = ["Baseline", "Overlap"]

#: e^2 / (4 pi epsilon_0) in eV A, of LAMMPS' metal units
COULOMB = 14.399645
#: strengths and decays of the universal screening function
SCREENING = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))
#: pieces of the cutoff to whose ends distances are rounded, so that the function is smooth within the bins of any table
PIECES = 64


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
        ``inner`` and ``outer`` are rounded to a 64th of the cutoff.
    descriptors
        Whose species and cutoff it shares; below its ``core`` it goes on as a parabola.
    """

    def __init__(self, settings: BaselineSettings, descriptors: Descriptors) -> None:
        step = descriptors.cutoff / PIECES
        self.species, self.cutoff = descriptors.species, descriptors.cutoff
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
        self._index = np.zeros((len(charges), len(charges)), dtype=int)
        for number, (s, t) in enumerate(self.pairs):
            self._index[s, t] = self._index[t, s] = number

    def energies(self, r: np.ndarray) -> np.ndarray:
        """Return energies (M, pairs) in eV at distances ``r`` (M,) in A."""
        x = np.maximum(r, self.core)[:, None]
        a, b, c = self._switch
        inside = np.maximum(x - self.inner, 0.0)
        energies = self._unswitched(x)[0] + a / 3.0 * inside**3 + b / 4.0 * inside**4 + c
        _, slope, curvature = self._unswitched(np.array([[self.core]]))
        below = np.minimum(r[:, None] - self.core, 0.0)
        return np.where(x < self.outer, energies + below * (slope + 0.5 * curvature * below), 0.0)

    def slopes(self, r: np.ndarray) -> np.ndarray:
        """Return the derivatives (M, pairs) of the energies, in eV/A, at distances ``r`` (M,) in A."""
        x = np.maximum(r, self.core)[:, None]
        a, b, _ = self._switch
        inside = np.maximum(x - self.inner, 0.0)
        _, slope, curvature = self._unswitched(np.array([[self.core]]))
        below = r[:, None] - self.core
        slopes = np.where(below < 0, slope + curvature * below, self._unswitched(x)[1] + a * inside**2 + b * inside**3)
        return np.where(x < self.outer, slopes, 0.0)

    @property
    def _switch(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coefficients (1, pairs) of S(r) = a (r - inner)^3 / 3 + b (r - inner)^4 / 4 + c."""
        width = self.outer - self.inner
        value, slope, curvature = self._unswitched(np.array([[self.outer]]))
        a = (-3.0 * slope + width * curvature) / width**2
        b = (2.0 * slope - width * curvature) / width**3
        return a, b, -value + width * slope / 2.0 - width**2 * curvature / 12.0

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

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what the repulsion, as one model, says of a frame.

        E_i = 1/2 sum_j E(r_ij),    F_i = sum_j E'(r_ij) (x_j - x_i) / r_ij,    virial = 1/2 sum_ij E'(r_ij) r_ij r_ij^T / |r_ij|
        """
        near, which, lengths = self._near(atoms)
        rows = np.arange(len(lengths))
        energies, forces = np.zeros(len(atoms)), np.zeros((len(atoms), 3))
        np.add.at(energies, near.centres, 0.5 * self.energies(lengths)[rows, which])
        pulls = (self.slopes(lengths)[rows, which] / lengths)[:, None] * near.vectors
        np.add.at(forces, near.centres, pulls)
        tensor = 0.5 * pulls.T @ near.vectors
        virial = tensor[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        return Evaluation.of_atoms(energies[None], forces[None], virial[None])

    def _near(self, atoms: Atoms) -> tuple[Any, np.ndarray, np.ndarray]:
        """Return the neighbours within reach, and of each the number of its pair of species and its distance (A)."""
        near = neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, self.outer)
        kinds = kinds_of(atoms, self.species)
        return near, self._index[kinds[near.centres], kinds[near.second]], np.linalg.norm(near.vectors, axis=1)

    def overlap(self, frames: Iterable[Atoms]) -> list[Overlap]:
        """Return the pairs of species that come closer in the frames than where the baseline ends."""
        shortest = np.full(len(self.pairs), np.inf)
        for atoms in frames:
            _, which, lengths = self._near(atoms)
            np.minimum.at(shortest, which, lengths)
        return [
            Overlap("-".join(self.species[s] for s in pair), float(distance), self.outer)
            for pair, distance in zip(self.pairs, shortest, strict=True)
            if distance < self.outer
        ]
