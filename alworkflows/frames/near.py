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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.linalg import qr
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

__all__ = ["groups", "nearest", "paired"]

#: in reciprocal lattice vectors, with phases of no symmetry, so that no site of a crystal sits where a cosine is flat
WAVES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 2, -1], [2, -1, 3], [-1, 3, 2], [3, 2, 5]])
PHASES = np.array([0.9, 0.4, 0.7, 1.1, 0.6, 0.3, 0.8])
#: numbers of a frame that are told apart by the tree
COLUMNS = 12
#: neighbours asked for at once; more where all of them are as near in these numbers and still not the same
FIRST, MORE = 4, 4
#: neighbours by which most frames of a set are joined, before whole groups are compared with what is outside
JOINED = 32
#: frames of a set by which the numbers that vary are found
SAMPLE = 1000
#: numbers held at once
BLOCK = 2_000_000
#: of what a number or a distance may differ for no reason but round-off
ROUND_OFF = 1e-9


@dataclass(frozen=True)
class _Kind:
    """Some frames of the same species and periodicity, their atoms sorted by species.

    Attributes
    ----------
    numbers : (N,) int
    repeats : (3,) bool
        The lattice vectors along which they repeat.
    indices : (F,) int
        Of the frames in the list that they come from.
    """

    frames: Sequence[Atoms]
    numbers: np.ndarray
    repeats: np.ndarray
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def species(self) -> list[slice]:
        """Where the atoms of each species stand."""
        starts = np.flatnonzero(np.diff(self.numbers, prepend=-1))
        return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], len(self.numbers)], strict=True)]

    def order(self, place: int) -> np.ndarray:
        """Return the atoms (N,) of a frame, sorted by species."""
        return np.argsort(self.frames[self.indices[place]].numbers, kind="stable")

    def vectors(self, places: np.ndarray) -> np.ndarray:
        """Return P (F, p, 3) of the frames at some places, A."""
        return np.array([self.frames[index].cell.array for index in self.indices[places]]).reshape(-1, 3, 3)[:, self.repeats]

    def coordinates(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return P (F, p, 3), f (F, N, p) and q (F, N, 3) of the frames at some places."""
        some = [self.frames[index] for index in self.indices[places]]
        positions = np.array([frame.positions[np.argsort(frame.numbers, kind="stable")] for frame in some])
        positions, vectors = positions.reshape(-1, len(self.numbers), 3), self.vectors(places)
        if not self.repeats.any():
            return vectors, positions[:, :, :0], positions
        fractional = positions @ np.linalg.pinv(vectors)
        return vectors, fractional, np.zeros_like(positions) if self.repeats.all() else positions - fractional @ vectors

    def blocks(self, places: np.ndarray) -> Iterator[np.ndarray]:
        """Return some places in turn, as many at once as may be held."""
        step = max(1, BLOCK // (20 * len(self.numbers) + 20))
        for start in range(0, len(places), step):
            yield places[start : start + step]


def nearest(frames: Sequence[Atoms], others: Sequence[Atoms], tolerance: float) -> dict[int, tuple[int, float]]:
    """Return of each frame that lies within ``tolerance`` (A) of another the index of one such, and their largest distance (A).

    Work grows as F log F with the number of frames, except where very many are alike without being the same.
    """
    kinds = _kinds(others)
    found: dict[int, tuple[int, float]] = {}
    for key, mine in _kinds(frames).items():
        if key not in kinds:
            continue
        theirs = kinds[key]
        points, their_points = _points(mine, theirs)
        matches = _first_matches(mine, np.arange(len(mine)), points, theirs, np.arange(len(theirs)), their_points, tolerance)
        for place, (other, distance) in matches.items():
            found[int(mine.indices[place])] = (int(theirs.indices[other]), distance)
    return dict(sorted(found.items()))


def groups(frames: Sequence[Atoms], tolerance: float) -> np.ndarray:
    """Return the group (F,) of each frame, which is the index of its first frame.

    Frames within ``tolerance`` (A) of each other are in one group, and so are those that a chain of such frames joins.
    """
    group = np.arange(len(frames))
    for kind in _kinds(frames).values():
        if len(kind) > 1:
            points, _ = _points(kind, kind)
            labels = _joined(kind, points, tolerance)
            _, first = np.unique(labels, return_index=True)
            group[kind.indices] = kind.indices[first[labels]]
    return group


def paired(frame: Atoms, other: Atoms, tolerance: float) -> tuple[np.ndarray, float] | None:
    """Return for each atom its counterpart (N,) in a frame within ``tolerance`` (A) and the largest distance (A), or None."""
    mine, theirs = _kinds([frame]), _kinds([other])
    if mine.keys() != theirs.keys():
        return None
    (a,), (b,) = mine.values(), theirs.values()
    distances, orders = _compare(a, np.zeros(1, dtype=int), b, np.zeros(1, dtype=int), tolerance)
    if not np.isfinite(distances[0]):
        return None
    order = np.empty(len(frame), dtype=int)
    order[a.order(0)] = b.order(0)[orders[0]]
    return order, float(distances[0])


def _kinds(frames: Sequence[Atoms]) -> dict[bytes, _Kind]:
    """Return frames by species and periodicity."""
    as_written: dict[bytes, list[int]] = {}
    for index, frame in enumerate(frames):
        repeats = frame.pbc & frame.cell.array.any(axis=1)
        as_written.setdefault(frame.pbc.tobytes() + repeats.tobytes() + frame.numbers.tobytes(), []).append(index)
    members: dict[bytes, list[int]] = {}
    for key, indices in as_written.items():
        numbers = np.sort(frames[indices[0]].numbers)
        members.setdefault(key[:6] + numbers.tobytes(), []).extend(indices)
    kinds = {}
    for key, indices in members.items():
        numbers = np.sort(frames[indices[0]].numbers)
        kinds[key] = _Kind(frames, numbers, np.frombuffer(key[3:6], dtype=bool), np.sort(indices))
    return kinds


def _points(mine: _Kind, theirs: _Kind) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers (F, D) and (K, D) of frames of one kind, in A, which frames within t share within t."""
    both = [mine] if theirs is mine else [mine, theirs]
    slopes = [_steepest(kind, places) for kind in both for places in kind.blocks(np.arange(len(kind)))]
    steepest = np.max(slopes, axis=0)
    drawn = [np.unique(np.linspace(0, len(kind) - 1, SAMPLE).astype(int)) for kind in both]
    samples = [_columns(kind, some, steepest) for kind, places in zip(both, drawn, strict=True) for some in kind.blocks(places)]
    varied = _telling(np.concatenate(samples))
    points = [
        np.concatenate([_columns(kind, places, steepest)[:, varied] for places in kind.blocks(np.arange(len(kind)))])
        for kind in both
    ]
    return points[0], points[-1]


def _waves(kind: _Kind) -> tuple[np.ndarray, np.ndarray]:
    """Return the waves (K, p) that there are along the vectors that repeat, and their phases (K,)."""
    waves = WAVES[:, kind.repeats]
    some = waves.any(axis=1)
    return waves[some], PHASES[some]


def _steepest(kind: _Kind, places: np.ndarray) -> np.ndarray:
    """Return the largest |P+ k| of some frames for each wave (K,), 1/A."""
    waves, _ = _waves(kind)
    slopes = np.linalg.norm(np.linalg.pinv(kind.vectors(places)) @ waves.T, axis=1) if len(waves) else np.zeros((1, 0))
    return np.asarray(slopes.max(axis=0))


def _telling(values: np.ndarray) -> np.ndarray:
    """Return which few columns of numbers (F, D) tell frames apart best: they vary most, and none follows from others."""
    varied = np.argsort(-values.std(axis=0), kind="stable")[: COLUMNS**2]
    centred = values[:, varied] - values[:, varied].mean(axis=0)
    return np.asarray(varied[qr(centred, mode="r", pivoting=True)[1][:COLUMNS]])


def _columns(kind: _Kind, places: np.ndarray, steepest: np.ndarray) -> np.ndarray:
    """Return all numbers (F, D) of some frames, A; of no wave |P+ k| may be larger than ``steepest`` (K,), 1/A."""
    waves, phases = _waves(kind)
    vectors, fractional, across = kind.coordinates(places)
    values = across[:, :, :0] if kind.repeats.all() else across
    if len(waves):
        cosines = np.cos(2.0 * np.pi * (fractional @ waves.T) + phases) / (2.0 * np.pi * steepest)
        values = np.concatenate([cosines, values], axis=2)
    for species in kind.species:
        values[:, species] = np.sort(values[:, species], axis=1)
    return np.concatenate([vectors.reshape(len(places), -1), values.reshape(len(places), -1)], axis=1)


def _first_matches(
    mine: _Kind,
    places: np.ndarray,
    points: np.ndarray,
    theirs: _Kind,
    their_places: np.ndarray,
    their_points: np.ndarray,
    tolerance: float,
) -> dict[int, tuple[int, float]]:
    """Return for places of one set a place of the other within the tolerance, and their distance, where there is one.

    Neighbours are asked for a few at a time, nearest first, until one is the same or the cube around the frame holds no more.
    """
    found: dict[int, tuple[int, float]] = {}
    tree, total = cKDTree(their_points[their_places]), len(their_places)
    seen, wanted, still = 0, min(FIRST, total), places
    while len(still):
        left = []
        for start in range(0, len(still), max(1, BLOCK // wanted)):
            some = still[start : start + max(1, BLOCK // wanted)]
            near = _neighbours(tree, points[some], wanted, tolerance)
            is_open = np.ones(len(some), dtype=bool)
            for column in range(seen, wanted):
                asked = np.flatnonzero(is_open & (near[:, column] < total))
                if not len(asked):
                    break
                others = their_places[near[asked, column]]
                distances, _ = _compare(mine, some[asked], theirs, others, tolerance)
                for row, other, distance in zip(asked, others, distances, strict=True):
                    if np.isfinite(distance):
                        found[int(some[row])] = (int(other), float(distance))
                        is_open[row] = False
            left.append(some[is_open & (near[:, -1] < total)])
        still = np.concatenate(left)
        if wanted == total:
            break
        seen, wanted = wanted, min(wanted * MORE, total)
    return found


def _neighbours(tree: cKDTree, points: np.ndarray, wanted: int, tolerance: float) -> np.ndarray:
    """Return the places (F, wanted) of the nearest points within the tolerance in each number, the number of points for none."""
    bound = tolerance * (1.0 + 1e-6) + ROUND_OFF
    _, near = tree.query(points, k=wanted, p=np.inf, distance_upper_bound=bound)
    return np.asarray(near).reshape(len(points), wanted)


def _joined(kind: _Kind, points: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the number (F,) of the group of each frame of a kind.

    Frames are joined to their nearest neighbours first. Of a frame with more neighbours than were asked for, only those outside
    its group matter: groups with such frames are held against all others, one after another, until nothing outside is near.
    """
    total = len(kind)
    tree = cKDTree(points)
    labels, crowded = np.arange(total), np.arange(total)
    for wanted in (min(2 * FIRST, total), min(JOINED, total)):
        rows, columns, still = [np.zeros(0, dtype=int)], [np.zeros(0, dtype=int)], [np.zeros(0, dtype=int)]
        for start in range(0, len(crowded), max(1, BLOCK // wanted)):
            some = crowded[start : start + max(1, BLOCK // wanted)]
            near = _neighbours(tree, points[some], wanted, tolerance)
            still.append(some[near[:, -1] < total])
            row, column = np.nonzero(near < total)
            one, other = some[row], near[row, column]
            apart = labels[one] != labels[other]
            one, other = one[apart], other[apart]
            same = np.isfinite(_compare(kind, one, kind, other, tolerance)[0])
            rows.append(one[same])
            columns.append(other[same])
        labels = _merged(labels, np.concatenate(rows), np.concatenate(columns))
        crowded = np.concatenate(still) if wanted < total else crowded[:0]
    while len(crowded):
        inside = labels == labels[crowded[0]]
        outside, asking = np.flatnonzero(~inside), crowded[inside[crowded]]
        matches = _first_matches(kind, asking, points, kind, outside, points, tolerance) if len(outside) else {}
        if not matches:
            crowded = crowded[~inside[crowded]]
            continue
        labels = _merged(labels, np.array(list(matches)), np.array([other for other, _ in matches.values()]))
    return labels


def _merged(labels: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the numbers of groups once pairs of frames are joined."""
    total = len(labels)
    links = coo_matrix((np.ones(len(one), dtype=bool), (labels[one], labels[other])), shape=(total, total))
    return np.asarray(connected_components(links, directed=False)[1])[labels]


def _compare(
    mine: _Kind, places: np.ndarray, theirs: _Kind, others: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest distance (M,) of the atoms of pairs of frames, infinite above the tolerance, and the pairing.

    The pairing (M, N) says which atom of the other is that of mine, both sorted by species.
    """
    atoms = len(mine.numbers)
    distances, orders = np.full(len(places), np.inf), np.tile(np.arange(atoms), (len(places), 1))
    bound = tolerance + ROUND_OFF
    for rows in mine.blocks(np.arange(len(places))):
        (a, f, q), (b, g, p) = mine.coordinates(places[rows]), theirs.coordinates(others[rows])
        apart = _distances(f - g, q - p, a).max(axis=1, initial=0.0)
        apart[np.abs(a - b).reshape(len(a), -1).max(axis=1, initial=0.0) > bound] = np.inf
        for place in _reordered(
            mine, places[rows], theirs, others[rows], np.flatnonzero(np.isfinite(apart) & (apart > bound)), bound
        ):
            apart[place], orders[rows[place]] = _pairing(mine, f[place], q[place], g[place], p[place], a[place], bound)
        distances[rows] = np.where(apart <= bound, apart, np.inf)
    return distances, orders


def _reordered(mine: _Kind, places: np.ndarray, theirs: _Kind, others: np.ndarray, some: np.ndarray, bound: float) -> np.ndarray:
    """Return which of some pairs of frames may be the same in another order of atoms: those that share all their numbers."""
    if not len(some):
        return some
    steepest = np.maximum(_steepest(mine, places[some]), _steepest(theirs, others[some]))
    apart = np.abs(_columns(mine, places[some], steepest) - _columns(theirs, others[some], steepest))
    return some[apart.max(axis=1, initial=0.0) <= bound]


def _pairing(
    kind: _Kind, f: np.ndarray, q: np.ndarray, g: np.ndarray, p: np.ndarray, vectors: np.ndarray, bound: float
) -> tuple[float, np.ndarray]:
    """Return the largest distance of a frame's atoms from those nearest to them, and which those are.

    Infinite if it is above the bound, or one atom is nearest to two (atoms of a frame are farther apart than twice the bound).
    """
    order, largest = np.arange(len(f)), 0.0
    for species in kind.species:
        apart = _distances(f[species, None] - g[None, species], q[species, None] - p[None, species], vectors)
        near = apart.argmin(axis=1)
        largest = max(largest, float(apart[np.arange(len(near)), near].max()))
        if largest > bound or len(np.unique(near)) != len(near):
            return np.inf, order
        order[species] = species.start + near
    return largest, order


def _distances(fractional: np.ndarray, across: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the lengths of differences: fractional (..., p) but for lattice vectors (..., p, 3), and across (..., 3)."""
    along = (fractional - np.round(fractional)) @ vectors
    return np.asarray(np.sqrt((along**2).sum(axis=-1) + (across**2).sum(axis=-1)))
