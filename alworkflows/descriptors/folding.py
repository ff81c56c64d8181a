r"""Linear models on PLIP descriptors, folded into functions of the moments for dynamics.

However many terms a model has, its energy depends on the moments of each centre alone (see ``kernels.h``): with the moments
:math:`A_{s k n}` of neighbour species s, harmonic k and radial function n,

.. math:: E_c = \sum_{s n} v_{c s n} A_{s 0 n} + \sum_{s \le t} \sum_{k} \sum_n W_{c s t l n} A_{s k n} A_{t k n}
   + \sum_{s n m} w_{c s n m} \rho_{s n}^m

where a weight of :math:`\cos^l` is spread over Legendre polynomials. Radial functions overlap so much that fewer, orthogonal
ones carry them: :math:`g_n = \sum_q \phi_q C_{q n}` from a singular value decomposition, after which W becomes a small matrix.
As many are kept as it takes for each function and its slope to be right to ``ACCURACY``: 24 for the 36 functions of the default.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre

from alworkflows.descriptors.library import LANES
from alworkflows.descriptors.native import Models, Neighbours, Shape, potential
from alworkflows.descriptors.radial import RadialTable

__all__ = ["FoldedModels"]

#: largest error of a radial function by leaving out others, relative to its largest value; of its slope likewise
ACCURACY = 1e-6
#: points on which radial functions are decomposed and compared
POINTS = 600


class FoldedModels:
    """M linear models on PLIP descriptors, evaluated together.

    Parameters
    ----------
    shape, table
        Of the descriptors.
    weights : (M, P) float
        eV per descriptor.
    """

    def __init__(self, shape: Shape, table: RadialTable, weights: np.ndarray) -> None:
        blocks = np.asarray(weights, dtype=float).reshape(len(weights), -1, shape.radial)
        used = np.flatnonzero(blocks.any(axis=(0, 1)))
        used = used if len(used) else np.array([0])
        species, pairs = shape.species, shape.pairs
        two, three, many = np.split(blocks[:, :, used], [pairs, pairs + species * pairs * len(shape.l)], axis=1)
        legendres = _legendres(shape, three.reshape(len(blocks), species, pairs, len(shape.l), len(used)))
        density = many.reshape(len(blocks), species, species, len(shape.m), len(used))
        table = table.combined(np.eye(shape.radial)[:, used])
        basis, projection = _compress(table)
        self.models = Models(
            table.combined(basis),
            legendres.shape[3] - 1,
            np.ascontiguousarray(0.5 * two[:, _pair_index(species)] @ projection.T),
            _couplings(legendres, projection) if legendres.any() else None,
            *_density_terms(shape.m, density, projection),
        )

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, pairs: Neighbours, deform: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energies (M, N) (eV), forces (M, N, 3) (eV/A) and virials (M, 6) (eV); see :func:`.native.potential`."""
        return potential(self.models, kinds, positions, pairs, deform)


def _pair_index(species: int) -> np.ndarray:
    """Return the number of each unordered pair of species, (S, S)."""
    found = np.zeros((species, species), dtype=int)
    found[np.triu_indices(species)] = np.arange(species * (species + 1) // 2)
    return np.maximum(found, found.T)


def _legendres(shape: Shape, three: np.ndarray) -> np.ndarray:
    """Return three-body weights of Legendre polynomials, (M, S, pairs, lmax + 1, R), from those of powers of the cosine."""
    used = three.any(axis=(0, 1, 2, 4))
    top = int(shape.l[used].max(initial=0))
    spread = np.zeros((len(shape.l), top + 1))
    for row, power in enumerate(shape.l):
        if power <= top:
            spread[row, : power + 1] = legendre.poly2leg(np.eye(power + 1)[power])
    return np.einsum("mcpln,lk->mcpkn", three, spread)


def _compress(table: RadialTable) -> tuple[np.ndarray, np.ndarray]:
    """Return basis (R, Q) and projection (Q, R) with phi = g @ basis and g = phi @ projection, Q a multiple of LANES."""
    r = (np.arange(POINTS) + 0.5) * table.cutoff / POINTS
    functions, slopes = table(r), table(r, derivative=1)
    size, steepness = np.abs(functions).max(axis=0), np.abs(slopes).max(axis=0)
    _, singular, right = np.linalg.svd(functions / size, full_matrices=False)
    for kept in range(LANES, table.size, LANES):
        basis, projection = right[:kept].T / size[:, None] / singular[:kept], singular[:kept, None] * right[:kept] * size
        change = basis @ projection - np.eye(table.size)
        errors = np.abs(functions @ change) / size, np.abs(slopes @ change) / steepness
        if max(error.max() for error in errors) <= ACCURACY:
            return basis, projection
    padded = np.hstack([np.eye(table.size), np.zeros((table.size, -table.size % LANES))])
    return padded, np.ascontiguousarray(padded.T)


def _couplings(legendres: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """Return projection diag(w) projection^T of each set of weights, (M, S, pairs, lmax + 1, Q, Q), twice that for like species.

    It is the second derivative of the energy by the moments.
    """
    like = np.diag(_pair_index(legendres.shape[1]))
    found = np.ascontiguousarray((projection * legendres[..., None, :]) @ projection.T)
    found[:, :, like] *= 2.0
    return found


def _density_terms(m: np.ndarray, density: np.ndarray, projection: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return begin (M, S S + 1), power, weight (terms,) and direction (terms, Q) of the N-body terms that count."""
    models, centres, neighbouring, powers, functions = density.shape
    flat = density.reshape(models, centres * neighbouring, powers, functions)
    model, owner, index, function = np.nonzero(flat)
    counts = np.array([[np.sum((model == a) & (owner == b)) for b in range(flat.shape[1])] for a in range(len(flat))])
    ends = np.cumsum(counts.ravel()).reshape(counts.shape)
    begin = np.concatenate([ends[:, :1] - counts[:, :1], ends], axis=1).astype(np.int64)
    return (
        np.ascontiguousarray(begin),
        np.ascontiguousarray(m[index], dtype=np.int32),
        np.ascontiguousarray(flat[model, owner, index, function]),
        np.ascontiguousarray(projection.T[function]),
    )
