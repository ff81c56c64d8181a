"""Functions of a distance as polynomials of degree 5 over equal bins, joined with their first two derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alworkflows.descriptors.plip.radial import FEWEST_BINS, MOST_BINS, SMALL
from alworkflows.errors import InputError

__all__ = ["hermite"]

#: how much larger errors may be there
INSIDE = 1e2


def hermite(
    function: Callable[[np.ndarray, int], np.ndarray], cutoff: float, tolerance: float, floor: np.ndarray, inside: float
) -> np.ndarray:
    """Return functions as polynomials over equal bins up to the cutoff, (bins, 6, R), in as few bins as the tolerance allows.

    Each polynomial, in t from 0 to 1 over its bin and lowest power first, has its function's value, slope and curvature at both
    ends, so that forces are continuous and have no kinks. Its error is at most ``tolerance`` times the largest value that the
    function has from there on to the cutoff (or ``SMALL`` times that from a sixth of the cutoff on), plus ``floor`` (R,); and
    ``INSIDE`` times that below the distance ``inside`` (A), where atoms hardly come and functions are joined less smoothly.

    Parameters
    ----------
    function
        Values, first or second derivatives (0, 1, 2), (K, R) at distances (K,) in A.

    Raises
    ------
    InputError
        If a function is too sharp for 4096 bins.
    """
    t = np.array([0.21, 0.5, 0.79])
    bins = FEWEST_BINS
    while bins <= MOST_BINS:
        width = cutoff / bins
        coefficients = _between(function, np.arange(bins + 1) * width, width)
        exact = function(((np.arange(bins)[:, None] + t) * width).ravel(), 0).reshape(bins, len(t), -1)
        error = np.abs(np.einsum("pk,bkr->bpr", t[:, None] ** np.arange(6), coefficients) - exact).max(axis=1)
        size = np.maximum.accumulate(np.abs(exact).max(axis=1)[::-1])[::-1]
        lenient = np.where(np.arange(bins) * width < inside, INSIDE, 1.0)[:, None]
        if (error <= lenient * (tolerance * np.maximum(size, SMALL * size[bins // 6]) + floor)).all():
            return coefficients
        bins += bins // 4
    raise InputError(f"expected functions wider than about {cutoff / 100:.3g} A, got sharper ones")


def _between(function: Callable[[np.ndarray, int], np.ndarray], nodes: np.ndarray, width: float) -> np.ndarray:
    """Return the coefficients (bins, 6, R) of the polynomials between nodes."""
    value, slope, bend = (width**order * function(nodes, order) for order in range(3))
    f, d, s = value[:-1], slope[:-1], 0.5 * bend[:-1]
    a, b, c = value[1:] - f - d - s, slope[1:] - d - 2.0 * s, bend[1:] - 2.0 * s
    return np.stack([f, d, s, 10.0 * a - 4.0 * b + 0.5 * c, -15.0 * a + 7.0 * b - c, 6.0 * a - 3.0 * b + 0.5 * c], axis=1)
