r"""A fitted model as curves: pair terms, angles, densities; everything a linear PLIP model is made of.

With the radial functions :math:`g_n` and :math:`h_n = g_n f_s` (see :mod:`.descriptors.plip.descriptors`) and fitted weights:

.. math::

   V_{st}(r) &= \sum_n v_{st,n} g_n(r) \\
   E_{c,st}(\theta) &= (1 + \delta_{st}) \sum_{n l} w_{c,st,l,n} g_n(r_{cs}) g_n(r_{ct}) \cos^l\theta \\
   F_{c,s,n}(\rho) &= \sum_m w_{c,s,n,m} \rho^m,  \qquad  \rho_{c,s,n} = \sum_{j \in s} h_n(r_{cj})

Energies in eV, distances in A, angles in degrees; the first axis of every energy is that of the models of a committee.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from alworkflows.descriptors.neighbours import kinds_of, neighbours
from alworkflows.descriptors.plip.blocks import Blocks, pair_index
from alworkflows.descriptors.plip.radial import RadialTable
from alworkflows.insight.distances import lengths, pair_names

__all__ = ["AngleCurve", "DensityCurve", "PairCurve", "angle_curves", "density_curves", "density_function", "pair_curves"]

POINTS = 481
#: nearest distance that is drawn, A
NEAREST = 0.4
#: force that counts as an attraction, eV/A
ATTRACTION = 0.05
#: barrier that no two atoms cross, eV
HIGH = 20.0


@dataclass(frozen=True)
class PairCurve:
    """Pair terms of one pair of species.

    ``r`` (K,); ``terms`` (M, K): fitted two-body terms; ``baseline`` (K,) or None; ``dimer`` (M, K): the energy of two atoms
    alone, with the share that three- and N-body terms have in it, and the baseline.
    """

    pair: str
    r: np.ndarray
    terms: np.ndarray
    baseline: np.ndarray | None
    dimer: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Two-body terms with the baseline, (M, K)."""
        return self.terms if self.baseline is None else self.terms + self.baseline

    def hole(self, shortest: float) -> tuple[float, float] | None:
        """Return where two atoms alone attract each other though nearer than ``shortest`` (A), and how high the barrier is (eV).

        Nearer than any two atoms in the data a potential should only repel: where it does not, hot atoms may fuse. The barrier is
        counted from the lowest energy of atoms farther apart. None if there is no such place, or only one behind ``HIGH``.
        """
        energy = self.dimer.mean(axis=0)
        inside = np.flatnonzero((self.r < shortest) & (np.gradient(energy, self.r) > ATTRACTION))
        if not len(inside):
            return None
        edge = int(inside.max())
        barrier = float(energy[edge:].max() - energy[edge:].min())
        return (float(self.r[edge]), barrier) if barrier < HIGH else None


@dataclass(frozen=True)
class AngleCurve:
    """Three-body energy ``energy`` (M, K) of a centre with two neighbours ``distances`` (A) away, against the angle ``theta``."""

    centre: str
    neighbours: tuple[str, str]
    distances: tuple[float, float]
    theta: np.ndarray
    energy: np.ndarray


@dataclass(frozen=True)
class DensityCurve:
    """One N-body density of a centre: ``density`` (K,) of a neighbour against ``r``, and ``energy`` (M, K) against ``rho``.

    ``function``: number and ``name`` of the radial function. ``rho`` spans what occurs in the data, or what one to twelve
    neighbours give where there are none.
    """

    centre: str
    neighbour: str
    function: int
    name: str
    r: np.ndarray
    density: np.ndarray
    rho: np.ndarray
    energy: np.ndarray


def density_function(table: RadialTable, r: np.ndarray) -> np.ndarray:
    """Return h_n(r) = g_n(r) f_s(r), (M, R)."""
    u = np.clip((r - table.inner) / (table.outer - table.inner), 0.0, 1.0)
    return table(r) * (u**3 * (u * (6.0 * u - 15.0) + 10.0))[:, None]


def pair_curves(blocks: Blocks, species: Sequence[str]) -> list[PairCurve]:
    """Return the curves of every pair of species, in the order of :func:`.blocks.pair_index`."""
    r = np.linspace(NEAREST, blocks.table.cutoff, POINTS)
    functions, densities = blocks.table(r), density_function(blocks.table, r)
    fixed = None if blocks.fixed is None else blocks.fixed(r)
    index = pair_index(len(species))
    curves = []
    for number, name in enumerate(pair_names(species)):
        terms = blocks.two[:, number] @ functions.T
        baseline = None if fixed is None else fixed[:, number]
        dimer = terms if baseline is None else terms + baseline
        first, second = np.argwhere(np.triu(np.ones(index.shape)) * (index == number))[0]
        for centre, other in ((first, second), (second, first)):
            # a neighbour makes an angle of zero with itself, where cos^l = 1
            dimer = dimer + blocks.three[:, centre, index[other, other]].sum(axis=1) @ (functions**2).T
            for power, weights in zip(blocks.m, np.moveaxis(blocks.many[:, centre, other], 1, 0), strict=True):
                dimer = dimer + weights @ (densities**power).T
        curves.append(PairCurve(name, r, terms, baseline, dimer))
    return curves


def angle_curves(blocks: Blocks, species: Sequence[str], distances: np.ndarray) -> list[AngleCurve]:
    """Return the three-body energy of every centre and pair of neighbours that has one, at ``distances`` (pairs,) in A."""
    theta = np.linspace(0.0, 180.0, 181)
    index = pair_index(len(species))
    cosines = np.cos(np.radians(theta))[None] ** blocks.l[:, None]
    curves = []
    for centre, middle in enumerate(species):
        for first in range(len(species)):
            for second in range(first, len(species)):
                weights = blocks.three[:, centre, index[first, second]]
                if not weights.any():
                    continue
                apart = float(distances[index[centre, first]]), float(distances[index[centre, second]])
                both = np.prod(blocks.table(np.array(apart)), axis=0)
                energy = (2.0 if first == second else 1.0) * np.einsum("mln,n,lk->mk", weights, both, cosines)
                curves.append(AngleCurve(middle, (species[first], species[second]), apart, theta, energy))
    return curves


def density_curves(
    blocks: Blocks, species: Sequence[str], frames: Sequence[Atoms], names: Sequence[str], largest: int = 4
) -> list[DensityCurve]:
    """Return, for every centre and neighbour, the ``largest`` densities by how far their energy varies in ``frames``.

    ``names`` (R,) of the radial functions.
    """
    largest_curves = []
    r = np.linspace(NEAREST, blocks.table.cutoff, POINTS)
    shapes = density_function(blocks.table, r)
    ranges = _ranges(blocks, species, frames)
    for centre, neighbour in np.ndindex(len(species), len(species)):
        weights = blocks.many[:, centre, neighbour]
        curves = []
        for n in np.flatnonzero(weights.any(axis=(0, 1))).tolist():
            low, high = ranges[:, centre, neighbour, n]
            rho = np.linspace(low, high, 121)
            energy = weights[:, :, n] @ rho[None] ** blocks.m[:, None]
            curves.append(DensityCurve(species[centre], species[neighbour], n, names[n], r, shapes[:, n], rho, energy))
        curves.sort(key=lambda curve: -float(np.ptp(curve.energy.mean(axis=0))))
        largest_curves += curves[:largest]
    return largest_curves


def _ranges(blocks: Blocks, species: Sequence[str], frames: Sequence[Atoms]) -> np.ndarray:
    """Return the smallest and largest density of the frames, (2, S, S, R)."""
    count, functions = len(species), blocks.table.size
    largest = density_function(blocks.table, np.linspace(NEAREST, blocks.table.cutoff, POINTS)).max(axis=0)
    ranges = np.empty((2, count, count, functions))
    ranges[0], ranges[1] = np.inf, -np.inf
    for atoms in frames:
        kinds = kinds_of(atoms, tuple(species))
        pairs = neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, blocks.table.cutoff)
        rho = np.zeros((len(atoms), count, functions))
        np.add.at(rho, (pairs.centres, kinds[pairs.second]), density_function(blocks.table, lengths(pairs)))
        for centre in np.unique(kinds):
            ranges[0, centre] = np.minimum(ranges[0, centre], rho[kinds == centre].min(axis=0))
            ranges[1, centre] = np.maximum(ranges[1, centre], rho[kinds == centre].max(axis=0))
    empty = ~(ranges[1] > ranges[0])
    ranges[0][empty] = np.broadcast_to(largest, empty.shape)[empty]
    ranges[1][empty] = np.broadcast_to(12.0 * largest, empty.shape)[empty]
    return ranges
