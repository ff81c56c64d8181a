"""What ``fit`` prints of labels that are off."""

import json

import pytest
from conftest import labelled_frames
from spoilt import spoil

from alworkflows import frames as frames_io
from alworkflows.models import Ensemble


@pytest.fixture
def spoilt(tmp_path):
    """Files of training frames, two of which are off, and of test frames, one of which is."""
    frames_io.save(tmp_path / "a.npz", spoil(labelled_frames(20), [3], "shuffled"))
    frames_io.save(tmp_path / "b.npz", spoil(labelled_frames(20, 40), [11], "high"))
    frames_io.save(tmp_path / "t.npz", spoil(labelled_frames(8, 100), [5], "shuffled"))
    return ("a.npz", "b.npz", "--test", "t.npz", "-s", "fit.quantities=[forces, energy]", "-o", "model.npz")


def test_frames_are_named_by_file_and_index_beside_what_is_off(run, files, spoilt):
    done = run("fit", *spoilt, "--settings", files / "small.yaml")
    assert done.status == 0, done.err
    assert "2 of 40 training frames contradict frames like them; all were fitted to (fit.outliers: keep):" in done.out
    lines = done.out.splitlines()
    (shuffled,) = [line for line in lines if line.startswith("  a.npz frame 3 (O8Zn8, ")]
    assert ": forces by " in shuffled
    (high,) = [line for line in lines if line.startswith("  b.npz frame 11 (O8Zn8, ")]
    assert "energy by 125 meV/atom" in high or "energy by 12" in high
    assert "a fit without them: " in done.out
    assert "1 test frame contradicts frames like them; without them forces " in done.out
    assert "  t.npz frame 5 (O8Zn8, " in done.out


def test_dropped_frames_are_told_and_recorded_in_the_model(run, files, spoilt):
    done = run("fit", *spoilt, "--settings", files / "small.yaml", "--set", "fit.outliers=drop", "--json")
    assert done.status == 0, done.err
    result = json.loads(done.out)
    named = {(item["file"], item["index"], item["weight"]) for item in result["fit"]["outliers"]["frames"]}
    assert named == {("a.npz", 3, 0.0), ("b.npz", 11, 0.0)}
    assert result["fit"]["frames"] == 38
    assert result["test_force_rmse_without_outliers"] < result["test"]["force_rmse"]
    assert Ensemble.load("model.npz").report["outliers"]["frames"] == result["fit"]["outliers"]["frames"]


def test_sound_frames_are_not_talked_about(run, files):
    done = run("fit", files / "frames.npz", "--test", files / "test.xyz", "--settings", files / "small.yaml", "-o", "model.npz")
    assert "contradict" not in done.out
