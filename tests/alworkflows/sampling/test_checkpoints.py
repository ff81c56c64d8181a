"""A run that was interrupted gives the frames of one that was not: in one process, in many, and after a kill."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from after import After
from ase.build import bulk
from standins import Committee
from test_samplers import case

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.models import train
from alworkflows.sampling import OUT_OF_TIME, melt, sample
from alworkflows.settings import LinearSettings, PlipSettings
from alworkflows.structures import crystal


def pieces(folder, looks, name="quench", driver=None, upper=None, seed=1, structure=None, **changes):
    """Return the frames and the reports of a run in as many processes as it takes."""
    settings, usual, committee = case(name, **changes)
    structure = structure or usual
    reports = []
    while not reports or reports[-1].stopped == OUT_OF_TIME:
        frames = []
        deadline = After(next(looks)) if looks else None
        driven = driver() if driver else committee
        reports.append(sample(settings, structure, "start", seed, frames.append, driven, upper, None, folder, deadline))
    return frames, reports


def interruptions(seed, longest):
    random = np.random.default_rng(seed)
    while True:
        yield int(random.integers(1, longest))


def ids(frames):
    return [frames_io.frame_id(frame) for frame in frames]


def origins(frames):
    return [frame.info["origin"] for frame in frames]


@functools.cache
def fitted():
    """Return an ensemble fitted to Morse copper."""
    frames = []
    for number in range(24):
        atoms = bulk("Cu", cubic=True).repeat(2)
        atoms.set_cell(np.asarray(atoms.cell) * (0.94 + 0.01 * (number % 12)), scale_atoms=True)
        atoms.rattle(0.05 + 0.02 * (number % 12), seed=number)
        atoms.calc = Committee()
        forces, energy = atoms.get_forces(), atoms.get_potential_energy()
        frames.append(frames_io.attach_labels(atoms, energy, forces, np.zeros(6)))
    settings = LinearSettings(descriptors=PlipSettings.gaussians(np.arange(1.0, 4.1, 0.25), l=(), m=()))
    return train([frames], settings, ("Cu",), 1, cache=None)[0]


def real_driver():
    """Return an ensemble's calculator, whose neighbour list outlives many steps."""
    return fitted().calculator()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("name", "changes"), [("quench", {}), ("quench", {"pressure": 0.5, "watch_every": 7}), ("surface-melt", {"watch_every": 3})]
)
@pytest.mark.parametrize("driver", [Committee, real_driver], ids=["morse", "ensemble"])
def test_driven_dynamics_interrupted_anywhere_give_the_same_bits(name, changes, driver, seed, tmp_path):
    whole, (report,) = pieces(tmp_path / "whole", None, name, driver, upper=50.0, **changes)
    parts, reports = pieces(tmp_path / "parts", interruptions(seed, 40), name, driver, upper=50.0, **changes)
    assert len(reports) > 3
    assert ids(parts) == ids(whole)
    assert origins(parts) == origins(whole)
    assert (reports[-1].frames, reports[-1].steps, reports[-1].stopped) == (report.frames, report.steps, report.stopped)


def test_what_is_kept_before_a_stop_is_the_same(tmp_path):
    settings = {"watch_every": 3, "upper": 0.22, "before_stop": 6, "driver": lambda: Committee(grows=0.004)}
    whole, _ = pieces(tmp_path / "whole", None, **settings)
    parts, reports = pieces(tmp_path / "parts", interruptions(5, 6), **settings)
    assert len(reports) > 1
    assert reports[-1].stopped == "disagreement"
    assert ids(parts) == ids(whole)
    assert origins(parts) == origins(whole)


# not the oxide under pressure: LAMMPS' Ewald sum reads memory that nobody set in some skewed cells, so that two runs may differ
@pytest.mark.parametrize(("name", "pressure"), [("zno", None), ("argon", None), ("argon", 0.1)])
def test_a_melt_goes_on_with_the_same_bits(name, pressure, tmp_path, monkeypatch):
    monkeypatch.setattr(melt, "LONGEST", 70)
    monkeypatch.setattr(melt, "SHORTEST", 70)
    changes = {"pressure": pressure}
    if name == "argon":
        changes |= {"potential": "ar-rahman", "temperature": [20, 100], "duration": 1200, "timestep": 3.0}
        structure = bulk("Ar", cubic=True).repeat(4)
    else:
        structure = None
    whole, _ = pieces(tmp_path / "whole", None, "melt", structure=structure, **changes)
    parts, reports = pieces(tmp_path / "parts", interruptions(1, 6), "melt", structure=structure, **changes)
    assert len(reports) > 1
    assert all(report.steps % 70 == 0 for report in reports[:-1])
    assert ids(parts) == ids(whole)
    assert origins(parts) == origins(whole)


def test_a_melt_in_pieces_is_as_hot_as_one_in_a_piece(tmp_path, monkeypatch):
    """The noise of the thermostat is seeded anew in each piece; the mean temperature does not know."""
    means = {}
    for steps in (25, 5000):
        monkeypatch.setattr(melt, "LONGEST", steps)
        monkeypatch.setattr(melt, "SHORTEST", steps)
        frames, _ = pieces(
            tmp_path / str(steps), None, "melt", duration=3000, temperature=[1000, 1000], friction=50, snapshots=90
        )
        means[steps] = np.mean([frame.info["origin"]["kinetic_temperature"] for frame in frames])
    # 45 degrees of freedom, about 27 independent samples: 4 % each
    assert means[25] == pytest.approx(1000, rel=0.12)
    assert means[5000] == pytest.approx(1000, rel=0.12)


def test_a_checkpoint_is_written_by_the_clock_too(tmp_path, monkeypatch):
    from alworkflows.sampling.checkpoint import Checkpoint

    monkeypatch.setattr(Checkpoint.__init__, "__defaults__", (None, "", None, 0.0))
    settings, structure, driver = case("quench")

    class KilledError(Exception):
        pass

    frames = []

    def keep(frame):
        frames.append(frame)
        if len(frames) == 4:
            raise KilledError

    with pytest.raises(KilledError):
        sample(settings, structure, "start", 1, keep, driver, None, None, tmp_path / "killed")
    again = []
    sample(settings, structure, "start", 1, again.append, driver, None, None, tmp_path / "killed")
    whole, _ = pieces(tmp_path / "whole", None)
    assert ids(again) == ids(whole)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    settings, structure, driver = case("quench")
    sample(settings, structure, "start", 1, print, driver, None, None, tmp_path, After(10))
    with pytest.raises(InputError, match="the checkpoint is that of another run"):
        sample(settings, structure, "start", 2, print, driver, None, None, tmp_path)


def test_a_checkpoint_that_cannot_be_read(tmp_path):
    settings, structure, driver = case("quench")
    (tmp_path / "state.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="not a checkpoint of a sampler"):
        sample(settings, structure, "start", 1, print, driver, None, None, tmp_path)


def test_without_a_checkpoint_nothing_is_written_and_a_deadline_ends_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings, structure, driver = case("quench")
    report = sample(settings, structure, "start", 1, lambda frame: None, driver, None, None, None, After(10))
    assert report.stopped is None
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------ the verb


def job(folder, **more):
    folder.mkdir()
    slab = bulk("Cu", cubic=True).repeat(2)
    slab.info["origin"] = {"structure": "copper"}
    zinc = crystal("zno-wurtzite").repeat((2, 2, 1))
    zinc.info["origin"] = {"structure": "zno"}
    frames_io.save(folder / "structures.npz", [slab, zinc])
    fitted().save(folder / "ensemble.npz")
    spec = {"structures": "structures.npz", "seed": 3, "ensemble": "ensemble.npz", **more}
    (folder / "input.json").write_text(json.dumps(spec))
    return folder


def started(folder):
    return subprocess.Popen([Path(sys.executable).with_name("alworkflows"), "run", "sample", folder / "input.json"])


QUENCH = {
    "name": "quench",
    "melt_temperature": 600,
    "melt_duration": 1000,
    "equilibrate": 1000,
    "temperature": [600, 300],
    "rate": 100,
    "hold": 2000,
    "snapshots": 12,
}
MELT = {"name": "melt", "duration": 40_000, "snapshots": 12, "temperature": [300, 2000]}


def result(folder):
    return json.loads((folder / "output.json").read_text())


@pytest.mark.parametrize(("sampler", "structure"), [(QUENCH, "copper"), (MELT, "zno")])
def test_jobs_out_of_time_one_after_the_other(sampler, structure, tmp_path):
    whole = job(tmp_path / "whole", sampler=sampler, structure=structure)
    began = time.monotonic()
    assert started(whole).wait(timeout=120) == 0
    # a share of what the whole takes on this machine, its start included
    share = 0.3 * (time.monotonic() - began)
    assert not {"out_of_time", "terminated"} & set(result(whole))
    before = None
    for count, seconds in enumerate((share, share, 3600)):
        part = job(tmp_path / f"part{count}", sampler=sampler, structure=structure, max_seconds=seconds)
        if before:
            (before / "checkpoint").rename(part / "checkpoint")
        assert started(part).wait(timeout=120) == 0
        assert result(part)["restarts"] == count
        if seconds < 3600:
            assert result(part)["out_of_time"] is True
            assert result(part)["steps"] < result(part)["steps_planned"]
        before = part
    assert "out_of_time" not in result(before)
    frames, expected = (frames_io.load(folder / "candidates.npz")[0] for folder in (before, whole))
    assert ids(frames) == ids(expected)
    assert origins(frames) == origins(expected)


def test_sigterm_ends_a_job_in_order_and_leaves_a_checkpoint(tmp_path):
    folder = job(tmp_path / "job", sampler=QUENCH, structure="copper")
    process = started(folder)
    for _ in range(600):
        if (folder / "candidates.npz").exists():
            break
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    ended = result(folder)
    assert ended["terminated"] is True
    assert "out_of_time" not in ended
    assert 0 < ended["steps"] < ended["steps_planned"]
    assert len(frames_io.load(folder / "checkpoint" / "frames.npz")[0]) == ended["frames"]
