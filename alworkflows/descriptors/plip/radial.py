"""Radial functions as tables: piecewise polynomials exact to rounding, so that a family of functions is one Python function."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alworkflows.descriptors.library import LANES
from alworkflows.errors import InputError

__all__ = ["FEWEST_BINS", "ORDER", "RadialTable", "polynomials", "tabulate"]

#: coefficients of a polynomial
ORDER = 8
#: bins double from the fewest to the most
FEWEST_BINS, MOST_BINS = 64, 4096
TOLERANCE = 1e-12
#: where a function has fallen below this share of its largest value outside the core, it need not be as exact
SMALL = 1e-2


@dataclass(frozen=True)
class RadialTable:
    """R functions of r between 0 and the cutoff, as polynomials of degree 7 over equal bins.

    ``coefficients`` (bins, 8, R), lowest power of t first, with t from -1 to 1 over the bin. The N-body density is switched on
    between ``inner`` and ``outer`` (A).
    """

    coefficients: np.ndarray
    cutoff: float
    inner: float
    outer: float

    @property
    def bins(self) -> int:
        """Number of bins."""
        return self.coefficients.shape[0]

    @property
    def size(self) -> int:
        """Number of functions R."""
        return self.coefficients.shape[2]

    @cached_property
    def packed(self) -> np.ndarray:
        """The coefficients as the kernels read them, (chunks, bins, 8, LANES): functions in chunks, zeros at the end."""
        chunks = -(-self.size // LANES)
        padded = np.zeros((self.bins, ORDER, chunks * LANES))
        padded[:, :, : self.size] = self.coefficients
        return np.ascontiguousarray(padded.reshape(self.bins, ORDER, chunks, LANES).transpose(2, 0, 1, 3))

    def combined(self, matrix: np.ndarray) -> RadialTable:
        """Return the table of the functions sum_n g_n matrix[n, q]."""
        return RadialTable(self.coefficients @ matrix, self.cutoff, self.inner, self.outer)

    def __call__(self, r: np.ndarray, derivative: int = 0) -> np.ndarray:
        """Return the functions or a derivative at distances ``r`` (M,) within the cutoff, (M, R)."""
        x = r * (self.bins / self.cutoff)
        bin_ = np.minimum(x.astype(int), self.bins - 1)
        t = (2.0 * (x - bin_) - 1.0)[:, None]
        scale = (2.0 * self.bins / self.cutoff) ** derivative
        powers = [math.perm(k, derivative) * scale * t ** max(k - derivative, 0) for k in range(ORDER)]
        return np.sum([self.coefficients[bin_, k] * power for k, power in enumerate(powers)], axis=0)


def tabulate(function: Callable[[np.ndarray], np.ndarray], cutoff: float, inner: float, outer: float) -> RadialTable:
    """Return the table of smooth functions, with as many bins as it takes to be exact to 1e-12; see :func:`polynomials`.

    Parameters
    ----------
    function
        Values (M, R) at distances (M,) in A.
    cutoff
        Where the functions end, A.
    inner, outer
        Of the switch of the N-body density, A.

    Raises
    ------
    InputError
        If a function is too sharp for 4096 bins.
    """
    return RadialTable(polynomials(function, cutoff, ORDER, TOLERANCE), cutoff, inner, outer)


def polynomials(
    function: Callable[[np.ndarray], np.ndarray], cutoff: float, order: int, tolerance: float, floor: np.ndarray | float = 0.0
) -> np.ndarray:
    """Return functions as polynomials over equal bins, (bins, order, R), in as few bins as the tolerance allows.

    Each polynomial, in t from -1 to 1 and lowest power first, goes through its function at the Chebyshev points of its bin. Its
    error is at most ``tolerance`` times the largest value that the function has from there on to the cutoff (or ``SMALL`` times
    that from a sixth of the cutoff on; or ``floor`` (R,)): functions that diverge at the origin are as exact, in proportion,
    where atoms are.

    Raises
    ------
    InputError
        If a function is too sharp for 4096 bins.
    """
    nodes = np.cos(np.pi * (np.arange(order) + 0.5) / order)
    solve = np.linalg.inv(np.vander(nodes, increasing=True))
    powers = np.array([0.37, -0.82])[:, None] ** np.arange(order)
    bins = FEWEST_BINS
    while bins <= MOST_BINS:
        centres = ((np.arange(bins) + 0.5) * cutoff / bins)[:, None]
        half = 0.5 * cutoff / bins
        coefficients = np.einsum("kp,bpr->bkr", solve, function((centres + half * nodes).ravel()).reshape(bins, order, -1))
        exact = function((centres + half * powers[:, 1]).ravel()).reshape(bins, 2, -1)
        error = np.abs(np.einsum("pk,bkr->bpr", powers, coefficients) - exact).max(axis=1)
        size = np.maximum.accumulate(np.abs(exact).max(axis=1)[::-1])[::-1]
        if (error <= tolerance * np.maximum(size, SMALL * size[bins // 6]) + floor).all():
            return coefficients
        bins *= 2
    raise InputError(f"expected radial functions wider than about {cutoff / 100:.3g} A, got sharper ones")
