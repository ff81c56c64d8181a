"""What the campaign hands over when nothing goes wrong."""

import signal

import pytest

from faults.campaigns import bench


def pytest_sessionstart():
    """Let a run that is told to end, by a time limit say, end its daemons as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Hashes, ids of frames, and the end of the campaign, undisturbed."""
    with bench(tmp_path_factory.mktemp("undisturbed")) as machine:
        told = machine.wait(machine.submit())
        assert len(machine.begun()) == len({job["content"] for job in machine.begun()})
    assert told["status"] in (0, 704), told["message"]
    assert len(told["ids"]) == len(set(told["ids"])) >= 10
    return told


@pytest.fixture
def same(undisturbed):
    """Return a function that asserts that a campaign ended as the undisturbed one did, and that nothing of it looks alive."""

    def _same(machine, pk):
        told = machine.wait(pk)
        assert told["status"] == undisturbed["status"], told["message"]
        assert told["hashes"] == undisturbed["hashes"]
        assert machine.alive() == []

    return _same
