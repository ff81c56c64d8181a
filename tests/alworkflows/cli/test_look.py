"""``evaluate`` and ``insight``."""

import csv
import json

import pytest

from alworkflows import frames as frames_io
from alworkflows.models import Ensemble, force_errors


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
    assert all(len(line) <= 80 for line in done.out.splitlines()[:8])
    assert (tmp_path / "parity.png").stat().st_size > 10_000


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
        (["insight", "{files}/model.npz", "{files}/copper.npz", "-o", "x"], "1 frame with Cu"),
        (["insight", "{files}/model.npz", "{files}/bare.npz", "-o", "{files}"], "expected a new or empty folder"),
        (["insight", "{files}/model.npz", "{files}/bare.npz", "-o", "{files}/small.yaml"], "got a file"),
    ],
)
def test_bad_input_is_one_message(run, files, arguments, message):
    done = run(*(argument.format(files=files) for argument in arguments))
    assert done.status == 2
    assert message in done.err
    assert not done.out
