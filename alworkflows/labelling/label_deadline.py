"""What still fits into a job, and an orderly end of what does not."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from alworkflows.deadline import Deadline, OutOfTime

__all__ = ["LabelDeadline"]


class LabelDeadline(Deadline):
    """The end of a job's time, for frames whose cost is known from those before.

    Parameters
    ----------
    max_seconds : float, optional
        Walltime, from now. None: no end but a signal.
    margin, clock
        As of :class:`~alworkflows.deadline.Deadline`.
    """

    def __init__(
        self, max_seconds: float | None = None, margin: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(max_seconds, margin, clock)
        self._took: list[tuple[int, float]] = []
        self._held = 0

    def took(self, atoms: int, seconds: float) -> None:
        """Remember what a frame of ``atoms`` atoms took."""
        self._took.append((atoms, seconds))

    def expected(self, atoms: int) -> float:
        """Return the seconds a frame of ``atoms`` atoms may take, from the slowest so far; 0 before the first.

        A smaller frame is taken to cost in proportion to its atoms, a larger one with their square.
        """
        return max((seconds * max(atoms / known, (atoms / known) ** 2) for known, seconds in self._took), default=0.0)

    def fits(self, atoms: int) -> bool:
        """Return whether a frame of ``atoms`` atoms is expected to end in time."""
        return self.allows(self.expected(atoms))

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Raise :class:`OutOfTime` in the main thread when the time is up or SIGTERM comes, whatever runs then.

        A program that looks at :meth:`remaining` itself stops before, and in better order.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # signals reach the main thread alone; frames are still judged
            return
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGALRM)}
        left = self.remaining()
        if left < float("inf"):
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Let what is inside end before :class:`OutOfTime` is raised: a file being written, a label being kept."""
        self._held += 1
        pending = self.expired
        try:
            yield
        finally:
            self._held -= 1
        if self.expired and not pending and not self._held:
            raise OutOfTime

    def _on_signal(self, number: int, _: Any) -> None:
        self.terminated = self.terminated or number == signal.SIGTERM
        if not self._held:
            raise OutOfTime
