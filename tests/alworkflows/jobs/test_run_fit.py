"""Verb ``fit``: files in, an ensemble and the errors of the path on test and transfer sets out."""

import json

import numpy as np
import pytest
from ase.build import bulk
from planted import SPECIES
from spoilt import spoil

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.frames import attach_labels, frame_id, labels
from alworkflows.jobs import run
from alworkflows.models import Ensemble


@pytest.fixture
def job(tmp_path, labelled, settings):
    """Return a function that runs the verb in a folder with two batches, a test and a transfer set."""
    for name, first, count in (("a", 0, 8), ("b", 20, 6), ("test", 40, 3), ("far", 60, 2)):
        frames_io.save(tmp_path / f"{name}.npz", labelled(count, first=first, noise=0.1))

    def _job(model=None, **spec):
        inputs = {"batches": ["a.npz", "b.npz"], "tests": ["test.npz"], "transfers": {"far": ["far.npz"]}, "seed": 1, **spec}
        inputs |= {"species": list(SPECIES), "model": (model or settings(max_terms=20)).model_dump(mode="json")}
        (tmp_path / "input.json").write_text(json.dumps(inputs))
        return run("fit", tmp_path / "input.json")

    return _job


def test_the_path_is_judged_on_test_and_transfer_sets(job, tmp_path):
    result = job()
    (group,) = result["fit"]["groups"]
    path = group["path"]
    assert len(path) == 40
    assert set(path[0]["errors"]) == {"train", "held-out", "test", "transfer far"}
    assert (result["training_frames"], result["test_frames"]) == (14, 3)
    row = min(path, key=lambda row: abs(row["alpha"] - group["alpha"]))
    assert result["test"]["force_rmse"] == pytest.approx(row["errors"]["test"], rel=1e-6)
    assert len(Ensemble.load(tmp_path / "ensemble.npz").members) == 3
    json.dumps(result)


def test_each_test_frame_is_a_point_to_calibrate_on(job, tmp_path, labelled):
    frames_io.save(tmp_path / "more.npz", labelled(2, first=80))
    result = job(tests=["test.npz", "more.npz"])
    assert {name: len(columns["id"]) for name, columns in result["test_points"].items()} == {"test": 3, "more": 2}
    ensemble = Ensemble.load(tmp_path / "ensemble.npz")
    for name, columns in result["test_points"].items():
        frames = frames_io.load(tmp_path / f"{name}.npz")[0]
        assert columns["id"] == [frame_id(frame) for frame in frames]
        for index, (frame, prediction) in enumerate(zip(frames, ensemble.predict(frames), strict=True)):
            forces = labels(frame).forces
            assert {key: column[index] for key, column in columns.items() if key != "id"} == pytest.approx(
                {
                    "disagreement": prediction.deviation.max(),
                    "largest_error": np.linalg.norm(prediction.forces - forces, axis=1).max(),
                    "rms_error": np.sqrt(((prediction.forces - forces) ** 2).mean()),
                    "largest_force": np.linalg.norm(forces, axis=1).max(),
                    "force_rms": np.sqrt((forces**2).mean()),
                    "atoms": len(frame),
                }
            )


def test_without_tests_there_are_no_errors_on_them(job):
    result = job(tests=[], transfers={})
    assert result["test"] is None
    assert result["test_points"] == {}
    assert set(result["fit"]["groups"][0]["path"][0]["errors"]) == {"train", "held-out"}


def test_references_shift_the_reference_energies(job, tmp_path):
    pure = [attach_labels(bulk("Zn"), energy=-2.6), attach_labels(bulk("O", "fcc", a=4.0), energy=-5.0)]
    frames_io.save(tmp_path / "pure.npz", pure)
    job(references=["pure.npz"])
    energies = [prediction.energy for prediction in Ensemble.load(tmp_path / "ensemble.npz").predict(pure)]
    assert energies == pytest.approx([-2.6, -5.0])


def test_the_transfer_rule_needs_its_set(job, settings):
    assert job(settings(max_terms=20, rule="transfer"))["fit"]["terms"]
    with pytest.raises(InputError, match="the rule 'transfer' needs a transfer set"):
        job(settings(max_terms=20, rule="transfer"), transfers={})


def test_a_frame_belongs_to_one_set(job):
    with pytest.raises(InputError, match=r"stands in a\.npz and again in a\.npz"):
        job(transfers={"far": ["a.npz"]})


def test_labels_that_are_off_are_named_by_batch_and_kept_with_the_model(job, tmp_path, labelled):
    frames_io.save(tmp_path / "a.npz", spoil(labelled(30), [4], "shuffled"))
    frames_io.save(tmp_path / "b.npz", spoil(labelled(20, first=40), [7], "shuffled"))
    frames_io.save(tmp_path / "test.npz", spoil(labelled(6, first=80), [2], "shuffled"))
    result = job(transfers={})
    named = {(item["file"], item["index"]) for item in result["fit"]["outliers"]["frames"]}
    assert named == {("a", 4), ("b", 7)}
    (tested,) = result["fit"]["outliers"]["tests"]
    assert (tested["file"], tested["index"], tested["id"]) == ("test", 2, frame_id(labelled(1, first=82)[0]))
    assert result["test_force_rmse_without_outliers"] < 0.7 * result["test"]["force_rmse"]
    assert Ensemble.load(tmp_path / "ensemble.npz").report["outliers"] == result["fit"]["outliers"]
