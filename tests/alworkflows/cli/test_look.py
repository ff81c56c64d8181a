"""``evaluate`` and ``insight``."""

import csv
import json

import ase.io
import numpy as np
import pytest

from alworkflows import frames as frames_io
from alworkflows.cli.progress import counting
from alworkflows.frames import frame_id, labels
from alworkflows.models import Ensemble, compare, force_errors
from alworkflows.models.prediction_file import write_predictions


def test_errors_by_structure_are_those_of_the_model(run, files):
    done = run("evaluate", files / "model.npz", files / "test.xyz", "--by", "structure", "--json")
    assert done.status == 0, done.err
    errors = json.loads(done.out)
    frames = frames_io.read(files / "test.xyz")
    expected = force_errors(Ensemble.load(files / "model.npz"), frames)
    assert errors["all"]["force_rmse"] == pytest.approx(expected["summary"]["force_rmse"])
    assert {row["structure"]: row["frames"] for row in errors["groups"]} == {"blende": 3, "zincblende": 3}
    assert errors["worst_frame"]["index"] == int(expected["largest_error"].argmax())
    assert errors["worst_frame"]["force_error"] == errors["all"]["largest_error"]


def test_the_table_has_a_row_for_each_file_and_one_for_all(run, files, tmp_path):
    done = run("evaluate", files / "model.npz", files / "test.xyz", files / "frames.npz", "--plot", "parity.png")
    assert "does the committee know?" in done.out
    assert "times the disagreement (median)" in done.out
    assert done.status == 0, done.err
    firsts = [line.split()[:2] for line in done.out.splitlines() if line.strip()]
    assert ["test.xyz", "6"] in firsts
    assert ["frames.npz", "24"] in firsts
    assert ["all", "30"] in firsts
    tables = done.out[: done.out.index("shifted: less")]
    assert tables.count("MAE") == 4
    assert all(len(line) <= 80 for line in tables.splitlines())
    assert (tmp_path / "parity.png").stat().st_size > 10_000


@pytest.fixture
def typed(files, tmp_path):
    """An extended XYZ file of six frames, of which two have one config_type and three another; one is without stress."""
    frames = frames_io.read(files / "test.xyz")
    for frame, name in zip(frames, ["liquid", "liquid", None, "bulk", "bulk", "bulk"], strict=True):
        frame.info.pop("frame_id", None)
        if name:
            frame.info["config_type"] = name
    del frames[2].calc.results["stress"]
    frames_io.write(tmp_path / "typed.xyz", frames)
    return tmp_path / "typed.xyz"


def test_errors_by_config_type(run, files, typed):
    done = run("evaluate", files / "model.npz", typed, "--by", "config_type", "--json")
    errors = json.loads(done.out)
    rows = {row["config_type"]: row for row in errors["groups"]}
    assert {name: row["frames"] for name, row in rows.items()} == {"liquid": 2, "none": 1, "bulk": 3}
    liquid = force_errors(Ensemble.load(files / "model.npz"), frames_io.read(typed)[:2])["summary"]
    for name in ("force_rmse", "force_mae", "energy_rmse", "energy_mae", "stress_mae"):
        assert rows["liquid"][name] == pytest.approx(liquid[name])
    assert "stress_rmse" not in rows["none"]
    assert errors["energy_shift"]["species"] is None
    table = run("evaluate", files / "model.npz", typed, "--by", "config_type").out
    (row,) = [line.split() for line in table.splitlines() if line.split()[:1] == ["none"] and "-" in line]
    assert row[-2:] == ["-", "-"]


def test_errors_by_element(run, files):
    done = run("evaluate", files / "model.npz", files / "test.xyz", "--by", "element", "--json")
    rows = {row["element"]: row for row in json.loads(done.out)["groups"]}
    model, frames = Ensemble.load(files / "model.npz"), frames_io.read(files / "test.xyz")
    oxygen = [(p.forces - f.calc.results["forces"])[f.symbols == "O"] for p, f in zip(model.predict(frames), frames, strict=True)]
    assert rows["O"]["force_mae"] == pytest.approx(np.abs(np.concatenate(oxygen)).mean())
    assert (rows["O"]["atoms"], rows["O"]["frames"]) == (24, 6)
    table = run("evaluate", files / "model.npz", files / "test.xyz", "--by", "element").out
    firsts = [line.split()[:3] for line in table.splitlines()]
    assert ["Zn", "6", "24"] in firsts
    assert ["all", "6", "48"] in firsts


# ------------------------------------------------------------------------------------------------ predictions


def test_predictions_are_read_back_by_ase(run, files, typed, tmp_path):
    done = run("evaluate", files / "model.npz", typed, "-o", "predictions.xyz")
    assert done.status == 0, done.err
    assert "written: predictions.xyz" in done.out
    frames, back = frames_io.read(typed), ase.io.read(tmp_path / "predictions.xyz", ":")
    for frame, found, expected in zip(frames, back, Ensemble.load(files / "model.npz").predict(frames), strict=True):
        stored = labels(frame)
        assert found.calc is None  # a prediction is never taken for a label
        assert frame_id(found) == frame_id(frame)
        assert found.info.get("config_type") == frame.info.get("config_type")
        assert found.info["REF_energy"] == stored.energy
        np.testing.assert_array_equal(found.arrays["REF_forces"], stored.forces)
        assert ("REF_stress" in found.info) == (stored.stress is not None)
        if stored.stress is not None:
            np.testing.assert_array_equal(found.info["REF_stress"][[0, 4, 8, 5, 2, 1]], stored.stress)
        assert found.info["model_energy"] == pytest.approx(expected.energy)
        np.testing.assert_allclose(found.arrays["model_forces"], expected.forces, atol=1e-12)
        np.testing.assert_allclose(found.info["model_stress"][[0, 4, 8, 5, 2, 1]], expected.stress, atol=1e-12)
        assert found.arrays["model_energies"].sum() == pytest.approx(expected.energy)
        np.testing.assert_allclose(np.linalg.norm(found.arrays["forces_std"], axis=1), expected.deviation)
        assert found.info["disagreement"] == pytest.approx(expected.deviation.max())


def test_predictions_are_never_read_as_labels(run, files, typed, tmp_path):
    assert run("evaluate", files / "model.npz", typed, "-o", "predictions.xyz").status == 0
    for frame, back in zip(frames_io.read(typed), frames_io.read(tmp_path / "predictions.xyz"), strict=True):
        assert labels(back).energy == labels(frame).energy
        np.testing.assert_array_equal(labels(back).forces, labels(frame).forces)
    first = run("evaluate", files / "model.npz", typed, "--json").out
    again = run("evaluate", files / "model.npz", "predictions.xyz", "--json").out
    assert json.loads(again)["all"] == json.loads(first)["all"]


def test_what_else_a_frame_has_stays_unless_it_looks_like_a_label(run, files, tmp_path):
    frames = frames_io.read(files / "test.xyz")[:2]
    for frame in frames:
        frame.pbc = (True, True, False)
        frame.info |= {"remark": 'a "quoted" word', "dipole": [0.0, 0.0, 1.0]}
        frame.set_tags(range(len(frame)))
        frame.set_array("kept", np.arange(len(frame)) % 2 == 0)
    comparison = compare(Ensemble.load(files / "model.npz"), frames)
    write_predictions(tmp_path / "p.extxyz", frames, comparison)
    for frame, back in zip(frames, ase.io.read(tmp_path / "p.extxyz", ":"), strict=True):
        assert back.pbc.tolist() == [True, True, False]
        assert back.info["remark"] == 'a "quoted" word'
        assert json.loads(back.info["origin"]) == frame.info["origin"]
        assert (back.calc, "dipole" in back.info, "model_stress" in back.info) == (None, False, False)
        np.testing.assert_array_equal(back.arrays["tags"], frame.arrays["tags"])
        np.testing.assert_array_equal(back.arrays["kept"], frame.arrays["kept"])


def test_predictions_as_arrays(run, files, typed, tmp_path):
    assert run("evaluate", files / "model.npz", typed, "-o", "predictions.npz").status == 0
    frames = frames_io.read(typed)
    with np.load(tmp_path / "predictions.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    assert arrays["config_type"].tolist() == ["liquid", "liquid", "", "bulk", "bulk", "bulk"]
    assert arrays["frame_id"].tolist() == list(map(frame_id, frames))
    np.testing.assert_array_equal(arrays["REF_forces"], np.concatenate([labels(frame).forces for frame in frames]))
    assert np.isnan(arrays["REF_stress"]).all(axis=1).tolist() == [False, False, True, False, False, False]
    for number, prediction in enumerate(Ensemble.load(files / "model.npz").predict(frames)):
        atoms = slice(*arrays["offsets"][number : number + 2])
        np.testing.assert_allclose(arrays["model_forces"][atoms], prediction.forces, atol=1e-12)
        np.testing.assert_allclose(arrays["model_stress"][number], prediction.stress, atol=1e-12)
        assert arrays["disagreement"][number] == pytest.approx(prediction.deviation.max())


def test_a_write_that_fails_leaves_what_was_there(files, tmp_path, monkeypatch):
    frames = frames_io.read(files / "test.xyz")
    comparison = compare(Ensemble.load(files / "model.npz"), frames)
    (tmp_path / "p.xyz").write_text("old")
    frames[3].info["origin"] = {1j: "no key of JSON"}
    with pytest.raises(TypeError):
        write_predictions(tmp_path / "p.xyz", frames, comparison)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("p.xyz", "old")]


def test_progress_counts_and_says_what_is_left(monkeypatch):
    now, said = iter([0.0, 1.0, 30.0, 31.0, 60.0, 90.0]), []
    monkeypatch.setattr("alworkflows.cli.progress.time.monotonic", lambda: next(now))
    count = counting(said.append, 300, "frames predicted")
    for done in (3, 60, 70, 150, 300):
        count(done)
    assert said == ["60 of 300 frames predicted, 2 min 0 s left", "150 of 300 frames predicted, 1 min 0 s left"]


def test_insight_writes_pictures_and_their_numbers(run, files, tmp_path):
    done = run("insight", files / "model.npz", files / "bare.npz", "-o", "inside", "--json")
    assert done.status == 0, done.err
    insight = json.loads(done.out)
    assert set(insight["files"]) == {path.name for path in (tmp_path / "inside").iterdir()}
    assert {"shares.png", "pairs.png"} <= set(insight["files"])
    with (tmp_path / "inside" / "shares.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == len(insight["shares"])
    assert float(rows[0]["share"]) == pytest.approx(insight["shares"][0]["share"], rel=1e-6)
    with (tmp_path / "inside" / "pairs.csv").open() as handle:
        assert {row["pair"] for row in csv.DictReader(handle)} == {"Zn-Zn", "Zn-O", "O-O"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "none.npz", "{files}/test.xyz"], "none.npz: no such file"),
        (["evaluate", "{files}/frames.npz", "{files}/test.xyz"], "not a model file"),
        (["evaluate", "{files}/model.npz", "{files}/bare.npz"], "bare.npz: 3 of 3 frames have no forces"),
        (["evaluate", "{files}/model.npz", "{files}/copper.npz"], "1 frame with Cu, which the model lacks; it has Zn, O"),
        (["evaluate", "{files}/model.npz", "{files}/test.xyz", "--plot", "{files}/old.svg"], "exists; add --overwrite"),
        (["evaluate", "{files}/model.npz", "{files}/test.xyz", "--plot", "p.pgn"], "did you mean 'png'"),
        (["evaluate", "{files}/model.npz", "{files}/test.xyz", "-o", "p.xzy"], "did you mean 'xyz'"),
        (["evaluate", "{files}/model.npz", "{files}/test.xyz", "-o", "{files}/bare.npz"], "bare.npz: exists; add --overwrite"),
        (
            ["evaluate", "{files}/model.npz", "{files}/test.xyz", "-o", "{files}/../{name}/test.xyz", "--overwrite"],
            "test.xyz: is read by this command",
        ),
        (
            ["evaluate", "{files}/model.npz", "{files}/test.xyz", "-o", "{files}/model.npz", "--overwrite"],
            "model.npz: is read by this command",
        ),
        (["insight", "{files}/model.npz", "{files}/copper.npz", "-o", "x"], "1 frame with Cu"),
        (["insight", "{files}/model.npz", "{files}/bare.npz", "-o", "{files}"], "expected a new or empty folder"),
        (["insight", "{files}/model.npz", "{files}/bare.npz", "-o", "{files}/small.yaml"], "got a file"),
    ],
)
def test_bad_input_is_one_message(run, files, arguments, message):
    done = run(*(argument.format(files=files, name=files.name) for argument in arguments))
    assert done.status == 2
    assert message in done.err
    assert not done.out
