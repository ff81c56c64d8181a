"""The disk of the jobs is full: the campaign waits and says so; with room again, and a word, it goes on to the same data."""

import subprocess
import time
from contextlib import contextmanager, suppress

import pytest

from faults.campaigns import bench


@contextmanager
def small_disk(folder, size="12m"):
    """Mount a small disk of its own."""
    folder.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"this test mounts a file system in memory, which needs root and the right to mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path):
    """Write a file until there is no room."""
    with suppress(OSError), path.open("wb", buffering=0) as handle:
        while True:
            handle.write(bytes(1 << 12))


def test_a_full_disk_stops_a_campaign_that_goes_on_when_there_is_room(tmp_path, same):
    with small_disk(tmp_path / "disk") as disk, bench(tmp_path / "machine", work=disk / "work") as machine:
        for name, value in (("transport.task_retry_initial_interval", "1"), ("transport.task_maximum_attempts", "3")):
            machine.shell("-p", "alworkflows", "config", "set", name, value, program=machine.verdi)
        machine.shell("-p", "alworkflows", "daemon", "restart", program=machine.verdi)
        pk = machine.submit()
        while not machine.begun():
            time.sleep(0.2)
        ballast = disk / "ballast"
        fill(ballast)
        deadline = time.monotonic() + 180
        while not machine.ended(pk) and "Paused: " not in machine.shell("status", pk) and time.monotonic() < deadline:
            time.sleep(2)
        ballast.unlink()
        if machine.ended(pk):
            told = machine.data(pk)
            assert told["status"] >= 400
            pk = machine.resume(pk)
        else:
            assert "paused step" in machine.shell("resume", pk)
        same(machine, pk)
