r"""Linear models on PLIP descriptors, folded into few functions of the distance and few moments for dynamics.

However many terms a model has, its energy depends on sums over the neighbours of each centre alone (see ``model.h``):

.. math:: E_c = \sum_j v_{c s_j}(r_j) + \sum_d w_d \rho_d^{m_d} + \frac12 \sum_l \sum_{k \in l} \sum_{ab} W^l_{ab} A_{ak} A_{bk}

All two-body terms of a pair of species, and a baseline, are one function v. A weight of :math:`\cos^l` is spread over Legendre
polynomials; a and b run over species of neighbours and radial functions, and :math:`A_{ak} = \sum_j g_a(r_j) Y_k(u_j)`.

A degree needs the radial functions that count there and no others. Where they are so many that fewer, orthogonal functions carry
them (:math:`g_n = \sum_q \phi_q C_{qn}` from a
singular value decomposition, each function and its slope right to ``ACCURACY``), the orthogonal ones are taken: 24 for the 36
Gaussians of the default. So the cost follows the terms of a sparse model, and is bounded for a dense one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import legendre

from alworkflows.descriptors.neighbours import Neighbours
from alworkflows.descriptors.plip.blocks import Blocks, pair_index
from alworkflows.descriptors.plip.flat import DEGREE, PAD, FlatModels
from alworkflows.descriptors.plip.radial import RadialTable
from alworkflows.descriptors.plip.splines import hermite

__all__ = ["FoldedModels", "flatten"]

#: largest error of a radial function by leaving out others, relative to its largest value; of its slope likewise
ACCURACY = 1e-6
#: points on which radial functions are decomposed and compared
POINTS = 600
#: orthogonal functions couple each to each at every degree, which makes a moment of theirs this much dearer
DENSE = 1.3
#: largest error of a tabulated function, relative to its largest value from there on to the cutoff
PRECISION = 1e-7


class FoldedModels:
    """M linear models, evaluated together.

    Parameters
    ----------
    blocks
        Their weights, and the radial functions.
    """

    def __init__(self, blocks: Blocks) -> None:
        self.flat = flatten(blocks)

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, pairs: Neighbours, deform: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energies (M, N) (eV), forces (M, N, 3) (eV/A) and virials (M, 6) (eV); see :meth:`.flat.FlatModels.evaluate`."""
        return self.flat.evaluate(kinds, positions, pairs, deform)


@dataclass(frozen=True)
class _Side:
    """Angular functions for neighbours of one species around centres of one.

    ``functions`` (R, J) as sums of radial functions, ``projection`` (J, R) of those on them; for each degree which it needs.
    """

    functions: np.ndarray
    projection: np.ndarray
    rows: list[np.ndarray]


def flatten(blocks: Blocks) -> FlatModels:
    """Return models as the flat arrays that the kernels, and programs that run without Python, read."""
    species, models = blocks.species, blocks.models
    index, three = pair_index(species), _legendres(blocks)
    active: np.ndarray = np.any(three, axis=0)
    sides = [[_side(blocks.table, active[c, index[s]].any(axis=0)) for s in range(species)] for c in range(species)]
    densities = [[np.flatnonzero(blocks.many[:, c, s].any(axis=(0, 1))) for s in range(species)] for c in range(species)]
    slots = np.array([[models + len(used_functions) for used_functions in row] for row in densities], dtype=np.int32)
    used = np.array([[side.functions.shape[1] for side in row] for row in sides], dtype=np.int32)
    table = _tables(blocks, sides, densities, _padded(slots.max()), _padded(used.max()))
    arrays: dict[str, Any] = {**_moments(three, sides, index), **_density_terms(blocks, densities)}
    return FlatModels(
        species=species,
        models=models,
        lmax=three.shape[3] - 1,
        linear=_padded(slots.max()),
        angular=_padded(used.max()),
        bins=table.shape[2],
        cutoff=blocks.table.cutoff,
        inner=blocks.table.inner,
        outer=blocks.table.outer,
        slots=slots,
        used=used,
        table=table,
        **arrays,
    )


def _padded(count: int) -> int:
    return -(-int(count) // PAD) * PAD


def _legendres(blocks: Blocks) -> np.ndarray:
    """Return three-body weights of Legendre polynomials, (M, S, pairs, lmax + 1, R), from those of powers of the cosine."""
    used = blocks.three.any(axis=(0, 1, 2, 4))
    top = int(blocks.l[used].max(initial=0))
    spread = np.zeros((len(blocks.l), top + 1))
    for row, power in enumerate(blocks.l):
        if power <= top:
            spread[row, : power + 1] = legendre.poly2leg(np.eye(power + 1)[power])
    return np.einsum("mcpln,lk->mcpkn", blocks.three, spread)


def _side(table: RadialTable, active: np.ndarray) -> _Side:
    """Return the functions of a side, where ``active`` (L, R) says which radial functions count at each degree."""
    used, degrees = np.flatnonzero(active.any(axis=0)), np.any(active, axis=1).tolist()
    chosen = np.eye(active.shape[1])[:, used]
    rows = [np.flatnonzero(counts[used]) for counts in active]
    if not len(used):
        return _Side(chosen, chosen.T, rows)
    basis, change = _compress(table.combined(chosen))
    harmonics = 2 * np.arange(len(active)) + 1
    if DENSE * basis.shape[1] * (harmonics * degrees).sum() >= sum(
        len(row) * count for row, count in zip(rows, harmonics, strict=True)
    ):
        return _Side(chosen, chosen.T, rows)
    return _Side(chosen @ basis, change @ chosen.T, [np.arange(len(change)) if there else rows[0][:0] for there in degrees])


def _compress(table: RadialTable) -> tuple[np.ndarray, np.ndarray]:
    """Return basis (R, Q) and projection (Q, R) with phi = g @ basis and g = phi @ projection, as small a Q as is accurate."""
    r = (np.arange(POINTS) + 0.5) * table.cutoff / POINTS
    functions, slopes = table(r), table(r, derivative=1)
    # one that is zero throughout, such as a peak beyond the cutoff, is as good as any
    size, steepness = (np.where(most > 0.0, most, 1.0) for most in (np.abs(functions).max(axis=0), np.abs(slopes).max(axis=0)))
    right = np.linalg.svd(functions / size, full_matrices=False)[2]
    for kept in range(4, table.size, 2):
        basis, projection = right[:kept].T / size[:, None], right[:kept] * size
        change = basis @ projection - np.eye(table.size)
        errors = np.abs(functions @ change) / size, np.abs(slopes @ change) / steepness
        if max(error.max() for error in errors) <= ACCURACY:
            return basis, projection
    return np.eye(table.size), np.eye(table.size)


def _moments(three: np.ndarray, sides: list[list[_Side]], index: np.ndarray) -> dict[str, Any]:
    """Return the rows of moments, and the matrices that couple them."""
    (models, species, _, degrees, _), lengths = three.shape, -(-(2 * np.arange(three.shape[3]) + 1) // PAD) * PAD
    counts = np.array([[[len(side.rows[degree]) for side in row] for degree in range(degrees)] for row in sides])  # (S, L, S)
    first = (np.cumsum(counts) - counts.ravel()).reshape(counts.shape)
    own, place, own_function, entry, column, coupling = [0], [], [], [0], [], []
    for model, c, degree in np.ndindex(models, species, degrees):
        matrix = _coupling(three[model, c, :, degree], [side.projection[side.rows[degree]] for side in sides[c]], index)
        for s, side in enumerate(sides[c]):
            for number, function in enumerate(side.rows[degree], start=first[c, degree, s] - first[c, degree, 0]):
                there = np.flatnonzero(matrix[number])
                if len(there):
                    place.append(number)
                    own_function.append(function)
                    entry.append(entry[-1] + len(there))
                    column += there.tolist()
                    coupling += matrix[number, there].tolist()
            own.append(len(place))
    return {
        "most": int((counts.sum(axis=2) @ lengths).max()),
        "rows": np.concatenate([first, first[:, :, -1:] + counts[:, :, -1:]], axis=2).astype(np.int32),
        "function": np.array(
            [f for row in sides for degree in range(degrees) for side in row for f in side.rows[degree]], dtype=np.int32
        ),
        "own": np.array(own, dtype=np.int64),
        "place": np.array(place, dtype=np.int32),
        "own_function": np.array(own_function, dtype=np.int32),
        "entry": np.array(entry, dtype=np.int64),
        "column": np.array(column, dtype=np.int32),
        "coupling": np.array(coupling, dtype=float),
    }


def _coupling(three: np.ndarray, projections: list[np.ndarray], index: np.ndarray) -> np.ndarray:
    """Return the second derivative of the energy by the moments of a centre, (T, T), from the weights (pairs, R) of a degree."""
    return np.block(
        [
            [(2.0 if s == t else 1.0) * (a * three[index[s, t]]) @ b.T for t, b in enumerate(projections)]
            for s, a in enumerate(projections)
        ]
    )


def _tables(blocks: Blocks, sides: list[list[_Side]], densities: list[list[np.ndarray]], linear: int, angular: int) -> np.ndarray:
    """Return the functions of all sides as polynomials over equal bins, (S, S, bins, DEGREE + 1, linear + angular)."""
    species, models, index = blocks.species, blocks.models, pair_index(blocks.species)
    size = linear + angular
    combination = np.zeros((blocks.table.size, species, species, size))
    for c, row in enumerate(sides):
        for s, side in enumerate(row):
            combination[:, c, s, :models] = 0.5 * blocks.two[:, index[c, s]].T
            combination[densities[c][s], c, s, models + np.arange(len(densities[c][s]))] = 1.0
            combination[:, c, s, linear : linear + side.functions.shape[1]] = side.functions
    flat = combination.reshape(blocks.table.size, -1)

    def functions(r: np.ndarray, derivative: int) -> np.ndarray:
        values = (blocks.table(r, derivative) @ flat).reshape(len(r), species, species, size)
        if blocks.fixed is not None:
            values[..., :models] += 0.5 * blocks.fixed(r, derivative)[:, index][..., None]
        return values.reshape(len(r), -1)

    # angular functions matter less the smaller they are: what must be right is their sums
    values = functions(np.linspace(blocks.table.cutoff / 6, blocks.table.cutoff, POINTS), 0)
    largest = np.abs(values).max(axis=0).reshape(species, species, size)
    floor = np.zeros(largest.shape)
    floor[..., linear:] = PRECISION * largest[..., linear:].max(axis=2, initial=0.0, keepdims=True)
    table = hermite(functions, blocks.table.cutoff, PRECISION, floor.ravel(), blocks.table.outer)
    return np.ascontiguousarray(table.reshape(len(table), DEGREE + 1, species, species, size).transpose(2, 3, 0, 1, 4))


def _density_terms(blocks: Blocks, densities: list[list[np.ndarray]]) -> dict[str, np.ndarray]:
    """Return begin, slot, power and weight of the N-body terms."""
    begin, slot, power, weight = [0], [], [], []
    for model in blocks.many:
        for c, row in enumerate(densities):
            for s, functions in enumerate(row):
                terms = model[c, s][:, functions]  # (K, densities)
                which, density = np.nonzero(terms)
                slot += (blocks.models + density).tolist()
                power += blocks.m[which].tolist()
                weight += terms[which, density].tolist()
                begin.append(len(slot))
    return {
        "begin": np.array(begin, dtype=np.int64),
        "slot": np.array(slot, dtype=np.int32),
        "power": np.array(power, dtype=np.int32),
        "weight": np.array(weight, dtype=float),
    }
