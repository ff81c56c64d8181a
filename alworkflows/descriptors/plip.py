r"""PLIP descriptors: two-, three- and N-body terms on radial functions.

After Benoit et al., "Measuring transferability issues in machine-learning force fields: the example of gold-iron interactions
with linearized potentials", Eqs. 2-4, and Ammothum Kandy et al., "Comparing transferability in neural network approaches and
linear models for machine-learning interaction potentials", Eqs. 2-4.

For a centre i, with g_n = f_n f_c and h_n = g_n f_s:

    [2B]_n      = sum_j g_n(r_ij)
    [3B]_{n,l}  = sum_j sum_k g_n(r_ij) g_n(r_ik) cos^l(theta_ijk)
    [NB]_{n,m}  = ( sum_j h_n(r_ij) )^m

    f_n(r) = exp(-a_n (r - b_n)^2),  f_c(r) = (1 + cos(pi r / r_c)) / 2,
    f_s(u) = 6 u^5 - 15 u^4 + 10 u^3,  u = (r - r_1) / (r_2 - r_1), r_1 and r_2 at 95 % and 105 % of the switch.

The double sum of [3B] includes j = k, as the papers write it. Sums are kept apart by species, each distinct term once: [2B] by
unordered pair, [3B] by centre and unordered pair of neighbour species, [NB] by centre and neighbour species. For two species
that is R (3 + 6 L + 4 M) descriptors for R radial functions, L values of l and M of m: with the defaults (R = 36, l = 0..5,
m = 4..7) 1980. The paper's own 1980 = 36 (3 + 8 x 5 + 3 x 4) counts triples with ordered neighbours, of which 6 of 8 are
distinct, takes l = 1..5, and does not keep the N-body terms of the two ends of an unlike pair apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from ase import Atoms

from alworkflows.descriptors.blocks import Blocks
from alworkflows.descriptors.contract import Descriptors, Design
from alworkflows.descriptors.folding import FoldedModels
from alworkflows.descriptors.native import Neighbours, Shape, design, kinds_of, neighbours, pull
from alworkflows.descriptors.radial import RadialTable, tabulate
from alworkflows.errors import InputError
from alworkflows.settings import DescriptorSettings

__all__ = ["Plip"]


class Plip(Descriptors):
    """Two-, three- and N-body descriptors; see the module."""

    def __init__(self, settings: DescriptorSettings, species: Sequence[str]) -> None:
        if not species or len(set(species)) != len(species):
            raise InputError(f"expected each species once, got {list(species)}")
        self.settings, self.species, self.cutoff = settings, tuple(species), float(settings.cutoff)
        self.radial = [(float(b), float(a)) for a in settings.widths for b in settings.centres]
        self.shape = Shape(
            len(species), len(self.radial), np.array(settings.l, dtype=np.int32), np.array(settings.m, dtype=np.int32)
        )
        self.size = self.shape.columns
        self.names = self._names()

    def values(self, atoms: Atoms) -> np.ndarray:
        """Return the descriptors of each atom, (N, P); a bond's two-body term is shared between its ends."""
        kinds, pairs = kinds_of(atoms, self.species), self.neighbours(atoms)
        found = design(self.shape, kinds, pairs, self.table, True, False, False)[0]
        assert found is not None
        return found

    def design(self, atoms: Atoms, stress: bool = True) -> Design:
        """Return the rows of the summed descriptors: energy (P,), forces (3 N, P), stress (6, P)."""
        kinds, pairs = kinds_of(atoms, self.species), self.neighbours(atoms)
        periodic = stress and bool(atoms.pbc.all())
        _, energy, forces, virial = design(self.shape, kinds, pairs, self.table, False, True, periodic)
        assert energy is not None
        assert forces is not None
        return Design(energy, forces, virial / atoms.get_volume() if virial is not None else None)

    def vjp(self, atoms: Atoms, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return forces (N, 3) and stress (6,) of an energy whose derivative by the descriptors is ``weights`` (N, P)."""
        kinds, pairs = kinds_of(atoms, self.species), self.neighbours(atoms)
        forces, virial = pull(self.shape, kinds, pairs, self.table, np.ascontiguousarray(weights, dtype=float))
        return forces, virial / (atoms.get_volume() if atoms.pbc.all() else np.inf)

    def fold(self, weights: np.ndarray) -> FoldedModels:
        """Return M linear models with weights (M, P) as one evaluation made for dynamics."""
        return FoldedModels(self.blocks(weights))

    def blocks(self, weights: np.ndarray, fixed: RadialTable | None = None) -> Blocks:
        """Return the weights (M, P) of M linear models by body order, with a ``fixed`` baseline if given."""
        by_block = np.asarray(weights, dtype=float).reshape(len(weights), -1, self.shape.radial)
        species, pairs, powers = len(self.species), self.shape.pairs, len(self.shape.l)
        two, three, many = np.split(by_block, [pairs, pairs + species * pairs * powers], axis=1)
        three = three.reshape(len(weights), species, pairs, powers, self.shape.radial)
        many = many.reshape(len(weights), species, species, len(self.shape.m), self.shape.radial)
        return Blocks(self.table, self.shape.l, self.shape.m, two, three, many, fixed)

    def neighbours(self, atoms: Atoms, skin: float = 0.0) -> Neighbours:
        """Return the full list of pairs within the cutoff plus ``skin`` (A)."""
        return neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, self.cutoff + skin)

    def functions(self, r: np.ndarray) -> np.ndarray:
        """Return g_n(r) = f_n(r) f_c(r) at distances ``r`` (M,) in A, (M, R)."""
        b, a = np.array(self.radial).T
        cut = np.where(r < self.cutoff, np.cos(0.5 * np.pi * r / self.cutoff) ** 2, 0.0)
        return np.exp(-a * (r[:, None] - b) ** 2) * cut[:, None]

    @cached_property
    def table(self) -> RadialTable:
        """The radial functions as the kernels read them."""
        return tabulate(self.functions, self.cutoff, 0.95 * self.settings.switch, 1.05 * self.settings.switch)

    def _names(self) -> list[str]:
        tags = [f"b={b:g} a={a:g}" for b, a in self.radial]
        species, count = self.species, len(self.species)
        pairs = [(s, t) for s in range(count) for t in range(s, count)]
        blocks = [f"2B {species[s]}-{species[t]}" for s, t in pairs]
        blocks += [
            f"3B {species[c]}({species[s]},{species[t]}) l={l}"
            for c in range(count)
            for s, t in pairs
            for l in self.settings.l  # noqa: E741
        ]
        blocks += [f"NB {species[c]}({species[s]}) m={m}" for c in range(count) for s in range(count) for m in self.settings.m]
        return [f"{block} {tag}" for block in blocks for tag in tags]
