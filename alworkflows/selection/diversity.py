"""Farthest-point selection: each pick is the frame least like everything known and everything picked before."""

from __future__ import annotations

import numpy as np

from alworkflows.errors import InputError

__all__ = ["DUPLICATE", "distances", "farthest_points", "standardise"]

DUPLICATE = 1e-5
"""Frames nearer than this are the same: root mean square over the fingerprint's columns, in standard deviations.

Round-off between a frame and its rotated copy makes 1e-9; two snapshots of a solid one femtosecond apart differ by 1e-2.
"""


def standardise(points: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets with zero mean and unit variance in each column, over both together, divided by sqrt(D).

    A Euclidean distance between rows is then the root mean square difference in standard deviations, whatever D. Columns that do
    not vary (spread below 1e-10 of their size, which is round-off) are zero.

    Parameters
    ----------
    points, known
        (F, D) and (K, D); either may have no rows.
    """
    both = np.concatenate([known, points])
    if not len(both):
        return points, known
    spread = both.std(axis=0)
    varies = spread > 1e-10 * np.maximum(np.abs(both).max(axis=0), 1e-30)
    scale = np.zeros_like(spread)
    scale[varies] = 1 / (spread[varies] * np.sqrt(varies.sum()))
    both = (both - both.mean(axis=0)) * scale
    return both[len(known) :], both[: len(known)]


def distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the (F,) distance from each point to the nearest of ``others`` (infinite if there are none)."""
    nearest = np.full(len(points), np.inf)
    for other in others:
        # differences, not the expanded square: round-off of the latter would hide duplicates
        np.minimum(nearest, np.linalg.norm(points - other, axis=1), out=nearest)
    return nearest


def farthest_points(points: np.ndarray, known: np.ndarray, count: int) -> list[int]:
    """Return up to ``count`` indices of ``points`` in the order they were picked.

    Each step picks the point whose distance to the nearest known or picked point is largest; of equals the first, so the caller's
    order (a seeded one) breaks ties. Without known points the first point starts. Duplicates of a known or picked point are never
    picked: fewer than ``count`` come back when only duplicates are left.

    Parameters
    ----------
    points, known
        (F, D) and (K, D), on the scale of :func:`standardise`.

    References
    ----------
    Eldar et al., IEEE Trans. Image Process. 6, 1305 (1997).

    """
    if count < 0:
        raise InputError(f"farthest points: expected a count of zero or more, got {count}")
    nearest = distances(points, known)
    picked: list[int] = []
    while len(picked) < min(count, len(points)):
        best = int(np.argmax(nearest))
        if nearest[best] <= DUPLICATE:
            break
        picked.append(best)
        np.minimum(nearest, np.linalg.norm(points - points[best], axis=1), out=nearest)
    return picked
