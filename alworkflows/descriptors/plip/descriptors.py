r"""PLIP descriptors: two-, three- and N-body terms on radial functions.

After Benoit et al., "Measuring transferability issues in machine-learning force fields: the example of gold-iron interactions
with linearized potentials", Eqs. 2-4, and Ammothum Kandy et al., "Comparing transferability in neural network approaches and
linear models for machine-learning interaction potentials", Eqs. 2-4.

For a centre i, with g_n = f_n f_c and h_n = g_n f_s:

    [2B]_n      = sum_j g_n(r_ij)
    [3B]_{n,l}  = sum_j sum_k g_n(r_ij) g_n(r_ik) cos^l(theta_ijk)
    [NB]_{n,m}  = ( sum_j h_n(r_ij) )^m

    f_c(r) = (1 + cos(pi r / r_c)) / 2,
    f_s(u) = 6 u^5 - 15 u^4 + 10 u^3,  u = (r - r_1) / (r_2 - r_1), r_1 and r_2 at 95 % and 105 % of the switch,

and f_n any of the functions in :mod:`.families`; some serve two-body terms alone. The double sum of [3B] includes j = k, as the
papers write it. Sums are kept apart by species, each distinct term once: [2B] by unordered pair, [3B] by centre and unordered
pair of neighbour species, [NB] by centre and neighbour species. For S species, P = S (S + 1) / 2 pairs, L values of l and M of m
a function thus makes P + S P L + S^2 M descriptors: for two species 3 + 6 L + 4 M. With the defaults (36 functions, l = 0..5,
m = 4..7) that is 36 x 55 = 1980.

The papers count otherwise. Both keep triples of ordered neighbour species apart, of which 6 of 8 are distinct, take l = 1..5, and
do not keep the N-body terms of the two ends of an unlike pair apart: 3 + 8 x 5 + 3 x 4 = 55 for each function as well, hence
their 1980 = 36 x 55, and Table I's 990 = 18 x 55 Gaussians, 1320 = 24 x 55 Lorentzian and log-normal peaks, 1375 = 25 x 55
orbitals. The same l and m make 3 + 6 x 5 + 4 x 4 = 49 distinct ones here: 882, 1176, 1225.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms

from alworkflows.descriptors.contract import Descriptors, Design, check_size
from alworkflows.descriptors.plip.blocks import Blocks
from alworkflows.descriptors.plip.families import RadialFunction, radial_functions
from alworkflows.descriptors.plip.folding import FoldedModels
from alworkflows.descriptors.plip.native import Shape, design, pull, push
from alworkflows.descriptors.plip.radial import FEWEST_BINS, RadialTable, tabulate
from alworkflows.errors import InputError
from alworkflows.settings import PlipSettings

__all__ = ["Plip", "Term"]


@dataclass(frozen=True)
class Term:
    """What a column is.

    ``body``: ``2B`` of a pair, ``3B`` of a centre and two neighbours, ``NB`` of a centre and its neighbours, by ``species``;
    its radial ``function``; its ``power`` l or m, if it has one.
    """

    body: str
    species: tuple[str, ...]
    function: RadialFunction
    power: int | None = None

    @property
    def name(self) -> str:
        """All of it as one text."""
        first = self.species[0]
        which = {
            "2B": "-".join(self.species),
            "3B": f"{first}({','.join(self.species[1:])}) l={self.power}",
            "NB": f"{first}({self.species[-1]}) m={self.power}",
        }[self.body]
        return f"{self.body} {which} {self.function.family} {self.function.label}"


class Plip(Descriptors):
    """Two-, three- and N-body descriptors; see the module."""

    def __init__(self, settings: PlipSettings, species: Sequence[str]) -> None:
        super().__init__(species, settings.cutoff)
        self.settings = settings
        functions = [function for family in settings.functions for function in radial_functions(family)]
        seen: set[tuple[str, str]] = set()
        for function in functions:
            if (function.family, function.label) in seen:
                raise InputError(f"functions: {function.family} {function.label} occurs twice")
            seen.add((function.family, function.label))
        shared = [function for function in functions if not function.pair]
        paired = [function for function in functions if function.pair]
        self.radial = [*shared, *paired]
        powers = [np.array(values, dtype=np.int32) for values in (settings.l, settings.m)]
        none = np.zeros(0, dtype=np.int32)
        # functions that serve all terms, and those that serve two-body terms alone; columns of the first come first
        self.shapes = [
            shape
            for shape in (Shape(len(species), len(shared), *powers), Shape(len(species), len(paired), none, none))
            if shape.radial
        ]
        self._starts = np.cumsum([0, *(shape.columns for shape in self.shapes)])[:-1].tolist()
        self.size = check_size(sum(shape.columns for shape in self.shapes))

    def values(self, atoms: Atoms) -> np.ndarray:
        """Return the descriptors of each atom, (N, P); a bond's two-body term is shared between its ends."""
        return _joined(self._each(atoms, True, False, False)[0])

    def design(self, atoms: Atoms, stress: bool = True) -> Design:
        """Return the rows of the summed descriptors: energy (P,), forces (3 N, P), stress (6, P)."""
        _, energy, forces, virial = self._each(atoms, False, True, stress and bool(atoms.pbc.all()))
        return Design(_joined(energy), _joined(forces), _joined(virial) / atoms.get_volume() if virial else None)

    def _each(self, atoms: Atoms, values: bool, rows: bool, virial: bool) -> list[list[np.ndarray]]:
        """Return each output of the kernel, if asked for, as one array for each shape."""
        kinds, pairs = self.kinds(atoms), self.neighbours(atoms)
        outputs = [
            design(shape, kinds, pairs, part, values, rows, virial) for shape, part in zip(self.shapes, self._tables, strict=True)
        ]
        return [[part for part in parts if part is not None] for parts in zip(*outputs, strict=True)]

    def _pull(self, atoms: Atoms, derivatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kinds, pairs = self.kinds(atoms), self.neighbours(atoms)
        forces, virial = np.zeros((len(derivatives), len(atoms), 3)), np.zeros((len(derivatives), 6))
        for shape, table, start in zip(self.shapes, self._tables, self._starts, strict=True):
            part = pull(shape, kinds, pairs, table, derivatives, start)
            forces += part[0]
            virial += part[1]
        return forces, virial

    def _push(self, atoms: Atoms, moves: np.ndarray, strains: np.ndarray) -> np.ndarray:
        kinds, pairs = self.kinds(atoms), self.neighbours(atoms)
        changes = np.zeros((len(moves), len(atoms), self.size))
        for shape, table, start in zip(self.shapes, self._tables, self._starts, strict=True):
            push(shape, kinds, pairs, table, moves, strains, changes, start)
        return changes

    def fold(self, weights: np.ndarray, fixed: RadialTable | None = None) -> FoldedModels:
        """Return M linear models with weights (M, P) as one evaluation made for dynamics.

        ``fixed``: energies (eV) of the distance, by unordered pair of species, that every model adds: a baseline.
        """
        return FoldedModels(self.blocks(weights, fixed))

    def blocks(self, weights: np.ndarray, fixed: RadialTable | None = None) -> Blocks:
        """Return the weights (M, P) of M linear models by body order, with a ``fixed`` baseline if given."""
        weights = np.asarray(weights, dtype=float)
        models, species, radial = len(weights), len(self.species), len(self.radial)
        pairs = species * (species + 1) // 2
        two = np.zeros((models, pairs, radial))
        three = np.zeros((models, species, pairs, len(self.settings.l), radial))
        many = np.zeros((models, species, species, len(self.settings.m), radial))
        column = function = 0
        for shape in self.shapes:
            part = weights[:, column : column + shape.columns].reshape(models, -1, shape.radial)
            here = slice(function, function + shape.radial)
            ends = np.cumsum([pairs, species * pairs * len(shape.l)])
            two[..., here] = part[:, : ends[0]]
            three[..., : len(shape.l), here] = part[:, ends[0] : ends[1]].reshape(
                models, species, pairs, len(shape.l), shape.radial
            )
            many[..., : len(shape.m), here] = part[:, ends[1] :].reshape(models, species, species, len(shape.m), shape.radial)
            column, function = column + shape.columns, function + shape.radial
        l, m = (np.array(values, dtype=np.int32) for values in (self.settings.l, self.settings.m))  # noqa: E741
        return Blocks(self.table, l, m, two, three, many, fixed)

    @property
    def core(self) -> float:
        """Where functions that diverge are continued, A: a knot of the tables."""
        step = self.cutoff / FEWEST_BINS
        return float(np.ceil(self.settings.core / step - 1e-9) * step)

    def functions(self, r: np.ndarray) -> np.ndarray:
        """Return g_n(r) = f_n(r) f_c(r) at distances ``r`` (M,) in A, (M, R)."""
        # 1 + cos would lose digits near the cutoff
        cut = np.where(r < self.cutoff, np.cos(0.5 * np.pi * r / self.cutoff) ** 2, 0.0)
        return np.stack([function(r, self.core) * cut for function in self.radial], axis=1)

    @cached_property
    def table(self) -> RadialTable:
        """The radial functions as the kernels read them."""
        return tabulate(self.functions, self.cutoff, 0.95 * self.settings.switch, 1.05 * self.settings.switch)

    @cached_property
    def _tables(self) -> list[RadialTable]:
        if len(self.shapes) == 1:
            return [self.table]
        ends = np.cumsum([shape.radial for shape in self.shapes])[:-1]
        parts = np.split(self.table.coefficients, ends, axis=2)
        return [replace(self.table, coefficients=np.ascontiguousarray(part)) for part in parts]

    @cached_property
    def terms(self) -> list[Term]:
        """What each column is, (P,)."""
        species = self.species
        pairs = [(s, t) for index, s in enumerate(species) for t in species[index:]]
        terms, function = [], 0
        for shape in self.shapes:
            blocks: list[tuple[str, tuple[str, ...], int | None]] = [("2B", pair, None) for pair in pairs]
            blocks += [("3B", (c, *pair), int(l)) for c in species for pair in pairs for l in shape.l]  # noqa: E741
            blocks += [("NB", (c, s), int(m)) for c in species for s in species for m in shape.m]
            functions = self.radial[function : function + shape.radial]
            terms += [Term(body, which, each, power) for body, which, power in blocks for each in functions]
            function += shape.radial
        return terms

    @cached_property
    def names(self) -> list[str]:
        """What each column is, as text."""
        return [term.name for term in self.terms]


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Return arrays side by side; one alone is not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
