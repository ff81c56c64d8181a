"""The same job handed to the scheduler twice: it is done once."""

import json
import subprocess
import sys
import time

import pytest
from ase.build import bulk

from alworkflows import frames as frames_io
from alworkflows import jobs

COUNTED = """
import sys, time
from pathlib import Path
from alworkflows.jobs import run_label as label
make = label.run
def counted(spec, folder):
    with open("runs", "a") as handle:
        handle.write("x")
    time.sleep(2)
    return make(spec, folder)
label.run = counted
from alworkflows import jobs
jobs.run("label", "input.json")
"""


@pytest.fixture
def folder(tmp_path):
    """The folder of a job that labels two frames."""
    frames = [bulk("Cu", cubic=True) for _ in range(2)]
    for seed, frame in enumerate(frames):
        frame.rattle(0.05, seed=seed)
    frames_io.save(tmp_path / "frames.npz", frames)
    (tmp_path / "input.json").write_text(json.dumps({"frames": "frames.npz", "label": {"calculator": {"name": "emt"}}}))
    (tmp_path / ".aiida").mkdir()
    return tmp_path


def start(folder):
    return subprocess.Popen([sys.executable, "-c", COUNTED], cwd=folder)


def test_two_jobs_at_once_in_one_folder_do_the_work_once(folder):
    jobs = [start(folder), start(folder)]
    assert [job.wait(60) for job in jobs] == [0, 0]
    assert (folder / "runs").read_text() == "x"
    assert json.loads((folder / "output.json").read_text())["labelled"] == 2


def test_the_second_does_the_work_if_the_first_dies(folder):
    first = start(folder)
    deadline = time.monotonic() + 60
    while not (folder / "runs").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    second = start(folder)
    first.kill()
    first.wait(60)
    assert second.wait(60) == 0
    assert (folder / "runs").read_text() == "xx"
    assert len(frames_io.load(folder / "labelled.npz")[0]) == 2


def test_one_that_comes_late_finds_the_result(folder):
    result = jobs.run("label", folder / "input.json")
    assert jobs.run("label", folder / "input.json") == json.loads(json.dumps(result))


def test_by_hand_a_verb_is_run_as_often_as_it_is_typed(folder):
    (folder / ".aiida").rmdir()
    first = jobs.run("label", folder / "input.json")
    assert jobs.run("label", folder / "input.json") is not first
    assert not (folder / ".running").exists()
