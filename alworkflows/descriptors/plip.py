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

from alworkflows.descriptors.contract import Descriptors, Design
from alworkflows.descriptors.native import Neighbours, Shape, kinds_of, linear, neighbours, plip
from alworkflows.errors import InputError
from alworkflows.settings import DescriptorSettings

__all__ = ["Plip"]

#: bins of the Hermite tables: error below 1e-11 of the largest value for the default functions
BINS = 3000


class Plip(Descriptors):
    """Two-, three- and N-body descriptors; see the module."""

    def __init__(self, settings: DescriptorSettings, species: Sequence[str]) -> None:
        if not species or len(set(species)) != len(species):
            raise InputError(f"expected each species once, got {list(species)}")
        self.settings, self.species, self.cutoff = settings, tuple(species), float(settings.cutoff)
        self.radial = [(float(b), float(a)) for a in settings.widths for b in settings.centres]
        self._b = np.array([b for b, _ in self.radial])
        self._a = np.array([a for _, a in self.radial])
        self.shape = Shape(
            len(species), len(self.radial), np.array(settings.l, dtype=np.int32), np.array(settings.m, dtype=np.int32)
        )
        self.size = self.shape.columns
        self.names = self._names()

    def values(self, atoms: Atoms) -> np.ndarray:
        """Return the descriptors of each atom, (N, P); a bond's two-body term is shared between its ends."""
        kinds, pairs = kinds_of(atoms, self.species), self.neighbours(atoms)
        found = plip(self.shape, kinds, pairs, self._pair_functions(pairs), True, False, False)[0]
        assert found is not None
        return found

    def design(self, atoms: Atoms, stress: bool = True) -> Design:
        """Return the rows of the summed descriptors: energy (P,), forces (3 N, P), stress (6, P)."""
        kinds, pairs = kinds_of(atoms, self.species), self.neighbours(atoms)
        periodic = stress and bool(atoms.pbc.all())
        _, energy, forces, virial = plip(self.shape, kinds, pairs, self._pair_functions(pairs), False, True, periodic)
        assert energy is not None
        assert forces is not None
        return Design(energy, forces, virial / atoms.get_volume() if virial is not None else None)

    def vjp(self, atoms: Atoms, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return forces (N, 3) and stress (6,) of an energy whose derivative by the descriptors is ``weights`` (N, P)."""
        kinds, pairs = kinds_of(atoms, self.species), self.neighbours(atoms)
        weights = np.ascontiguousarray(weights, dtype=float)[None]
        _, forces, virial = linear(self.shape, kinds, pairs, self.cutoff, self.table, weights)
        volume = atoms.get_volume() if atoms.pbc.all() else np.inf
        return forces[0], virial[0] / volume

    def neighbours(self, atoms: Atoms, skin: float = 0.0) -> Neighbours:
        """Return the full list of pairs within the cutoff plus ``skin`` (A)."""
        return neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, self.cutoff + skin)

    # ------------------------------------------------------------------------------------------------ radial functions

    def functions(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return g, g', h, h' at distances ``r`` (M,), each (M, R)."""
        x = r[:, None] - self._b
        f = np.exp(-self._a * x * x)
        df = -2 * self._a * x * f
        inside = r < self.cutoff
        angle = np.pi * r / self.cutoff
        fc = np.where(inside, 0.5 * (1 + np.cos(angle)), 0.0)[:, None]
        dfc = np.where(inside, -0.5 * np.pi / self.cutoff * np.sin(angle), 0.0)[:, None]
        g, dg = f * fc, df * fc + f * dfc
        r1, r2 = 0.95 * self.settings.switch, 1.05 * self.settings.switch
        u = np.clip((r - r1) / (r2 - r1), 0.0, 1.0)
        fs = (u**3 * (10 + u * (6 * u - 15)))[:, None]
        dfs = (30 * u**2 * (u - 1) ** 2 / (r2 - r1))[:, None]
        return g, dg, g * fs, dg * fs + g * dfs

    def _pair_functions(self, pairs: Neighbours) -> tuple[np.ndarray, ...]:
        return self.functions(np.sqrt((pairs.vectors**2).sum(axis=1)))

    @cached_property
    def table(self) -> np.ndarray:
        """Cubic Hermite coefficients of g and h, (bins, 8, R), in each bin's variable from 0 to 1."""
        width = self.cutoff / BINS
        g, dg, h, dh = self.functions(np.linspace(0.0, self.cutoff, BINS + 1))
        parts = []
        for value, slope in ((g, dg * width), (h, dh * width)):
            rise = value[1:] - value[:-1]
            parts += [value[:-1], slope[:-1], 3 * rise - 2 * slope[:-1] - slope[1:], slope[:-1] + slope[1:] - 2 * rise]
        return np.ascontiguousarray(np.stack(parts, axis=1))

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
