r"""Two-body descriptors on Chebyshev polynomials.

For an atom i and an unordered pair of species, one of which is its own,

    B_k = 1/2 sum_j phi_k(r_ij)

over its neighbours j of the other one, with phi_k of :mod:`.functions`. A pair potential has one function of the distance for
Zn-O and O-Zn: terms apart by centre would have the same rows in a fit of the sum, twice. So the two ends share a term, half each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from ase import Atoms
from scipy.sparse import csr_array

from alworkflows.descriptors.chebyshev.functions import functions
from alworkflows.descriptors.contract import Descriptors, Design, check_size
from alworkflows.settings.descriptors import ChebyshevSettings

__all__ = ["Chebyshev"]

#: components of a symmetric matrix in ASE's order
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True)
class _Bonds:
    """The M pairs of a frame, each from both of its ends.

    ``centre``, ``other`` (M,); ``vectors``, ``units`` (M, 3) from the centre to the other (A; none), ``block`` (M,) which pair of
    species; ``values``, ``slopes`` (M, K + 1) half of the functions and of their derivatives.
    """

    centre: np.ndarray
    other: np.ndarray
    vectors: np.ndarray
    units: np.ndarray
    block: np.ndarray
    values: np.ndarray
    slopes: np.ndarray


class Chebyshev(Descriptors):
    """Polynomials of the distance for each unordered pair of species; see the module."""

    def __init__(self, settings: ChebyshevSettings, species: Sequence[str]) -> None:
        super().__init__(species, settings.cutoff)
        self.settings = settings
        ends = list(combinations_with_replacement(range(len(self.species)), 2))
        self._blocks, self.size = len(ends), check_size(len(ends) * (settings.degree + 1))
        self._names = [
            f"2B {self.species[s]}-{self.species[t]} chebyshev k={k}" for s, t in ends for k in range(settings.degree + 1)
        ]
        self._block = np.zeros((len(self.species),) * 2, dtype=int)
        for block, (s, t) in enumerate(ends):
            self._block[s, t] = self._block[t, s] = block

    @property
    def names(self) -> list[str]:
        """What each column is, (P,)."""
        return self._names

    def values(self, atoms: Atoms) -> np.ndarray:
        """Return the descriptors of each atom, (N, P)."""
        bonds = self._bonds(atoms)
        return self._gathered(bonds, bonds.values, len(atoms))

    def design(self, atoms: Atoms, stress: bool = True) -> Design:
        """Return the rows of the summed descriptors: energy (P,), forces (3 N, P), stress (6, P)."""
        bonds = self._bonds(atoms)
        energy = self._gathered(bonds, bonds.values, len(atoms)).sum(axis=0)
        # a pair pulls its centre twice: as seen from this end, and from the other
        parts = [self._gathered(bonds, 2.0 * bonds.slopes * unit[:, None], len(atoms)) for unit in bonds.units.T]
        forces = np.stack(parts, axis=1).reshape(3 * len(atoms), self.size)
        if not (stress and atoms.pbc.all()):
            return Design(energy, forces, None)
        # (6, M) times (M, K + 1), pair of species by pair of species
        arms = np.stack([bonds.vectors[:, a] * bonds.units[:, b] for a, b in VOIGT])
        rows = [arms[:, bonds.block == block] @ bonds.slopes[bonds.block == block] for block in range(self._blocks)]
        return Design(energy, forces, np.hstack(rows) / atoms.get_volume())

    def _pull(self, atoms: Atoms, derivatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bonds, count = self._bonds(atoms), len(atoms)
        blocks = derivatives.reshape(len(derivatives), count, self._blocks, -1)
        # a member at a time: what is gathered is as large as the functions of all pairs
        along = np.array([np.einsum("pk,pk->p", each[bonds.centre, bonds.block], bonds.slopes) for each in blocks])
        pulls = along[:, :, None] * bonds.units
        pairs = np.arange(len(bonds.centre))
        ends = [csr_array((np.ones(len(pairs)), (end, pairs)), shape=(count, len(pairs))) for end in (bonds.centre, bonds.other)]
        forces = np.array([(ends[0] - ends[1]) @ each for each in pulls])
        virial = np.stack([(bonds.vectors[:, a] * pulls[:, :, b]).sum(axis=1) for a, b in VOIGT], axis=1)
        return forces, virial

    def _push(self, atoms: Atoms, moves: np.ndarray, strains: np.ndarray) -> np.ndarray:
        bonds = self._bonds(atoms)
        moved = moves[:, bonds.other] - moves[:, bonds.centre] + bonds.vectors @ strains
        along = np.einsum("mpa,pa->mp", moved, bonds.units)
        return np.array([self._gathered(bonds, bonds.slopes * each[:, None], len(atoms)) for each in along])

    def _bonds(self, atoms: Atoms) -> _Bonds:
        kinds, pairs = self.kinds(atoms), self.neighbours(atoms)
        r = np.linalg.norm(pairs.vectors, axis=1)
        values, slopes = functions(r, self.cutoff, self.settings.degree)
        block = self._block[kinds[pairs.centres], kinds[pairs.second]]
        return _Bonds(pairs.centres, pairs.second, pairs.vectors, pairs.vectors / r[:, None], block, 0.5 * values, 0.5 * slopes)

    def _gathered(self, bonds: _Bonds, terms: np.ndarray, count: int) -> np.ndarray:
        """Return the sums of what pairs have (M, K + 1) over those of each atom and pair of species, (N, P)."""
        rows, pairs = bonds.centre * self._blocks + bonds.block, np.arange(len(bonds.centre))
        summed = csr_array((np.ones(len(pairs)), (rows, pairs)), shape=(count * self._blocks, len(pairs))) @ terms
        return np.asarray(summed).reshape(count, self.size)
