"""Processes killed by their ids at random moments: the campaign ends with the same data, bit by bit."""

import time

import numpy as np
import pytest

from faults.campaigns import bench, twice


def test_the_daemon_killed_three_times_and_started_again(tmp_path, same):
    """All of it: the process that keeps the others, the workers, the broker. Jobs run on."""
    moments = np.random.default_rng(1).uniform(3, 15, size=3)
    with bench(tmp_path) as machine:
        pk = machine.submit()
        for wait in moments:
            time.sleep(wait)
            if machine.ended(pk):
                break
            assert machine.killer.kill("daemon")
            machine.revive()
        same(machine, pk)
        assert machine.killer.deaths
        # a job that was begun is not begun again, and no frame is labelled twice
        assert twice([job["content"] for job in machine.begun()]) == 0
        assert twice(machine.labelled()) == 0


def test_a_worker_and_the_broker_killed_are_replaced_without_a_person(tmp_path, same):
    """The daemon replaces a worker; workers that lost their broker make way for others that hear the new one."""
    with bench(tmp_path) as machine:
        pk = machine.submit()
        machine.killer.wait_for("job")  # it died on nothing of its own: it is run once more
        for what in ("worker", "broker", "worker"):
            time.sleep(6)
            if not machine.ended(pk):
                assert machine.killer.kill(what)
        same(machine, pk)


@pytest.mark.parametrize("what", ["circus"])
def test_what_outlives_the_daemon_is_ended_when_it_is_started_again(tmp_path, same, what):
    with bench(tmp_path) as machine:
        pk = machine.submit()
        time.sleep(8)
        left = [process.pid for word in ("worker", "broker") for process in machine.killer.part(word)]
        assert machine.killer.kill(what)
        assert "left by an earlier daemon ended" in machine.revive()
        import psutil

        assert not any(psutil.pid_exists(pid) for pid in left)
        same(machine, pk)
