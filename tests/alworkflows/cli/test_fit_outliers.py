"""What ``fit`` prints of labels that are off."""

import json

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from spoilt import spoil

from alworkflows import frames as frames_io
from alworkflows.frames import attach_labels
from alworkflows.models import Ensemble


def copper(count, first=0):
    """Return frames that few terms describe well."""
    frames = []
    for seed in range(first, first + count):
        atoms = bulk("Cu", cubic=True).repeat((2, 1, 1))
        atoms.rattle(0.1, seed=seed)
        atoms.calc = EMT()
        frames.append(attach_labels(atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    return frames


@pytest.fixture
def spoilt(files, tmp_path):
    """Two files of training frames, one of each of which is off, and one of test frames, one of which is: as arguments."""
    frames_io.save(tmp_path / "a.npz", spoil(copper(20), [3], "shuffled"))
    frames_io.save(tmp_path / "b.npz", spoil(copper(20, 40), [11], "high"))
    frames_io.save(tmp_path / "t.npz", spoil(copper(8, 100), [5], "shuffled"))
    quantities = ("--quantities", "forces,energy")
    return ("a.npz", "b.npz", "--test", "t.npz", *quantities, "--settings", files / "small.yaml", "-o", "model.npz")


def test_frames_are_named_by_file_and_index_beside_what_is_off(run, spoilt):
    done = run("fit", *spoilt)
    assert done.status == 0, done.err
    assert "2 of 40 training frames contradict frames like them: 2 fitted to (fit.outliers: keep):" in done.out
    lines = done.out.splitlines()
    (shuffled,) = [line for line in lines if line.startswith("  a.npz frame 3 (Cu8, ")]
    assert ": forces by " in shuffled
    (high,) = [line for line in lines if line.startswith("  b.npz frame 11 (Cu8, ")]
    amount = float(high.partition("energy by ")[2].split()[0])
    assert amount == pytest.approx(250, rel=0.1)  # meV/atom
    assert "a fit without them: " in done.out
    assert "1 test frame contradicts frames like them; without them forces " in done.out
    assert "  t.npz frame 5 (Cu8, " in done.out


def test_dropped_frames_are_told_and_recorded_in_the_model(run, spoilt):
    done = run("fit", *spoilt, "--set", "fit.outliers=drop", "--json")
    assert done.status == 0, done.err
    result = json.loads(done.out)
    named = {(item["file"], item["index"], item["weight"]) for item in result["fit"]["outliers"]["frames"]}
    assert named == {("a.npz", 3, 0.0), ("b.npz", 11, 0.0)}
    assert result["fit"]["frames"] == 38
    assert result["test_force_rmse_without_outliers"] < result["test"]["force_rmse"]
    assert Ensemble.load("model.npz").report["outliers"]["frames"] == result["fit"]["outliers"]["frames"]


def test_sound_frames_are_not_talked_about(run, files, tmp_path):
    frames_io.save(tmp_path / "a.npz", copper(30))
    done = run("fit", "a.npz", "--settings", files / "small.yaml", "-o", "model.npz")
    assert done.status == 0, done.err
    assert "contradict" not in done.out
