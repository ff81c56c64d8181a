"""The end of a job's time."""

import json
import os
import signal
import subprocess
import sys

import pytest

from alworkflows import jobs
from alworkflows.deadline import Deadline, process_age
from alworkflows.errors import InputError


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize(("walltime", "margin"), [(4, 1), (10, 2.5), (60, 10), (1000, 50), (86400, 300), (-3, 0)])
def test_the_margin_is_a_share_of_the_walltime_within_bounds(walltime, margin, clock):
    deadline = Deadline(walltime, clock=clock)
    assert deadline.margin == margin
    assert deadline.remaining() == max(walltime - margin, 0)


def test_it_expires_when_the_margin_begins(clock):
    deadline = Deadline(100, margin=5, clock=clock)
    assert not deadline.expired
    assert deadline.allows(95)
    assert not deadline.allows(96)
    clock.now += 95
    assert deadline.expired
    assert not deadline.allows(0)
    assert deadline.outcome() == {"out_of_time": True}


def test_without_a_walltime_there_is_no_end(clock):
    deadline = Deadline(clock=clock)
    clock.now += 1e9
    assert not deadline.expired
    assert deadline.allows(1e9)


def test_sigterm_brings_the_end_and_is_told_from_it(clock):
    before = signal.getsignal(signal.SIGTERM)
    with Deadline(100, margin=5, clock=clock) as deadline:
        os.kill(os.getpid(), signal.SIGTERM)
        assert deadline.expired
        assert not deadline.allows(0)
        assert deadline.outcome() == {"terminated": True}
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL  # the second one ends the process
        clock.now += 96
        assert deadline.outcome() == {"out_of_time": True}
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_age_of_a_process():
    code = "import time; time.sleep(0.5); from alworkflows.deadline import process_age; print(process_age())"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.5 <= float(process.stdout) < 20
    assert process_age() > 0


@pytest.mark.parametrize("given", [0, -5, "600", True])
def test_a_walltime_that_is_none_is_refused(given, tmp_path):
    spec = {"sampler": {"name": "rattle"}, "structures": "structures.npz", "structure": "copper", "seed": 1}
    (tmp_path / "input.json").write_text(json.dumps({**spec, "max_seconds": given}))
    with pytest.raises(InputError, match=rf"max_seconds: expected .*, got {given!r}"):
        jobs.run("sample", tmp_path / "input.json")
