"""Fits that are interrupted: no frame is summed twice, and what comes out is the same to the last bit."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from after import After
from ase.build import bulk
from planted import SETTINGS, SPECIES

from alworkflows import frames as frames_io
from alworkflows.deadline import TimeIsUp
from alworkflows.descriptors import build
from alworkflows.models import Fit
from alworkflows.models.batches import Batches
from alworkflows.models.linear.accumulate import accumulate
from alworkflows.models.linear.rows import RowMaker
from alworkflows.models.linear.unfinished import Unfinished
from alworkflows.settings import FitSettings


class Counted(RowMaker):
    """Count the frames that are turned into rows; be killed at one of them."""

    def __init__(self, killed_at=None):
        super().__init__(build(SETTINGS, SPECIES), FitSettings(quantities=("energy", "forces")))
        self.count, self.killed_at = 0, killed_at

    def __call__(self, atoms):
        if self.count == self.killed_at:
            raise MemoryError
        self.count += 1
        return super().__call__(atoms)


def add(batches, unfinished=None, killed_at=None):
    maker = Counted(killed_at)
    try:
        sums = accumulate(
            Batches(batches, "frames"), maker, lambda atoms: len(atoms) % 4, 4, lambda line: None, None, {}, unfinished
        )
    except (TimeIsUp, MemoryError):
        sums = None
    return sums, maker.count


def same(first, second):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for a, b in zip(first, second, strict=True) for name in vars(a))


@pytest.fixture
def batches(labelled):
    return [labelled(12), labelled(9, first=20), labelled(14, first=40)]


@pytest.mark.parametrize("looks", [1, 2, 3, 5, 7])
def test_no_frame_is_summed_twice_and_no_bit_differs(batches, looks, tmp_path):
    whole, total = add(batches)
    sums, counts = None, []
    while sums is None:
        sums, count = add(batches, Unfinished(tmp_path, After(looks)))
        counts.append(count)
        assert len(counts) < 50
        assert len(list(tmp_path.iterdir())) <= 1
    assert len(counts) > 1
    assert sum(counts) == total == 35
    assert same(sums, whole)


def test_a_fit_that_is_killed_goes_on_from_its_last_checkpoint(batches, tmp_path, monkeypatch):
    monkeypatch.setattr("alworkflows.models.linear.unfinished.SHARE", float("inf"))
    whole, _ = add(batches)
    sums, _ = add(batches, Unfinished(tmp_path, every=0.0), killed_at=25)
    assert sums is None
    sums, count = add(batches, Unfinished(tmp_path))
    assert count == 14
    assert same(sums, whole)


def test_a_short_fit_writes_nothing(batches, tmp_path):
    add(batches, Unfinished(tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_whole_fit_is_the_same(labelled, settings, tmp_path):
    options = {
        "frames": [labelled(14, noise=0.1), labelled(6, first=20, noise=0.1)],
        "settings": settings(),
        "species": SPECIES,
        "seed": 1,
        "tests": {"other": [labelled(3, first=50)]},
        "transfers": {"far": [labelled(2, first=60)]},
        "cache": None,
    }
    whole, ensemble, count = Fit(**options).ensemble(), None, 0
    while ensemble is None:
        with contextlib.suppress(TimeIsUp):
            ensemble = Fit(**options, unfinished=Unfinished(tmp_path, After(2 + count))).ensemble()
        count += 1
        assert count < 50
    assert count > 2
    for a, b in zip(ensemble.members, whole.members, strict=True):
        assert np.array_equal(a.weights, b.weights)
        assert np.array_equal(a.reference_energies, b.reference_energies)
    assert ensemble.report == whole.report


# ------------------------------------------------------------------------------------------------ the verb


@pytest.fixture
def job(tmp_path):
    """Return a function that starts the verb in a folder of its own; on frames large enough for some seconds of work."""
    random, frames = np.random.default_rng(1), []
    for number in range(120):
        atoms = bulk("Cu", cubic=True).repeat(3)
        atoms.rattle(0.1, seed=number)
        frames.append(frames_io.attach_labels(atoms, random.normal(), random.normal(size=(108, 3)), np.zeros(6)))
    files = {f"{name}.npz": frames[first : first + 40] for name, first in (("a", 0), ("b", 40), ("c", 80))}
    environment = {**os.environ, "ALWORKFLOWS_CACHE": "off", "OMP_NUM_THREADS": "1"}

    def _job(name, say=False, **more):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for file, content in files.items():
            frames_io.save(folder / file, content)
        spec = {"batches": list(files), "species": ["Cu"], "seed": 1, "model": {"fit": {"max_terms": 5}}, **more}
        (folder / "input.json").write_text(json.dumps(spec))
        command = [Path(sys.executable).with_name("alworkflows"), "run", "fit", folder / "input.json"]
        return folder, subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE if say else None)

    return _job


def result(folder):
    return json.loads((folder / "output.json").read_text())


def test_jobs_out_of_time_one_after_the_other(job, tmp_path):
    whole, process = job("whole")
    assert process.wait(timeout=120) == 0
    before, count, seconds = None, 0, 0.4 * result(whole)["seconds"]
    while before is None or result(before).get("out_of_time"):
        (tmp_path / f"part{count}").mkdir()
        if before and (before / "checkpoint").exists():
            (before / "checkpoint").rename(tmp_path / f"part{count}" / "checkpoint")
        part, process = job(f"part{count}", max_seconds=seconds)
        assert process.wait(timeout=120) == 0
        # small steps: on a slow machine nearly all of the time is the start, and one walltime must fall between that and the end
        before, count, seconds = part, count + 1, seconds * 1.2
        assert count < 25
    assert count > 1
    assert result(before)["restarts"] > 0
    first, second = (np.load(folder / "ensemble.npz") for folder in (before, whole))
    assert np.array_equal(first["0/weights"], second["0/weights"])
    assert np.array_equal(first["0/reference_energies"], second["0/reference_energies"])


def test_sigterm_ends_a_fit_in_order(job):
    folder, process = job("told", say=True)
    for line in process.stdout:
        if "normal equations" in line:
            process.send_signal(signal.SIGTERM)
            break
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert result(folder)["terminated"] is True
    assert "to be gone on with" in result(folder)["message"]
    assert list((folder / "checkpoint").glob("group_0/*.sums.npz"))
    assert not (folder / "ensemble.npz").exists()
