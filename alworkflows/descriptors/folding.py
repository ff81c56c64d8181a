r"""Linear models on PLIP descriptors, folded into few functions of the distance and few moments for dynamics.

However many terms a model has, its energy depends on sums over the neighbours of each centre alone (see ``model.h``):

.. math:: E_c = \sum_j v_{c s_j}(r_j) + \sum_d p_d(\rho_d) + \frac12 \sum_l \sum_{ab} W^l_{ab} \sum_{k \in l} A_{a k} A_{b k}

All two-body terms of a pair of species, and a baseline, are one function v. Powers of the same density are one polynomial. A
weight of :math:`\cos^l` is spread over Legendre polynomials, whose moments :math:`A_{ak} = \sum_j f_a(r_j) Y_k(u_j)` are needed
for the radial functions that count there and no others. Where these are so many that fewer, orthogonal functions carry them
(:math:`g_n = \sum_q \phi_q C_{qn}` from a singular value decomposition, each function and its slope right to ``ACCURACY``), the
orthogonal ones are taken: 24 for the 36 Gaussians of the default. So the cost follows the terms of a sparse model, and is bounded
for a dense one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from alworkflows.descriptors.blocks import Blocks, pair_index
from alworkflows.descriptors.native import FlatModels, NativeModels, Neighbours
from alworkflows.descriptors.radial import RadialTable, polynomials

__all__ = ["FoldedModels", "flatten"]

#: largest error of a radial function by leaving out others, relative to its largest value; of its slope likewise
ACCURACY = 1e-6
#: points on which radial functions are decomposed and compared
POINTS = 600
#: orthogonal functions couple each to each, which makes a moment of theirs this much dearer
DENSE = 1.3
#: coefficients of an N-body polynomial, and of a tabulated function in each bin
POLYNOMIAL, TABLE = 10, 6
#: largest error of a tabulated function, relative to its largest value from there on to the cutoff
PRECISION = 1e-8


class FoldedModels:
    """M linear models, evaluated together.

    Parameters
    ----------
    blocks
        Their weights, and the radial functions.
    """

    def __init__(self, blocks: Blocks) -> None:
        self.flat = flatten(blocks)
        self._native = NativeModels(self.flat)

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, pairs: Neighbours, deform: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energies (M, N) (eV), forces (M, N, 3) (eV/A) and virials (M, 6) (eV); see :class:`.native.NativeModels`."""
        return self._native.evaluate(kinds, positions, pairs, deform)


@dataclass(frozen=True)
class _Side:
    """What centres of one species take from neighbours of one species.

    ``combination`` (R, F): the tabulated functions as sums of radial functions; ``projection`` (Q, R) of the radial functions on
    those of the moments, which stand from ``offset`` on; ``rows``: for each degree the functions (among Q) with a moment.
    """

    combination: np.ndarray
    offset: int
    projection: np.ndarray
    rows: list[np.ndarray]


def flatten(blocks: Blocks) -> FlatModels:
    """Return models as the flat arrays that the kernels, and programs that run without Python, read."""
    species, models = blocks.species, blocks.models
    three = _legendres(blocks)  # (M, S, P, degrees, R)
    index = pair_index(species)
    active: np.ndarray = np.any(three, axis=0)
    sides, polynomials = [], []
    for c in range(species):
        for s in range(species):
            used = np.flatnonzero(blocks.many[:, c, s].any(axis=(0, 1)))
            polynomials.append(_polynomials(blocks.m, blocks.many[:, c, s][:, :, used]))
            two = 0.5 * blocks.two[:, index[c, s]].T
            sides.append(_side(two, used, blocks.table, active[c][index[:, s]].any(axis=0)))
    tables = _tables(blocks, sides, index)
    ends = np.cumsum([side.combination.shape[1] for side in sides])[:-1]
    couplings = [_couplings(three[model], sides, index) for model in range(models)]
    entries = np.array([sum(len(columns) for columns, _ in rows) for rows in couplings])
    begin = [0, *np.cumsum([len(columns) for rows in couplings for columns, _ in rows])]
    assert begin[-1] == entries.sum()
    return FlatModels(
        species=species,
        models=models,
        lmax=three.shape[3] - 1,
        cutoff=blocks.table.cutoff,
        inner=blocks.table.inner,
        outer=blocks.table.outer,
        bins=tables.shape[0],
        functions=np.array([side.combination.shape[1] for side in sides], dtype=np.int32),
        densities=np.array([found.shape[1] for found in polynomials], dtype=np.int32),
        rows=np.array([len(functions) for side in sides for functions in side.rows], dtype=np.int32),
        tables=np.concatenate([part.ravel() for part in np.split(tables, ends, axis=2)]),
        function=np.concatenate([side.offset + functions for side in sides for functions in side.rows]).astype(np.int32),
        polynomial=np.ascontiguousarray(np.concatenate(polynomials, axis=1)),
        begin=np.array(begin, dtype=np.int64),
        column=np.concatenate([np.zeros(0, int), *(columns for rows in couplings for columns, _ in rows)]).astype(np.int32),
        weight=np.concatenate([np.zeros(0), *(weights for rows in couplings for _, weights in rows)]),
    )


def _legendres(blocks: Blocks) -> np.ndarray:
    """Return three-body weights of Legendre polynomials, (M, S, pairs, lmax + 1, R), from those of powers of the cosine."""
    used = blocks.three.any(axis=(0, 1, 2, 4))
    top = int(blocks.l[used].max(initial=0))
    spread = np.zeros((len(blocks.l), top + 1))
    for row, power in enumerate(blocks.l):
        if power <= top:
            spread[row, : power + 1] = legendre.poly2leg(np.eye(power + 1)[power])
    return np.einsum("mcpln,lk->mcpkn", blocks.three, spread)


def _tables(blocks: Blocks, sides: list[_Side], index: np.ndarray) -> np.ndarray:
    """Return the functions of all sides as polynomials over equal bins, (bins, TABLE, functions), as few bins as are accurate."""
    combination = np.hstack([side.combination for side in sides])

    def functions(r: np.ndarray) -> np.ndarray:
        found = blocks.table(r) @ combination
        if blocks.fixed is not None:
            halves, column = 0.5 * blocks.fixed(r), 0
            for side, pair in zip(sides, index.ravel(), strict=True):
                found[:, column : column + blocks.models] += halves[:, pair, None]
                column += side.combination.shape[1]
        return found

    # orthogonal functions matter less the smaller they are: what must be right is their sums
    r = np.linspace(blocks.table.cutoff / 6, blocks.table.cutoff, POINTS)
    largest = np.abs(functions(r)).max(axis=0)
    floor = np.zeros(len(largest))
    column = 0
    for side in sides:
        moments = slice(column + side.offset, column := column + side.combination.shape[1])
        floor[moments] = 1e-2 * PRECISION * largest[moments].max(initial=0.0)
    return polynomials(functions, blocks.table.cutoff, TABLE, PRECISION, floor)


def _polynomials(powers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return polynomials of the densities, (M, densities, POLYNOMIAL), from weights (M, powers, densities)."""
    found = np.zeros((len(weights), weights.shape[2], POLYNOMIAL))
    for index, power in enumerate(powers):
        found[:, :, power] += weights[:, index]
    return found


def _side(two: np.ndarray, densities: np.ndarray, radial: RadialTable, active: np.ndarray) -> _Side:
    """Return a side whose moments take the functions that count, or fewer orthogonal ones, whichever is cheaper.

    ``two`` (R, M): of the two-body functions; ``densities``: which functions are densities; ``active`` (degrees, R): which
    functions count at each degree.
    """
    size = active.shape[1]
    used = np.flatnonzero(active.any(axis=0))
    moments = projection = np.eye(size)[used]
    rows = [np.flatnonzero(counts[used]) for counts in active]
    harmonics = 2 * np.arange(len(active)) + 1
    degrees: np.ndarray = np.any(active, axis=1)
    if len(used):
        basis, change = _compress(radial.combined(np.eye(size)[:, used]))
        if DENSE * basis.shape[1] * harmonics[degrees].sum() < sum(len(row) * h for row, h in zip(rows, harmonics, strict=True)):
            moments, projection = np.zeros((2, basis.shape[1], size))
            moments[:, used], projection[:, used] = basis.T, change
            rows = [np.arange(len(moments)) if there else np.zeros(0, dtype=int) for there in degrees.tolist()]
    combination = np.hstack([two, np.eye(size)[:, densities], moments.T])
    return _Side(combination, two.shape[1] + len(densities), projection, rows)


def _compress(table: RadialTable) -> tuple[np.ndarray, np.ndarray]:
    """Return basis (R, Q) and projection (Q, R) with phi = g @ basis and g = phi @ projection, as small a Q as is accurate."""
    r = (np.arange(POINTS) + 0.5) * table.cutoff / POINTS
    functions, slopes = table(r), table(r, derivative=1)
    size, steepness = np.abs(functions).max(axis=0), np.abs(slopes).max(axis=0)
    right = np.linalg.svd(functions / size, full_matrices=False)[2]
    for kept in range(4, table.size, 2):
        basis, projection = right[:kept].T / size[:, None], right[:kept] * size
        change = basis @ projection - np.eye(table.size)
        errors = np.abs(functions @ change) / size, np.abs(slopes @ change) / steepness
        if max(error.max() for error in errors) <= ACCURACY:
            return basis, projection
    return np.eye(table.size), np.eye(table.size)


def _couplings(three: np.ndarray, sides: list[_Side], index: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each row its columns (numbers of rows) and weights: the second derivative of the energy by the moments."""
    species, degrees = len(index), three.shape[2]
    counts = np.array([[len(functions) for functions in side.rows] for side in sides])
    start = np.concatenate([[0], np.cumsum(counts.ravel())[:-1]]).reshape(counts.shape)
    found = []
    for number, side in enumerate(sides):
        c, s = divmod(number, species)
        for degree in range(degrees):
            matrices, numbers = [], []
            for t in range(species):
                other = sides[c * species + t]
                weights = three[c, index[s, t], degree] * (2.0 if s == t else 1.0)
                matrices.append((side.projection[side.rows[degree]] * weights) @ other.projection[other.rows[degree]].T)
                numbers.append(start[c * species + t, degree] + np.arange(len(other.rows[degree])))
            matrix, columns = np.hstack(matrices), np.concatenate(numbers)
            for row in matrix:
                there = np.flatnonzero(row)
                found.append((columns[there], row[there]))
    return found
