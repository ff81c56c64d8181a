"""Which frames are the same: fingerprints on a common scale, distances, and what is left once repeats are gone."""

from __future__ import annotations

import numpy as np

__all__ = ["DUPLICATE", "distances", "distinct", "standardise"]

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


def distinct(points: np.ndarray) -> np.ndarray:
    """Return the indices, rising, of points that repeat no earlier one.

    Two points can be the same only if their projections on any direction are, so each is compared with the few that are near it
    along one: F log F work where repeats are few.
    """
    if not len(points):
        return np.zeros(0, dtype=int)
    along = points.sum(axis=1) / np.sqrt(points.shape[1] or 1)
    order = np.argsort(along, kind="stable")
    first = np.searchsorted(along[order], along - DUPLICATE, side="left")
    last = np.searchsorted(along[order], along + DUPLICATE, side="right")
    kept = np.ones(len(points), dtype=bool)
    for index in range(len(points)):
        near = order[first[index] : last[index]]
        near = near[(near > index) & kept[near]]
        if kept[index] and len(near):
            kept[near[np.linalg.norm(points[near] - points[index], axis=1) <= DUPLICATE]] = False
    return np.flatnonzero(kept)
