"""The commands that read the record, as a person types them, on a campaign made by hand."""

import json

import commands
import pytest
from click.testing import CliRunner

from alworkflows.errors import InputError
from alworkflows.frames import frame_id, read
from alworkflows.models import Ensemble
from workchains.cli import watch
from workchains.cli.costs import costs
from workchains.cli.data import ensemble, frames
from workchains.cli.export import export
from workchains.cli.lineage import lineage
from workchains.cli.outliers import outlier_lines
from workchains.cli.setup import setup
from workchains.cli.status import status
from workchains.cli.summary import campaign_summary
from workchains.machines import daemon, session


@pytest.fixture
def typed(aiida_profile, monkeypatch):
    """Return a function that types a command in the profile of the tests, 80 columns wide, and gives what it printed."""
    monkeypatch.setattr(session, "activate", lambda profile=None: aiida_profile)

    def _typed(command, *arguments, code=0):
        text = commands.typed(command, *arguments, code=code)
        assert max(map(len, text.splitlines()), default=0) <= 80 or {"--json", "--wait", "-o"} & set(arguments)
        return text

    return _typed


@pytest.mark.parametrize(
    "command", [setup, status, lineage, costs, export, *frames.commands.values(), *ensemble.commands.values()]
)
def test_help_teaches_by_example(command):
    text = CliRunner().invoke(command, ["--help"]).output
    assert "Example" in text
    assert "Show this message" in text


# ------------------------------------------------------------------------------------------------ status


def test_status_lists_campaigns(typed, finished):
    text = typed(status)
    assert "hand-made" in text
    assert str(finished.node.pk) in text
    (row,) = json.loads(typed(status, "--json"))["campaigns"]
    assert (row["pk"], row["state"], row["exit_status"], row["seconds"]) == (finished.node.pk, "done", 0, 106.0)


def test_status_shows_iterations_failures_and_what_next(typed, finished):
    text = typed(status, finished.node.pk)
    assert "0/6/0/0" in text  # all candidates of the first iteration
    assert "2+1" in text  # labels to train on and to test on
    assert "0.200*" in text  # the last ensemble on the final test set
    done = "Done: 5 labels, 1 min 46 s; force error 0.200 eV/A on test frames; 0% of the last candidates accurate."
    assert done in " ".join(text.split())
    assert "label: force" in text
    assert "force 123.4 eV/A" in text
    assert "Labels: 5 new, 1 failed." in text
    assert f"Costs: 0.0117 core-hours; a new label 0.000556 (alworkflows costs {finished.node.pk})." in text
    assert "Folders of jobs left: 8 on nowhere" in text
    assert f"alworkflows export {finished.node.pk}" in text
    output = json.loads(typed(status, finished.node.pk, "--json"))
    assert [record["stage"] for record in output["iterations"]] == ["melt", "surface"]
    assert (output["jobs_done"], output["jobs"], output["labels"]) == (8, 8, 5)


def test_status_names_training_and_test_frames_whose_labels_are_off(typed, finished):
    text = " ".join(typed(status, finished.node.pk).split())
    assert "Labels that are off (fit of iteration 2): 1 of 30 training frames contradicts frames like it: 1 left out." in text
    trained, tested = (finished.nodes[name, 1].ids[0] for name in ("batch", "tests"))
    assert f"frame {trained} (Cu4, batch_iteration_01): forces by 1.2 eV/A, 15 x frames like it (0.08)" in text
    assert "Of 12 test frames 1 is off, too:" in text
    assert f"frame {tested} (Cu4, test_iteration_01): energy by 250 meV/atom, 40 x frames like it (2)" in text
    assert json.loads(typed(status, finished.node.pk, "--json"))["outliers"]


def test_many_frames_whose_labels_are_off_are_counted():
    off = {"what": "stress", "amount": 0.01, "alike": 0.0, "beyond": 9.0}
    frames = [{"id": f"{number:016x}", "formula": "Cu", "file": "a", "off": [off]} for number in range(8)]
    told = {"count": 8, "looked_at": 90, "fitted": ["stress"], "broken": False, "frames": frames, "tests": []}
    lines = outlier_lines(3, told)
    assert "8 of 90 training frames contradict frames like them: 8 fitted to (fit.outliers: keep)" in lines[0]
    assert "stress by 1.6 GPa" in lines[1]
    assert lines[-2] == "  ... and 3 more"
    assert outlier_lines(3, {**told, "count": 0, "frames": []}) == []


def test_status_of_a_campaign_that_ended_early_says_why_and_that_nothing_is_lost(typed, campaign):
    campaign.finish(413, "stage surface: labelling failed: no label")
    text = " ".join(typed(status, campaign.node.pk).split())
    assert "Ended early [413]: stage surface: labelling failed: no label. What it has is kept: 5 labels" in text
    assert f"verdi process report {campaign.node.pk}" in text


def test_status_of_a_running_campaign_says_what_it_does(typed, campaign):
    text = " ".join(typed(status, campaign.node.pk).split())
    assert "Running: iteration 2 of at most 2 (stage surface), finishing; 8 of 8 jobs done, 5 labels" in text
    assert f"alworkflows status {campaign.node.pk} --wait" in text


def test_status_refuses_what_is_no_campaign_and_names_the_one_it_belongs_to(typed, finished):
    with pytest.raises(InputError, match=f"expected a campaign, got FitJob .* it belongs to the campaign {finished.node.pk}"):
        typed(status, finished.nodes["fit", 1].pk)
    with pytest.raises(InputError, match="no node with the PK or UUID '999999'"):
        typed(status, 999999)
    assert "--wait needs the PK" in typed(status, "--wait", code=2)


@pytest.mark.parametrize(("end", "expected"), [((0, None), 0), ((701, "budget used up"), 0), ((413, "no"), 1)])
def test_waiting_ends_with_the_campaign_and_its_status(typed, campaign, end, expected):
    campaign.finish(*end)
    assert f"campaign {campaign.node.pk}" in typed(status, campaign.node.pk, "--wait", code=expected)


def test_waiting_can_be_left(typed, campaign, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", interrupt)
    text = typed(status, campaign.node.pk, "--wait", code=130)
    assert f"alworkflows status {campaign.node.pk} --wait" in text
    assert not campaign.node.is_terminated


def test_waiting_says_when_nothing_moves_because_the_daemon_is_off(typed, campaign, monkeypatch):
    looks = []

    def look(seconds):
        looks.append(seconds)
        if len(looks) == watch.DAEMON_EVERY:
            campaign.finish()

    monkeypatch.setattr(watch.time, "sleep", look)
    monkeypatch.setattr(daemon, "daemon_status", lambda: daemon.DaemonStatus(False))
    assert "The daemon does not run" in typed(status, campaign.node.pk, "--wait")


def test_the_picture_of_a_running_campaign_fits_the_terminal(campaign):
    from rich.console import Console

    screen = Console(width=80, record=True)
    screen.print(watch._picture(campaign.node, campaign_summary(campaign.node), daemon="The daemon does not run"))
    text = screen.export_text()
    assert "jobs of this iteration" in text
    assert "4/4" in text
    assert "The daemon does not run" in text
    assert max(map(len, text.splitlines())) <= 80


# ------------------------------------------------------------------------------------------------ costs


def test_costs_by_step(typed, finished):
    lines = typed(costs, finished.node.pk).splitlines()
    (fit,) = [line.split() for line in lines if line.split()[:1] == ["fit"]]
    assert fit == ["fit", "2", "20", "s", "0.00556", "48%"]
    text = "\n".join(lines)
    assert "5 new labels: 0.000556 core-hours each, failed attempts included." in text
    assert "Attempts that gave no label: 0 core-hours; 1 frame without one." in text
    assert "3 frames to train on: 0.00389 core-hours each, all steps included." in text


@pytest.mark.parametrize(("what", "rows"), [("iteration", ["1", "2"]), ("stage", ["melt", "surface"])])
def test_costs_by_iteration_and_stage(typed, finished, what, rows):
    lines = [line.split() for line in typed(costs, finished.node.pk, "--by", what).splitlines() if line.strip()]
    assert lines[2] == [what, "sample", "describe", "label", "fit", "in", "all"]
    assert [line[0] for line in lines[4:6]] == rows
    assert lines[4][1:] == ["0.00139", "0.000278", "0.00139", "0.00278", "0.00583"]
    assert lines[6][-1] == "0.0117"


def test_costs_as_json(typed, finished):
    output = json.loads(typed(costs, finished.node.pk, "--json"))
    assert output["steps"]["label"]["jobs"] == 2
    assert output["labels"]["accepted"] == 3


# ------------------------------------------------------------------------------------------------ lineage


def test_lineage_of_a_frame_reads_as_a_chain(typed, finished):
    text = typed(lineage, frame_id(finished.pool[0])[:9])
    steps = ["structure", "sampled", "judged", "chosen", "labelled", "trained on"]
    starts = [line.split("  ")[0] for line in text.splitlines()[1:] if line[:1].strip()]
    assert starts == [*steps, "trained on", "held by"]
    for fact in ("fcc-copper", "seed 7", "300 K", "farthest from all before", "energy -4.0000 eV", "calculator: emt"):
        assert fact in " ".join(text.split())
    (output,) = json.loads(typed(lineage, frame_id(finished.pool[0]), "--json"))
    assert [event["kind"] for event in output["events"]] == [
        "structure",
        "sample",
        "describe",
        "select",
        "label",
        "train",
        "train",
    ]


def test_lineage_of_a_frame_says_which_fit_found_its_label_off(typed, finished):
    trained, tested = (finished.nodes[name, 1].ids[0] for name in ("batch", "tests"))
    text = " ".join(typed(lineage, trained).split())
    assert text.count("its label contradicts frames like it") == 1  # the first fit found nothing
    assert f"(the nearest: {16 * 'a'}): forces by 1.2 eV/A, 15 x frames like it (0.08); left out" in text
    (output,) = json.loads(typed(lineage, trained, "--json"))
    last = output["events"][-1]["facts"]
    assert (last["weight"], last["off"][0]["amount"]) == (0.0, 1.2)
    assert "its label contradicts frames like it" in " ".join(typed(lineage, tested).split())


def test_lineage_of_a_frame_in_many_fits_shows_the_first_and_the_last(typed, campaign):
    batch = {"batches__batch_iteration_01": campaign.nodes["batch", 1]}
    for number in range(3, 7):
        campaign.job("FitJob", "fit", 60 * number, 60 * number + 9, batch, {}, campaign.begin(number), status=310)
    last = campaign.job("FitJob", "fit", 420, 430, batch, {}, campaign.begin(7), state="waiting")
    text = typed(lineage, frame_id(campaign.pool[0]))
    assert text.count("trained on") == 2
    assert "... and 5 more fits (all with --json) ..." in text
    assert "the fit is under way" in text
    assert f"by FitJob {last.pk}" in text


def test_lineage_of_a_judged_frame_names_the_ensemble_and_the_window(typed, finished):
    text = " ".join(typed(lineage, frame_id(finished.pool[4])).split())
    assert f"driven by ensemble {finished.nodes['ensemble', 1].pk}" in text
    assert "disagreement 0.6000 eV/A" in text
    assert "2.40 times that on held-out frames" in text
    assert "trust window 0.1000 to 1.0000 eV/A" in text


def test_lineage_of_a_node_shows_what_made_it_and_what_used_it(typed, finished):
    text = typed(lineage, finished.nodes["batch", 1].pk)
    assert f"divide_labels [finished] <{finished.nodes['batch', 1].creator.pk}>" in text
    assert f"LabelJob [finished] <{finished.nodes['label', 1].pk}>" in text
    assert f"FitJob [finished] <{finished.nodes['fit', 2].pk}>" in text
    output = json.loads(typed(lineage, finished.nodes["batch", 1].uuid, "--json"))
    assert output["pk"] == finished.nodes["batch", 1].pk


@pytest.mark.parametrize(
    ("what", "message"),
    [("0" * 16, "no frame with the id"), ("beefbeef", "no frame and no node"), ("nonsense", "no node with the PK or UUID")],
)
def test_lineage_of_what_does_not_exist(typed, finished, what, message):
    with pytest.raises(InputError, match=message):
        typed(lineage, what)


# ------------------------------------------------------------------------------------------------ export


def test_export_writes_all_that_is_known_of_an_ensemble(typed, finished, tmp_path):
    typed(export, finished.node.pk, "-o", tmp_path / "potential", "--frames")
    folder = tmp_path / "potential"
    names = {"ensemble.npz", "example.py", "structure.xyz", "training.xyz", "test.xyz", "provenance.json", "README.md", "lammps"}
    assert {path.name for path in folder.iterdir()} == names
    assert Ensemble.load(folder / "ensemble.npz").species == ("Cu",)
    assert "pair_style" in (folder / "lammps" / "in.plip").read_text()
    compile((folder / "example.py").read_text(), "example.py", "exec")
    trained = read(folder / "training.xyz")
    assert [frame_id(frame) for frame in trained] == [frame_id(finished.pool[index]) for index in (0, 1, 4)]
    assert trained[0].get_potential_energy() == pytest.approx(-4.0)
    readme = (folder / "README.md").read_text()
    assert "| all | 0.2000 | 2.0000 | 10.0% |" in readme
    assert finished.nodes["batch", 2].uuid in readme
    known = json.loads((folder / "provenance.json").read_text())
    assert known["campaign"]["pk"] == finished.node.pk
    assert known["final_errors"]["all"]["force_rmse"] == 0.2
    assert known["engine"] == {"engine": "ase", "calculator": "emt"}


def test_export_of_an_earlier_iteration(typed, finished, tmp_path):
    output = json.loads(typed(export, finished.node.pk, "-o", tmp_path / "first", "--iteration", 1, "--json"))
    assert "training.xyz" not in output["files"]
    known = json.loads((tmp_path / "first" / "provenance.json").read_text())
    assert known["ensemble"]["pk"] == finished.nodes["ensemble", 1].pk
    assert known["final_errors"]["all"]["force_rmse"] == 0.3
    typed(export, finished.nodes["ensemble", 1].pk, "-o", tmp_path / "same")
    assert json.loads((tmp_path / "same" / "provenance.json").read_text())["ensemble"] == known["ensemble"]


def test_export_of_a_model_file(typed, finished, tmp_path):
    typed(export, finished.node.pk, "-o", tmp_path / "first")
    output = json.loads(typed(export, tmp_path / "first" / "ensemble.npz", "-o", tmp_path / "second", "--json"))
    assert {"lammps/in.plip", "lammps/model.plip", "lammps/plugin/build.sh"} <= set(output["files"])
    assert all((tmp_path / "second" / name).is_file() for name in output["files"])
    with pytest.raises(InputError, match="--iteration and --frames are for a campaign"):
        typed(export, tmp_path / "first" / "ensemble.npz", "-o", tmp_path / "third", "--frames")
    with pytest.raises(InputError, match="no such file"):
        typed(export, "nowhere.npz", "-o", tmp_path / "third")


def test_export_refuses(typed, finished, tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(InputError, match="expected a new or empty folder"):
        typed(export, finished.node.pk, "-o", tmp_path)
    with pytest.raises(InputError, match="has no ensemble of iteration_07; it has: iteration_01, iteration_02"):
        typed(export, finished.node.pk, "-o", tmp_path / "a", "-i", 7)
    with pytest.raises(InputError, match="expected a campaign or an ensemble, got FitJob"):
        typed(export, finished.nodes["fit", 1].pk, "-o", tmp_path / "b")
    with pytest.raises(InputError, match="--iteration is for a campaign"):
        typed(export, finished.nodes["ensemble", 1].pk, "-o", tmp_path / "c", "-i", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


# ------------------------------------------------------------------------------------------------ verdi data


def test_verdi_lists_shows_and_exports_frames(typed, finished, tmp_path):
    pk = finished.nodes["batch", 1].pk
    assert str(pk) in typed(frames, "list", "-n", 1000)
    listed = {item["pk"]: item for item in json.loads(typed(frames, "list", "--json", "-n", 1000))}
    assert (listed[pk]["frames"], listed[pk]["labels"]) == (2, "emt")
    assert len(json.loads(typed(frames, "list", "--json", "--limit", 1))) == 1
    text = typed(frames, "show", pk)
    assert frame_id(finished.pool[0]) in text
    assert "melt copper 100" in text
    for name in ("batch.xyz", "batch.npz"):
        typed(frames, "export", pk, "-o", tmp_path / name)
        assert len(read(tmp_path / name)) == 2
    assert "exists; add --overwrite" in typed(frames, "export", pk, "-o", tmp_path / "batch.npz", code=2)


def test_verdi_lists_shows_and_exports_ensembles(typed, finished, tmp_path):
    pk = finished.nodes["ensemble", 1].pk
    assert "10/12" in typed(ensemble, "list", "-n", 1000)
    assert "reference_disagreement" in typed(ensemble, "show", pk)
    typed(ensemble, "export", pk, "-o", tmp_path / "ensemble.npz")
    assert (tmp_path / "ensemble.npz").read_bytes()[:2] == b"PK"
    wrong = typed(ensemble, "show", finished.nodes["batch", 1].pk, code=2)
    assert "expected a node of type EnsembleData, got FramesData (2 frames)" in wrong
