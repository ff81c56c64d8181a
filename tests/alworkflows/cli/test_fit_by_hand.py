import json

import pytest
from ase.build import bulk

from alworkflows import frames as frames_io
from alworkflows.frames import attach_labels
from alworkflows.models import Ensemble, force_errors
from alworkflows.plotting.accuracy import path_rows


def test_fit_writes_a_model_and_says_what_came_of_it(run, files, tmp_path):
    done = run(
        "fit", files / "frames.npz", "--settings", files / "small.yaml", "--test", files / "test.xyz", "-o", "model.npz",
        "--plot", "pictures",
    )  # fmt: skip
    assert done.status == 0, done.err
    ensemble = Ensemble.load(tmp_path / "model.npz")
    assert ensemble.species == ("O", "Zn")
    assert len(ensemble.members) == 3
    assert "24 frames of O, Zn" in done.out
    assert "on 6 test frames: forces" in done.out
    assert len([line for line in done.out.splitlines() if line.strip().startswith("→")]) == 1
    assert "Next: alworkflows evaluate model.npz" in done.out
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"path.png", "parity.png"}
    assert "24 of 24 frames" in done.err


def test_fit_as_json(run, files):
    done = run(
        "fit", files / "frames.npz", "--settings", files / "small.yaml", "-s", "fit.ridge=1e-6", "--terms", 7, "--members", 2,
        "--species", "Zn,O", "--test-share", 0.3, "-o", "model.npz", "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    result = json.loads(done.out)
    assert result["species"] == ["Zn", "O"]
    assert result["frames"] + result["test_frames"] == 24
    assert result["test"]["frames"] == result["test_frames"] > 2
    assert Ensemble.load("model.npz").members[0].settings.cutoff == 4.5
    assert all(terms <= 7 for terms in result["fit"]["terms"])
    assert len(result["fit"]["terms"]) == 2


def test_transfer_sets_choose_and_stand_in_the_table_and_in_the_model(run, files, tmp_path):
    done = run(
        "fit", files / "frames.npz", "--settings", files / "small.yaml", "--transfer", f"hot={files / 'test.xyz'}", "--rule",
        "transfer", "-o", "model.npz",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "transfer hot" in done.out
    rows, chosen = path_rows(Ensemble.load("model.npz").report["groups"][0])
    assert rows[chosen]["transfer hot"] == min(row["transfer hot"] for row in rows)
    marked = next(line.split() for line in done.out.splitlines() if line.strip().startswith("→"))
    assert int(marked[2]) == rows[chosen]["terms"]


def test_families_by_name_and_references_for_the_reference_energies(run, files, tmp_path):
    pure = [attach_labels(bulk(symbol, "fcc", a=4.4), energy) for symbol, energy in {"O": -4.9, "Zn": -1.3}.items()]
    frames_io.save("pure.npz", pure)
    done = run(
        "fit", files / "frames.npz", "--settings", files / "small.yaml", "--families", "gaussian,slater",
        "--reference", "pure.npz", "-o", "model.npz",
    )  # fmt: skip
    assert done.status == 0, done.err
    ensemble = Ensemble.load("model.npz")
    assert [functions.family for functions in ensemble.members[0].settings.functions] == ["gaussian", "slater"]
    assert [prediction.energy for prediction in ensemble.predict(pure)] == pytest.approx([-4.9, -1.3])


def steps_of(frames, count):
    """Return frames, each followed by some within 0.01 A of the one before."""
    steps = []
    for frame in frames:
        for step in range(count):
            moved = frame.copy()
            moved.positions += 0.004 * step
            steps.append(attach_labels(moved, frames_io.labels(frame).energy, frames_io.labels(frame).forces))
    return steps


def test_steps_of_one_run_stay_on_one_side_and_are_named(run, files):
    frames = frames_io.load(files / "frames.npz")[0]
    frames_io.save("runs.npz", steps_of(frames, 4))
    words = ["--settings", files / "small.yaml", "-o", "model.npz", "--json", "--overwrite"]
    done = run("fit", "runs.npz", *words, "--test-share", 0.3)
    assert done.status == 0, done.err
    result = json.loads(done.out)
    assert 0 < result["test_frames"] < 96
    assert result["test_frames"] % 4 == 0
    assert f"{result['frames']} of {result['frames']} training frames lie within 0.01 A of another" in done.err
    done = run("fit", files / "frames.npz", *words, "--test", "runs.npz")
    assert "24 of 96 test frames are trained on too" in done.err
    frames_io.save("next.npz", [frame for number, frame in enumerate(steps_of(frames, 4)) if number % 4])
    done = run("fit", files / "frames.npz", *words, "--test", "next.npz")
    assert done.status == 0, done.err
    assert "24 of 72 test frames lie within 0.01 A of a training frame" in done.err
    assert "next.npz, frame 0 is 0.0069 A from" in done.err
    frames_io.save("run.npz", steps_of(frames[:1], 8))
    done = run("fit", "run.npz", *words, "--test-share", 0.3)
    assert done.status == 2
    assert "of 8 frames is none (one group of frames within 0.01 A of one another" in done.err


def test_labels_of_two_settings_are_not_mixed(run, files):
    frames = frames_io.load(files / "frames.npz")[0]
    other = [attach_labels(frame, frames_io.labels(frame).energy + 1.0, frames_io.labels(frame).forces) for frame in frames]
    frames_io.write("other.xyz", other)
    done = run("fit", files / "frames.npz", "other.xyz", "--settings", files / "small.yaml", "-o", "model.npz")
    assert done.status == 2
    assert "24 of 48 frames stand there again with other labels (first: other.xyz, frame 0 is " in done.err
    assert "meV/atom): labels of two engines or settings" in done.err


def test_errors_on_test_frames_by_config_type(run, files):
    frames = frames_io.read(files / "test.xyz")
    for frame, name in zip(frames, ["liquid"] * 2 + ["bulk"] * 4, strict=True):
        frame.info["config_type"] = name
        frame.info.pop("frame_id", None)
    frames_io.write("typed.xyz", frames)
    options = ["fit", files / "frames.npz", "--settings", files / "small.yaml", "--test", "typed.xyz", "-o", "model.npz"]
    done = run(*options)
    firsts = [line.split()[:2] for line in done.out.splitlines() if line.strip()]
    assert ["liquid", "2"] in firsts
    assert ["bulk", "4"] in firsts
    result = json.loads(run(*options, "--overwrite", "--json").out)
    expected = force_errors(Ensemble.load("model.npz"), frames[:2])["summary"]
    assert result["test_by_config_type"]["liquid"]["force_mae"] == pytest.approx(expected["force_mae"])
    plain = run("fit", *options[1:4], "--test", files / "test.xyz", "-o", "model.npz", "--overwrite")
    assert "config_type" not in plain.out


def test_few_rows_are_printed_of_a_long_path():
    from alworkflows.cli.path_table import SHOWN, shown

    rows = [{"alpha": 2.0**-k, "terms": k, "train": 1.0 / (k + 1), "held-out": abs(k - 31) + 1.0} for k in range(60)]
    printed = shown(rows, 40)
    assert {0, 31, 40, 59} <= set(printed)
    assert len(printed) <= SHOWN + 3
    assert shown(rows[:5], 2) == [0, 1, 2, 3, 4]


def test_a_campaign_file_serves_as_settings(run, files, tmp_path):
    campaign = tmp_path / "zno.yaml"
    campaign.write_text("material: zno\nname: x\nmodel:\n" + "".join(f"  {line}\n" for line in (files / "small.yaml").open()))
    done = run("fit", files / "frames.npz", "--settings", campaign, "-o", "model.npz", "--json")
    assert done.status == 0, done.err
    assert Ensemble.load("model.npz").members[0].settings.cutoff == 4.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.npz", "-o", "m.npz"], "missing.npz: no such file"),
        (["{files}", "-o", "m.npz"], "expected a file, or a folder of DeePMD"),
        (["{files}/bare.npz", "-o", "m.npz"], "bare.npz: 3 of 3 frames have no forces"),
        (["{files}/small.yaml", "-o", "m.npz"], "small.yaml: ASE cannot read this file"),
        (["{files}/frames.npz", "-o", "{files}/model.npz"], "model.npz: exists; add --overwrite"),
        (["{files}/frames.npz", "-o", "nowhere/m.npz"], "the folder nowhere does not exist"),
        (["{files}/frames.npz", "-o", "m.npz", "--species", "Zn"], "24 frames with O, which --species lacks; it has Zn"),
        (["{files}/frames.npz", "--test", "{files}/copper.npz", "-o", "m.npz"], "copper.npz: 1 frame with Cu"),
        (["{files}/frames.npz", "--test", "{files}/frames.npz", "-o", "m.npz"], "24 of 24 test frames are trained on too"),
        (["{files}/frames.npz", "--transfer", "{files}/test.xyz", "-o", "m.npz"], "--transfer: expected NAME=FILE"),
        (["{files}/frames.npz", "--transfer", "x=no.npz", "-o", "m.npz"], "no.npz: no such file"),
        (["{files}/frames.npz", "--reference", "{files}/bare.npz", "-o", "m.npz"], "bare.npz: 3 of 3 frames have no energy"),
        (["{files}/frames.npz", "-o", "m.npz", "--families", "gausian"], "did you mean 'gaussian'"),
        (["{files}/frames.npz", "-o", "m.npz", "--method", "laso"], "did you mean 'lasso'"),
        (["{files}/frames.npz", "-o", "m.npz", "--terms", "3", "--alpha", "1e-3"], "expected alpha or terms, got both"),
        (["{files}/frames.npz", "-o", "m.npz", "--rule", "transfer"], "needs a transfer set"),
        (["{files}/frames.npz", "-o", "m.npz", "--rule", "bst"], "did you mean 'best'"),
        (["{files}/frames.npz", "-o", "m.npz", "-s", "descriptors.cutof=3"], "did you mean 'cutoff'"),
        (["{files}/frames.npz", "-o", "m.npz", "-s", "folds"], "--set: expected KEY=VALUE, got 'folds'"),
        (["{files}/frames.npz", "-o", "m.npz", "--settings", "no.yaml"], "no.yaml: no such file"),
        (["{files}/frames.npz", "-o", "m.npz", "--quantities", "forces,energie"], "did you mean 'energy'"),
        (["{files}/frames.npz", "-o", "m.npz", "--test-share", "1e-9"], "--test-share 1e-09 of 24 frames is none"),
        (["{files}/frames.npz", "-o", "m.npz", "--plot", "{files}"], "expected a new or empty folder"),
    ],
)
def test_bad_input_is_one_message(run, files, arguments, message):
    done = run("fit", *(argument.format(files=files) for argument in arguments))
    assert done.status == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert not done.out


def test_a_repulsion_that_reaches_into_the_data_is_told(run, files):
    done = run("fit", files / "frames.npz", "--settings", files / "small.yaml", "--zbl", 1.0, 2.2, "-o", "model.npz", "--json")
    assert done.status == 0, done.err
    assert Ensemble.load("model.npz").members[0].baseline.outer == 2.2
    assert "note: O-Zn come as near as 1." in done.err
    assert "better end it below" in done.err


def test_several_groups_in_one_file(run, files, tmp_path):
    groups = tmp_path / "groups.yaml"
    small = (files / "small.yaml").read_text().splitlines()
    groups.write_text(
        "- " + "\n  ".join(small) + "\n- members: 2\n  descriptors: {name: chebyshev, cutoff: 4.5, degree: 5}\n"
        "  fit: {method: least-squares}\n"
    )
    options = ("--settings", groups, "--test-share", 0.2, "-o", "model.npz", "--plot", tmp_path / "p")
    done = run("fit", files / "frames.npz", *options)
    assert done.status == 0, done.err
    assert "group 2, linear, " in done.out
    assert "linear (chebyshev)" in done.out
    assert "alworkflows insight" in done.out
    assert "alworkflows export" not in done.out
    assert {path.name for path in (tmp_path / "p").iterdir()} == {"path_1.png", "path_2.png", "parity.png"}
    judged = run("evaluate", "model.npz", files / "test.xyz")
    assert "each member, RMSE: linear (plip) 1 " in judged.out
    insight = run("insight", "model.npz", files / "frames.npz", "-o", "insight")
    assert "Of the members that have terms, without 2 of linear (chebyshev)." in insight.out
    refused = run("fit", files / "frames.npz", "--settings", groups, "--terms", 4, "-o", "other.npz")
    assert "--terms: changes the settings of one group, and" in refused.err
    pooled = run("pool", files / "frames.npz", "--settings", groups)
    assert "pool: expected one group of linear members, got" in pooled.err
