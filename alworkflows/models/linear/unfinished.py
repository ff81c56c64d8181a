"""Sums of a fit that has not ended, kept in its job's folder, so that another process does none of it again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from alworkflows.deadline import Deadline
from alworkflows.models.linear.cache import Cache

__all__ = ["Unfinished"]

#: Seconds between two checkpoints, and what a checkpoint may cost of them.
EVERY, SHARE = 60.0, 0.05
#: Seconds of work that are worth a file once all batches of a set are summed.
WORTH = 10.0


class Unfinished:
    """The checkpoint of a fit, and the deadline at which it stops.

    Sums are found by what they are sums of, as in the computer's cache; here nothing is thrown away but what a later sum of the
    same set holds.

    Parameters
    ----------
    folder : Path
        Made when something is stored.
    deadline : Deadline, optional
        When to stop.
    every, worth : float
        Seconds between two checkpoints; seconds of work on a whole set that are worth one.
    """

    def __init__(self, folder: Path, deadline: Deadline | None = None, every: float = EVERY, worth: float = WORTH) -> None:
        self.files = Cache(folder, limit=2**62)
        self.deadline = deadline or Deadline()
        self._every, self._worth = every, worth
        self._last, self._cost, self._slowest = time.monotonic(), 0.0, 0.0

    def took(self, frames: int, seconds: float) -> None:
        """Remember how long a number of frames took."""
        self._slowest = max(self._slowest, seconds / max(frames, 1))

    def ends(self, frames: int = 0) -> bool:
        """Return whether to stop rather than begin a number of frames."""
        return not self.deadline.allows(frames * self._slowest)

    def due(self, complete: bool = False) -> bool:
        """Return whether it is time to write; a set that is complete is worth it sooner."""
        since = time.monotonic() - self._last
        return since >= (self._worth if complete else max(self._every, self._cost / SHARE))

    def store(self, key: str, arrays: dict[str, np.ndarray], say: Callable[[str], None], instead_of: str | None) -> None:
        """Keep sums, and remove those of the same set that they hold."""
        began = time.monotonic()
        self.files.store(key, arrays, say)
        if instead_of is not None and instead_of != key and key in self.files:
            self.files.remove(instead_of)
        self._last = time.monotonic()
        self._cost = self._last - began
