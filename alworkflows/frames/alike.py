"""Frames of one kind, the numbers by which near ones are found, and their comparison atom by atom: see :mod:`.near`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.linalg import qr

from alworkflows.frames.state import state_key

__all__ = ["BLOCK", "ROUND_OFF", "Kind", "compare", "kinds_of", "points_of"]

#: in reciprocal lattice vectors, with phases of no symmetry, so that no site of a crystal sits where a cosine is flat
WAVES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 2, -1], [2, -1, 3], [-1, 3, 2], [3, 2, 5]])
PHASES = np.array([0.9, 0.4, 0.7, 1.1, 0.6, 0.3, 0.8])
#: numbers of a frame that are told apart by the tree
COLUMNS = 12
#: frames of a set by which the numbers that vary are found
SAMPLE = 1000
#: numbers held at once
BLOCK = 2_000_000
#: of what a number or a distance may differ for no reason but round-off
ROUND_OFF = 1e-9


@dataclass(frozen=True)
class Kind:
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


def kinds_of(frames: Sequence[Atoms]) -> dict[bytes, Kind]:
    """Return frames by species, periodicity and the state that they are asked for."""
    as_written: dict[bytes, list[int]] = {}
    for index, frame in enumerate(frames):
        repeats = frame.pbc & frame.cell.array.any(axis=1)
        key = frame.pbc.tobytes() + repeats.tobytes() + frame.numbers.tobytes() + state_key(frame)
        as_written.setdefault(key, []).append(index)
    members: dict[bytes, list[int]] = {}
    for key, indices in as_written.items():
        numbers = np.sort(frames[indices[0]].numbers)
        members.setdefault(key[:6] + numbers.tobytes() + state_key(frames[indices[0]]), []).extend(indices)
    kinds = {}
    for key, indices in members.items():
        numbers = np.sort(frames[indices[0]].numbers)
        kinds[key] = Kind(frames, numbers, np.frombuffer(key[3:6], dtype=bool), np.sort(indices))
    return kinds


def points_of(mine: Kind, theirs: Kind) -> tuple[np.ndarray, np.ndarray]:
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


def _waves(kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Return the waves (K, p) that there are along the vectors that repeat, and their phases (K,)."""
    waves = WAVES[:, kind.repeats]
    some = waves.any(axis=1)
    return waves[some], PHASES[some]


def _steepest(kind: Kind, places: np.ndarray) -> np.ndarray:
    """Return the largest |P+ k| of some frames for each wave (K,), 1/A."""
    waves, _ = _waves(kind)
    slopes = np.linalg.norm(np.linalg.pinv(kind.vectors(places)) @ waves.T, axis=1) if len(waves) else np.zeros((1, 0))
    return np.asarray(slopes.max(axis=0))


def _telling(values: np.ndarray) -> np.ndarray:
    """Return which few columns of numbers (F, D) tell frames apart best: they vary most, and none follows from others."""
    varied = np.argsort(-values.std(axis=0), kind="stable")[: COLUMNS**2]
    centred = values[:, varied] - values[:, varied].mean(axis=0)
    return np.asarray(varied[qr(centred, mode="r", pivoting=True)[1][:COLUMNS]])


def _columns(kind: Kind, places: np.ndarray, steepest: np.ndarray) -> np.ndarray:
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


def compare(mine: Kind, places: np.ndarray, theirs: Kind, others: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
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


def _reordered(mine: Kind, places: np.ndarray, theirs: Kind, others: np.ndarray, some: np.ndarray, bound: float) -> np.ndarray:
    """Return which of some pairs of frames may be the same in another order of atoms: those that share all their numbers."""
    if not len(some):
        return some
    steepest = np.maximum(_steepest(mine, places[some]), _steepest(theirs, others[some]))
    apart = np.abs(_columns(mine, places[some], steepest) - _columns(theirs, others[some], steepest))
    return some[apart.max(axis=1, initial=0.0) <= bound]


def _pairing(
    kind: Kind, f: np.ndarray, q: np.ndarray, g: np.ndarray, p: np.ndarray, vectors: np.ndarray, bound: float
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
