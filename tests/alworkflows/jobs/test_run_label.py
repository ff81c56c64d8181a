"""The verb ``label``: what a job's folder holds while it runs, at its end, and when its time is over."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from ase.build import bulk

from alworkflows import jobs
from alworkflows.calculators import permit
from alworkflows.errors import InputError
from alworkflows.frames import frame_id, load, save
from alworkflows.settings import CalculatorSettings

#: An ASE calculator that takes a while a frame, and fails on a frame of which it is told.
SLOW = """
import time
from ase.calculators.emt import EMT

class Slow(EMT):
    def __init__(self, seconds=0.0, fail_at=None):
        super().__init__()
        self.seconds, self.fail_at, self.count = seconds, fail_at, 0

    def calculate(self, *args, **kwargs):
        self.count += 1
        if self.count == self.fail_at:
            raise RuntimeError("SCF did not converge")
        time.sleep(self.seconds)
        super().calculate(*args, **kwargs)
"""


def copper(count, size=1):
    frames = []
    for seed in range(count):
        atoms = bulk("Cu", cubic=True) * (size, 1, 1)
        atoms.rattle(0.1, seed=seed)
        frames.append(atoms)
    return frames


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Return a function that lays out a job's folder and returns its input's path; the calculator is slow as told."""
    (tmp_path / "slow_calculator.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)

    def layout(frames, arguments=None, **more):
        folder = tmp_path / "job"
        folder.mkdir(exist_ok=True)
        save(folder / "frames.npz", frames)
        parameters = {"class": "slow_calculator:Slow", "arguments": arguments or {}, "package": "ase", "energy": "potential"}
        label = {"calculator": permit(CalculatorSettings(name="ase", parameters=parameters)).model_dump()}
        (folder / "input.json").write_text(json.dumps({"frames": "frames.npz", "label": label, **more}))
        return folder / "input.json"

    return layout


def test_only_the_indices_asked_for(job):
    frames = copper(5)
    path = job(frames, {"fail_at": 2}, indices=[4, 1, 2])
    report = jobs.run("label", path)
    labelled, header = load(path.parent / "labelled.npz")
    assert [frame_id(frame) for frame in labelled] == [frame_id(frames[index]) for index in (4, 2)]
    assert header["engine"]["energy"] == "potential"
    assert report["labelled"] == 2
    [failure] = report["failures"]
    assert (failure["index"], failure["id"], failure["kind"]) == (1, frame_id(frames[1]), "unconverged")
    assert json.loads((path.parent / "failures.json").read_text()) == report["failures"]
    assert not (path.parent / "current.json").exists()
    assert (report["unreached"], report["interrupted"]) == ([], None)
    assert "out_of_time" not in report
    assert report["seconds_per_frame"]["slowest"] >= report["seconds_per_frame"]["mean"]


def test_a_frame_that_would_not_fit_is_not_begun(job):
    path = job(copper(6), {"seconds": 0.4}, max_seconds=2.0)
    report = jobs.run("label", path)
    assert report["interrupted"] is None
    assert report["out_of_time"]
    assert 1 <= report["labelled"] <= 3
    assert report["unreached"] == list(range(report["labelled"], 6))
    assert report["seconds"] < 2.0


def test_a_frame_that_takes_longer_than_all_the_time_is_interrupted(job):
    path = job(copper(3), {"seconds": 30.0}, indices=[2, 0], max_seconds=1.0)
    report = jobs.run("label", path)
    assert (report["labelled"], report["failures"]) == (0, [])
    assert (report["interrupted"], report["unreached"]) == (2, [0])
    assert report["seconds"] < 1.5
    assert not (path.parent / "current.json").exists()


def test_sigterm_ends_the_job_in_order(job, tmp_path):
    frames = copper(4)
    path = job(frames, {"seconds": 1.0})
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    program = f"from alworkflows import jobs; jobs.run('label', {str(path)!r})"
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.DEVNULL)
    current, first = path.parent / "current.json", path.parent / "labelled.npz"
    until = time.monotonic() + 60
    while not (first.exists() and json.loads(current.read_text())["index"] == 1):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    assert json.loads(current.read_text())["id"] == frame_id(frames[1])
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    report = json.loads((path.parent / "output.json").read_text())
    assert (report["labelled"], report["interrupted"], report["unreached"]) == (1, 1, [2, 3])
    assert report["terminated"]
    assert len(load(first)[0]) == 1


def test_a_job_that_is_killed_tells_which_frame_it_was_at(job, tmp_path):
    frames = copper(3)
    path = job(frames, {"seconds": 1.0})
    program = f"from alworkflows import jobs; jobs.run('label', {str(path)!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(tmp_path)}, stdout=subprocess.DEVNULL
    )
    first = path.parent / "labelled.npz"
    until = time.monotonic() + 60
    while not (first.exists() and json.loads((path.parent / "current.json").read_text())["index"] == 1):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait(10)
    assert json.loads((path.parent / "current.json").read_text()) == {"index": 1, "id": frame_id(frames[1])}
    assert [frame_id(frame) for frame in load(first)[0]] == [frame_id(frames[0])]
    assert not (path.parent / "output.json").exists()


def test_frames_with_a_checkpoint_come_first_and_it_goes_with_the_label(job):
    frames = copper(3)
    path = job(frames)
    folder = path.parent / "checkpoint"
    folder.mkdir()
    (folder / f"{frame_id(frames[2])}.gpw").write_text("state")
    jobs.run("label", path)
    assert frame_id(load(path.parent / "labelled.npz")[0][0]) == frame_id(frames[2])
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"indices": []}, "at least one frame"),
        ({"indices": [0, 3]}, "expected 0 to 1, got 3"),
        ({"indices": [0, 0]}, "each index once"),
        ({"remedy": "more-steps"}, "unknown remedy 'more-steps'"),
    ],
)
def test_bad_input(job, more, message):
    with pytest.raises(InputError, match=message):
        jobs.run("label", job(copper(2), **more))
