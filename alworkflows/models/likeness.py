"""Which frames are like which: neighbours by fingerprint, and how alone each frame is among them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["ALIKE", "Likeness"]

#: frames that a frame is compared with
ALIKE = 12
#: directions of the largest variance of the fingerprints in which distances are taken
DIRECTIONS = 8


@dataclass(frozen=True)
class Likeness:
    """The frames that come nearest to each.

    ``neighbours`` (F, K): their numbers, the nearest first; ``distances`` (F, K): in standard deviations of a column.
    """

    neighbours: np.ndarray
    distances: np.ndarray

    @classmethod
    def of(cls, fingerprints: np.ndarray) -> Likeness:
        """Return the nearest of F frames with fingerprints (F, D); of few frames a third is compared with."""
        from scipy.spatial import cKDTree

        points = _points(fingerprints)
        few = max(1, min(ALIKE, (len(points) - 1) // 3))
        distances, neighbours = cKDTree(points).query(points, k=few + 1)
        # of frames at one place a frame need not be the first of its own neighbours
        others = neighbours != np.arange(len(points))[:, None]
        others[others.all(axis=1), -1] = False
        return cls(neighbours[others].reshape(-1, few), distances[others].reshape(-1, few))

    @cached_property
    def alone(self) -> np.ndarray:
        """How much farther each frame's neighbours are than those of its neighbours are from them (F,); usual is 1."""
        far = self.distances.mean(axis=1)
        usual = np.median(far[self.neighbours], axis=1) + 0.1 * np.median(far)
        return np.asarray(far / np.where(usual > 0, usual, 1.0))

    def typical(self, values: np.ndarray, voices: np.ndarray | None = None) -> np.ndarray:
        """Return for each frame the median of ``values`` (F, ...) over those of its neighbours that have any; NaN if none has.

        Parameters
        ----------
        voices
            Which frames (F,) have a say; where no neighbour of a frame has, all have.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
            everyone = np.asarray(np.nanmedian(values[self.neighbours], axis=1))
            if voices is None:
                return everyone
            heard = np.nanmedian(np.where(voices, values, np.nan)[self.neighbours], axis=1)
        return np.where(np.isnan(heard), everyone, heard)


def _points(fingerprints: np.ndarray) -> np.ndarray:
    """Return the frames (F, D) in the directions in which standardised fingerprints vary most."""
    centred = fingerprints - fingerprints.mean(axis=0, dtype=float).astype(fingerprints.dtype)
    spread = centred.std(axis=0)
    varies = spread > 1e-6 * max(float(np.abs(fingerprints).max(initial=0.0)), 1e-300)
    if not varies.any():
        return np.zeros((len(fingerprints), 1))
    scaled = centred[:, varies]
    scaled /= spread[varies]
    values, vectors = np.linalg.eigh((scaled.T @ scaled).astype(float))
    largest = vectors[:, np.argsort(-values)[:DIRECTIONS]]
    return np.asarray(scaled @ largest / np.sqrt(scaled.shape[1]), dtype=float)
