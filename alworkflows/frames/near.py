"""Which frames are nearly the same: in whatever order their atoms stand, and by whichever lattice vectors they were moved.

Two frames of the same species and periodicity lie *within t* of each other if the lattice vectors along which they repeat differ
by at most t in each component, and their atoms can be paired, species by species, at distances of at most t. With P (p, 3) the
lattice vectors that repeat, P+ their pseudo-inverse, f = r P+ the fractional coordinates and q = r - f P what stands at right
angles to the lattice, the distance of a pair is that of

.. math:: |(f_i - f'_j - n) P|^2 + |q_i - q'_j|^2, \\qquad n \\in Z^p

so atoms that follow a strained cell stay where they are, and the vector across the vacuum of a slab, which means nothing, is not
looked at. A molecule repeats nowhere, so its q are its positions: it is found again in another order of its atoms, not when it
was moved or turned. Nor is a crystal that was turned, or moved as a whole.

Candidates come out of a k-d tree over some numbers of each frame, and are then compared atom by atom. The numbers are such that
no pair is missed. Of any function x of an atom that changes by at most t when the atom moves by t, the values of one species,
sorted, change by at most t each: were the k-th smallest of the one frame larger by more than that of the other, the k lowest
atoms of the other would all have to be paired with the k - 1 that lie below. Functions taken are

- cos(2 pi k.f + phase) / (2 pi G) for a few waves k, which does not see lattice vectors; as k.(f - f' - n) = v.(P+ k) with
  |v| <= t, it changes by at most t if G is the largest |P+ k| of all frames that are compared;
- the components of q; and beside them, once for a frame, the components of P.

So two frames within t of each other differ by at most t in each number: a cube of that size around a frame holds all of its near
ones. Which of the numbers are taken does not matter for that; it is those that tell frames apart best. (P+ is a right inverse of
P, and P P+ = 1, unless lattice vectors are coplanar, and such frames are refused where they are read.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from alworkflows.frames.alike import BLOCK, ROUND_OFF, Kind, compare, kinds_of, points_of

__all__ = ["groups", "nearest", "paired"]

#: neighbours asked for at once; more where all of them are as near in these numbers and still not the same
FIRST, MORE = 4, 4
#: neighbours by which most frames of a set are joined, few first; groups above the last are held against what is outside as one
JOINED = (3, 32)


def nearest(frames: Sequence[Atoms], others: Sequence[Atoms], tolerance: float) -> dict[int, tuple[int, float]]:
    """Return of each frame that lies within ``tolerance`` (A) of another the index of one such, and their largest distance (A).

    Work grows as F log F with the number of frames, except where very many are alike without being the same.
    """
    kinds = kinds_of(others)
    found: dict[int, tuple[int, float]] = {}
    for key, mine in kinds_of(frames).items():
        if key not in kinds:
            continue
        theirs = kinds[key]
        points, their_points = points_of(mine, theirs)
        matches = _first_matches(mine, np.arange(len(mine)), points, theirs, np.arange(len(theirs)), their_points, tolerance)
        for place, (other, distance) in matches.items():
            found[int(mine.indices[place])] = (int(theirs.indices[other]), distance)
    return dict(sorted(found.items()))


def groups(frames: Sequence[Atoms], tolerance: float) -> np.ndarray:
    """Return the group (F,) of each frame, which is the index of its first frame.

    Frames within ``tolerance`` (A) of each other are in one group, and so are those that a chain of such frames joins.
    """
    group = np.arange(len(frames))
    for kind in kinds_of(frames).values():
        if len(kind) > 1:
            points, _ = points_of(kind, kind)
            labels = _joined(kind, points, tolerance)
            _, first = np.unique(labels, return_index=True)
            group[kind.indices] = kind.indices[first[labels]]
    return group


def paired(frame: Atoms, other: Atoms, tolerance: float) -> tuple[np.ndarray, float] | None:
    """Return for each atom its counterpart (N,) in a frame within ``tolerance`` (A) and the largest distance (A), or None."""
    mine, theirs = kinds_of([frame]), kinds_of([other])
    if mine.keys() != theirs.keys():
        return None
    (a,), (b,) = mine.values(), theirs.values()
    distances, orders = compare(a, np.zeros(1, dtype=int), b, np.zeros(1, dtype=int), tolerance)
    if not np.isfinite(distances[0]):
        return None
    order = np.empty(len(frame), dtype=int)
    order[a.order(0)] = b.order(0)[orders[0]]
    return order, float(distances[0])


def _first_matches(
    mine: Kind,
    places: np.ndarray,
    points: np.ndarray,
    theirs: Kind,
    their_places: np.ndarray,
    their_points: np.ndarray,
    tolerance: float,
    labels: np.ndarray | None = None,
) -> dict[int, tuple[int, float]]:
    """Return for places of one set a place of the other within the tolerance, and their distance, where there is one.

    Neighbours are asked for a few at a time, nearest first, until one is the same or the cube around the frame holds no more. If
    both sets are one, those with the same label are passed over.
    """
    found: dict[int, tuple[int, float]] = {}
    tree, total = cKDTree(their_points[their_places]), len(their_places)
    wanted, still = min(FIRST, total), places
    while len(still):
        left = []
        for start in range(0, len(still), max(1, BLOCK // wanted)):
            some = still[start : start + max(1, BLOCK // wanted)]
            near = _neighbours(tree, points[some], wanted, tolerance)
            is_open = np.ones(len(some), dtype=bool)
            # from the first again: of those at one distance, others may come first now
            for column in range(wanted):
                asked = np.flatnonzero(is_open & (near[:, column] < total))
                if not len(asked):
                    break
                others = their_places[near[asked, column]]
                if labels is not None:
                    apart = labels[some[asked]] != labels[others]
                    asked, others = asked[apart], others[apart]
                distances, _ = compare(mine, some[asked], theirs, others, tolerance)
                for row, other, distance in zip(asked, others, distances, strict=True):
                    if np.isfinite(distance):
                        found[int(some[row])] = (int(other), float(distance))
                        is_open[row] = False
            left.append(some[is_open & (near[:, -1] < total)])
        still = np.concatenate(left)
        if wanted == total:
            break
        wanted = min(wanted * MORE, total)
    return found


def _neighbours(tree: cKDTree, points: np.ndarray, wanted: int, tolerance: float) -> np.ndarray:
    """Return the places (F, wanted) of the nearest points within the tolerance in each number, the number of points for none."""
    bound = tolerance * (1.0 + 1e-6) + ROUND_OFF
    _, near = tree.query(points, k=wanted, p=np.inf, distance_upper_bound=bound)
    return np.asarray(near).reshape(len(points), wanted)


def _joined(kind: Kind, points: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the number (F,) of the group of each frame of a kind.

    Frames are joined to their nearest neighbours first. Of a frame with more neighbours than were asked for, only those outside
    its group matter, and it is asked until there are none: frames of small groups all at once, those of a large one with a tree
    of what is outside.
    """
    total = len(kind)
    tree = cKDTree(points)
    labels, crowded = np.arange(total), np.arange(total)
    for wanted in (min(count, total) for count in JOINED):
        rows, columns, still = [np.zeros(0, dtype=int)], [np.zeros(0, dtype=int)], [np.zeros(0, dtype=int)]
        for start in range(0, len(crowded), max(1, BLOCK // wanted)):
            some = crowded[start : start + max(1, BLOCK // wanted)]
            near = _neighbours(tree, points[some], wanted, tolerance)
            still.append(some[near[:, -1] < total])
            row, column = np.nonzero(near < total)
            one, other = some[row], near[row, column]
            apart = labels[one] != labels[other]
            one, other = np.unique(np.sort([one[apart], other[apart]], axis=0), axis=1)
            same = np.isfinite(compare(kind, one, kind, other, tolerance)[0])
            rows.append(one[same])
            columns.append(other[same])
        labels = _merged(labels, np.concatenate(rows), np.concatenate(columns))
        crowded = np.concatenate(still) if wanted < total else crowded[:0]
    while len(crowded):
        asking, outside = crowded[np.bincount(labels)[labels[crowded]] <= JOINED[-1]], np.arange(total)
        if not len(asking):
            inside = labels == labels[crowded[0]]
            asking, outside = crowded[inside[crowded]], np.flatnonzero(~inside)
        matches = _first_matches(kind, asking, points, kind, outside, points, tolerance, labels) if len(outside) else {}
        # a frame without one has none for good, as groups only grow
        crowded = crowded[~np.isin(crowded, asking) | np.isin(crowded, list(matches))]
        labels = _merged(
            labels, np.array(list(matches), dtype=int), np.array([other for other, _ in matches.values()], dtype=int)
        )
    return labels


def _merged(labels: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the numbers of groups once pairs of frames are joined."""
    total = len(labels)
    links = coo_matrix((np.ones(len(one), dtype=bool), (labels[one], labels[other])), shape=(total, total))
    return np.asarray(connected_components(links, directed=False)[1])[labels]
