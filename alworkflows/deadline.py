"""The end of a job's time: how much is left, and an orderly end before the queue ends the job.

A verb gets its walltime as ``max_seconds`` of its input, less what the process has lived already. Between pieces of work it
looks at its :class:`Deadline`. When that has come, it writes what it has into its folder ``checkpoint``, from which the same verb
on the same input goes on.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from alworkflows.atomic import write_text

__all__ = ["CHECKPOINT", "Deadline", "OutOfTime", "TimeIsUp", "count_restarts", "process_age"]

#: Folder of a job that holds all a later job needs to go on.
CHECKPOINT = "checkpoint"

#: Kept back for writing results: this share of the walltime, within these seconds, and of a short one never more than a part.
MARGIN, SHORTEST, LONGEST, LARGEST_SHARE = 0.05, 10.0, 300.0, 0.25


class TimeIsUp(Exception):  # noqa: N818 - nothing is wrong: what was done is in the checkpoint
    """The deadline came in work that cannot hand over half a result."""


class OutOfTime(BaseException):
    """The job's time is up, or the queue has asked it to end. No error: it passes every 'except Exception' of a calculator."""


class Deadline:
    """The time a job has; as a context, SIGTERM brings its end forward.

    Slurm, PBS and SGE send SIGTERM some seconds before they kill. Inside the context the first one makes the deadline expire, so
    that the work ends by itself and is written; a second one ends the process. Handlers can be set in the main thread alone:
    elsewhere signals do what they did.

    Parameters
    ----------
    max_seconds : float, optional
        Walltime, from now. None: no end but a signal.
    margin : float, optional
        Seconds of it kept back for writing results; by default 5 %, at least 10 s and at most 300 s, but never more than a
        quarter.
    clock : callable
        Seconds, rising.
    """

    def __init__(
        self, max_seconds: float | None = None, margin: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        if max_seconds is None:
            self.margin, self._end = 0.0, float("inf")
        else:
            usual = max(min(max(MARGIN * max_seconds, SHORTEST), LONGEST, LARGEST_SHARE * max_seconds), 0.0)
            self.margin = usual if margin is None else margin
            self._end = clock() + max_seconds - self.margin
        #: Whether SIGTERM came.
        self.terminated = False
        self._before: Any = None

    def remaining(self) -> float:
        """Return the seconds until results must be written; infinite without a walltime, 0 when they must be now."""
        return 0.0 if self.terminated else max(self._end - self._clock(), 0.0)

    def allows(self, seconds: float) -> bool:
        """Return whether there is time left, and as much as a piece of work is expected to take."""
        left = self.remaining()
        return left > 0.0 and seconds <= left

    @property
    def expired(self) -> bool:
        """Whether results must be written now."""
        return self.remaining() <= 0.0

    def outcome(self) -> dict[str, bool]:
        """Return what a verb that ended early writes into its report.

        ``out_of_time`` if its own walltime was about to end; ``terminated`` if it was told to end before that: whether by the end
        of its time or by a person, the scheduler knows.
        """
        if self.terminated and self._clock() < self._end:
            return {"terminated": True}
        return {"out_of_time": True}

    def __enter__(self) -> Deadline:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._on_term)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            self._before = None

    def _on_term(self, number: int, _: FrameType | None) -> None:
        self.terminated = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def process_age() -> float:
    """Return how long this process has lived, s: the queue's clock runs while Python imports. 0 where it cannot be known."""
    try:
        # the name of the program, in brackets, may hold spaces; the start, in ticks since boot, is the 22nd field
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"), 0.0)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


def count_restarts(folder: Path) -> int:
    """Return how many times the work of a job's folder has gone on from a checkpoint, this time included, and keep the count."""
    checkpoint = folder / CHECKPOINT
    if not checkpoint.is_dir():
        return 0
    file = checkpoint / "restarts.json"
    try:
        count = int(json.loads(file.read_text())) + 1
    except (FileNotFoundError, ValueError):
        count = 1
    write_text(file, json.dumps(count))
    return count
