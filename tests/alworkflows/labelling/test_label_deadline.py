"""What fits into a job's time, and how it ends."""

import os
import signal
import time

import pytest

from alworkflows.deadline import OutOfTime
from alworkflows.labelling import LabelDeadline


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_before_the_first_frame_nothing_is_known():
    assert LabelDeadline(100.0, clock=Clock()).fits(10**6)
    assert LabelDeadline().fits(10**6)


@pytest.mark.parametrize(("atoms", "seconds"), [(10, 4.0), (5, 2.0), (20, 16.0)])
def test_the_slowest_counts_scaled_by_atoms(atoms, seconds):
    deadline = LabelDeadline(100.0, margin=0.0, clock=Clock())
    deadline.took(10, 4.0)
    deadline.took(10, 1.0)
    assert deadline.expected(atoms) == pytest.approx(seconds)


def test_a_frame_fits_while_there_is_time_for_one_like_the_slowest():
    clock = Clock()
    deadline = LabelDeadline(100.0, margin=5.0, clock=clock)
    deadline.took(10, 30.0)
    clock.now = 65.0
    assert deadline.fits(10)
    clock.now = 65.1
    assert not deadline.fits(10)


def test_the_alarm_ends_what_runs():
    deadline = LabelDeadline(0.3, margin=0.1)
    began = time.monotonic()
    with pytest.raises(OutOfTime), deadline.guard():
        time.sleep(10)
    assert time.monotonic() - began < 2
    assert deadline.outcome() == {"out_of_time": True}
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def told_to_end(deadline, done):
    """Be told to end while a file is being written, by a calculator that swallows what it can."""
    with deadline.guard():
        try:
            with deadline.undisturbed():
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.01)
                done.append("written")
            done.append("went on")
        except Exception:
            done.append("swallowed")


def test_sigterm_ends_what_runs_but_lets_a_file_be_written():
    deadline, done = LabelDeadline(60.0), []
    with pytest.raises(OutOfTime):
        told_to_end(deadline, done)
    assert done == ["written"]
    assert deadline.terminated
    assert not deadline.fits(1)
    assert deadline.outcome() == {"terminated": True}
