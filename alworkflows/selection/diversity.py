"""Diversity: how a batch is picked among the frames that are worth a label. A new rule is one function and one entry.

Contract: a rule gets a :class:`Shortlist` - frames in falling rank, no two the same and none the same as a known one - and a
budget, and returns the indices of as many as the budget has room for, in the order of picking. It draws no random numbers: ties
are broken by the order, which is a seeded one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alworkflows.selection.duplicates import DUPLICATE, distances
from alworkflows.settings import Diversity

__all__ = ["DIVERSITY", "Rule", "Shortlist", "cur", "farthest_points", "highest", "leverage"]


@dataclass(frozen=True)
class Shortlist:
    """Frames to pick from, in falling rank.

    ``points`` (F, D) and ``known`` (K, D): fingerprints of these and of the data set, on the scale of
    :func:`~alworkflows.selection.duplicates.standardise`.
    """

    points: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class Rule:
    """A rule of diversity, and how its picks are told (``{place}`` of ``{total}``)."""

    pick: Callable[[Shortlist, int], list[int]]
    told: str


def farthest_points(shortlist: Shortlist, budget: int) -> list[int]:
    """Return the points picked one by one, each the farthest from all known and picked ones.

    Without known points the first starts.

    References
    ----------
    Eldar et al., IEEE Trans. Image Process. 6, 1305 (1997).
    """
    points = shortlist.points
    nearest = distances(points, shortlist.known)
    picked: list[int] = []
    while len(picked) < min(budget, len(points)):
        best = int(np.argmax(nearest))
        if nearest[best] <= DUPLICATE:
            break
        picked.append(best)
        np.minimum(nearest, np.linalg.norm(points - points[best], axis=1), out=nearest)
    return picked


def leverage(shortlist: Shortlist, budget: int) -> list[int]:
    """Return the points of largest leverage.

    The leverage of row i of X = U S V^T at rank k is sum_{j <= k} U_ij^2: how much the row is needed to span the k leading
    directions; here k is the budget. The source draws rows in proportion to it; here the largest are taken, so that the same
    frames give the same picks. Directions that the data set spans already are shrunk first, see :func:`unknown_part`.

    References
    ----------
    Mahoney and Drineas, PNAS 106, 697 (2009).
    """
    if not len(shortlist.points) or budget < 1:
        return []
    rows = unknown_part(shortlist)
    left, size, _ = np.linalg.svd(rows, full_matrices=False)
    rank = min(budget, int((size > 1e-10 * size[0]).sum())) if len(size) else 0
    score = (left[:, :rank] ** 2).sum(axis=1)
    return _largest(score)[:budget]


def cur(shortlist: Shortlist, budget: int) -> list[int]:
    """Return the points picked one by one, each of the largest leverage at rank one of what the ones before leave unexplained.

    After a pick its direction is projected out of all rows, so that a near-copy has no leverage left. Once nothing is left to
    explain, the rest follows in the order of rank.

    References
    ----------
    Mahoney and Drineas, PNAS 106, 697 (2009); one by one: Imbalzano et al., J. Chem. Phys. 148, 241730 (2018).
    """
    rows = unknown_part(shortlist)
    count = min(max(budget, 0), len(rows))
    scale = float((rows**2).sum(axis=1).max(initial=0.0))
    picked: list[int] = []
    while len(picked) < count:
        norms = (rows**2).sum(axis=1)
        norms[picked] = 0.0
        if norms.max() <= 1e-12 * scale:
            break
        # the leading left singular vector, up to a factor, from the smaller of the two Gram matrices
        wide = rows.shape[1] > len(rows)
        vector = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)[1][:, -1]
        score = np.abs(vector if wide else rows @ vector)
        score[picked] = -1.0
        best = _largest(score)[0]
        picked.append(best)
        direction = rows[best] / np.linalg.norm(rows[best])
        rows = rows - np.outer(rows @ direction, direction)
    rest = [index for index in range(len(rows)) if index not in set(picked)]
    return picked + rest[: count - len(picked)]


def highest(shortlist: Shortlist, budget: int) -> list[int]:
    """Return the first ones: no rule but the rank."""
    return list(range(min(max(budget, 0), len(shortlist.points))))


def unknown_part(shortlist: Shortlist) -> np.ndarray:
    """Return the rows (F, D) with the directions that the data set holds shrunk: X (1 + K^T K)^(-1/2).

    K are the known rows. What they do not reach stays as it is, and what many of them share nearly vanishes.
    """
    known = shortlist.known
    if not len(known):
        return shortlist.points
    values, vectors = np.linalg.eigh(known.T @ known)
    return np.asarray(shortlist.points @ (vectors / np.sqrt(1 + np.maximum(values, 0.0))) @ vectors.T)


def _largest(score: np.ndarray) -> list[int]:
    """Return indices by falling score; scores that differ by rounding alone are equal, and of equals the first is first."""
    rounded = np.round(score / max(float(np.abs(score).max(initial=0.0)), 1e-300), 10)
    return [int(index) for index in np.argsort(-rounded, kind="stable")]


DIVERSITY: dict[Diversity, Rule] = {
    Diversity.FARTHEST_POINT: Rule(farthest_points, "farthest point {place} of {total}"),
    Diversity.CUR: Rule(cur, "pick {place} of {total} by CUR"),
    Diversity.LEVERAGE: Rule(leverage, "leverage {place} of {total}"),
    Diversity.NONE: Rule(highest, "place {place} of {total}"),
}
