"""One small campaign through the real daemon, from setup to report, whose graph is then asked."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alworkflows import frames as frames_io
from alworkflows.models import Ensemble


@pytest.fixture(scope="module")
def campaign(shell):
    """The PK of a finished campaign."""
    shutil.copy(Path(__file__).with_name("campaign.yaml"), shell.folder)
    text = shell("launch", "campaign.yaml", "--wait")
    return int(re.search(r"\b(?:PK|pk)\D{0,3}(\d+)", text).group(1))


def test_status_tells_of_each_iteration(shell, campaign):
    told = shell.json("status", campaign)
    assert told["exit_status"] == 704  # so small a campaign does not converge, and says so
    assert "not converged" in told["exit_message"]
    iterations = told["iterations"]
    assert iterations[0]["stage"] == "melt"
    assert {item["stage"] for item in iterations} == {"melt", "surface", "amorphous"}
    chosen_by_ensemble = [item for item in iterations if item["stage"] != "melt" and item["labels"]]
    assert len(chosen_by_ensemble) >= 2
    assert "melt" in shell("status", campaign)


GRAPH = """
from aiida.orm import load_node, QueryBuilder
from workchains.data.frames import FramesData
from workchains.provenance import steps_below
node = load_node({pk})
steps = steps_below(node)
own = {{"": node.pk, **{{step.key: step.pk for step in steps if step.parent == node.pk}}}}
used, tests = set(), set()
creators = {{}}
for namespace, ids in (("batches", used), ("tests", tests)):
    for key, frames in dict(node.outputs[namespace]).items():
        ids |= set(frames.ids)
        creators[namespace + key] = frames.creator.process_label if frames.creator else None
loose = [n.pk for n, in QueryBuilder().append(FramesData).all() if n.creator is None]
origins = [f.info["origin"] for frames in dict(node.outputs.batches).values() for f in frames.get_frames()]
print(json.dumps(dict(
    both=len(used & tests), used=sorted(used), tests=len(tests), creators=creators, loose=loose, origins=origins,
    steps={{path: [step.key for step in steps if step.parent == pk] for path, pk in own.items()}},
    paths=[step.path for step in steps],
    evaluation=node.outputs.evaluation.get_dict(),
)))
"""


@pytest.fixture(scope="module")
def graph(shell, campaign):
    return shell.python(GRAPH.format(pk=campaign))


def test_no_test_frame_was_trained_on(graph):
    assert graph["both"] == 0
    assert graph["tests"] >= 5


def test_every_frame_in_the_database_has_a_creator(graph):
    assert graph["loose"] == []
    assert set(graph["creators"].values()) <= {"LabelJob", "divide_labels"}


def test_every_frame_says_where_it_came_from_and_why_it_was_paid_for(graph):
    for origin in graph["origins"]:
        assert {"structure", "sampler", "seed", "step", "temperature", "chosen"} <= set(origin)
        assert origin["chosen"]["reason"]
    assert {origin["sampler"] for origin in graph["origins"]} == {"melt", "surface-melt", "quench"}
    driven = [origin for origin in graph["origins"] if origin["sampler"] != "melt"]
    assert all(origin["chosen"]["disagreement"] > 0 for origin in driven)


def test_children_are_known_by_their_iteration(graph):
    """The campaign has few children: its structures, its iterations, the judgement; steps are children of iterations."""
    own = graph["steps"][""]
    iterations = own[1:-1]
    assert own == ["structures", *(f"iteration_{number:02d}" for number in range(1, len(iterations) + 1)), "evaluate"]
    assert graph["steps"]["iteration_01"] == ["sample", "describe", "select", "label", "divide", "train", "decide"]
    assert graph["steps"]["iteration_02"][:4] == ["trust_levels", "sample", "describe", "select"]
    assert all(graph["steps"][name][-1] == "decide" for name in iterations)


def test_every_ensemble_is_judged_on_the_final_test_set(graph):
    errors = graph["evaluation"]["errors"]
    assert set(errors[0]) == {"melt", "surface", "amorphous", "all"}
    assert len(errors) == sum(path.endswith("/train") for path in graph["paths"])
    assert all(np.isfinite(item["all"]["force_rmse"]) for item in errors)


def test_lineage_of_a_frame_names_sampler_choice_label_and_model(shell, graph):
    text = shell("lineage", graph["used"][0])
    for word in ("structure", "seed", "chosen", "label", "ensemble"):
        assert word in text.lower(), f"'{word}' is missing from:\n{text}"
    assert shell("lineage", "0" * 16, status=2).startswith("error: ")


def test_report_is_one_self_contained_page(shell, campaign):
    shell("report", campaign, "-o", "page")
    page = next((shell.folder / "page").glob("*.html")).read_text()
    assert "<svg" in page or "data:image" in page
    assert not re.search(r"(src|href)=[\"']https?://", page)


def test_the_exported_potential_runs_and_says_the_same(shell, campaign):
    shell("export", campaign, "-o", "potential")
    folder = shell.folder / "potential"
    Ensemble.load(folder / "ensemble.npz")
    done = subprocess.run([sys.executable, "example.py"], cwd=folder, env=shell.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_verdi_shows_frames_and_ensembles(shell, campaign):
    verdi = Path(sys.executable).with_name("verdi")
    listed = shell("-p", "alworkflows", "data", "alworkflows.frames", "list", program=verdi)
    assert "melt" in listed
    assert "tiny" in shell("-p", "alworkflows", "process", "list", "-a", "-P", "pk", "label", program=verdi)


def test_the_same_campaign_again_gives_the_same_frames(shell, campaign, graph):
    shell("launch", "campaign.yaml", "--wait")
    second = shell.json("status")["campaigns"][0]["pk"]
    assert second != campaign
    assert shell.python(GRAPH.format(pk=second))["used"] == graph["used"]


def test_verbs_start_fast(shell):
    """Import budget of a compute verb: under 1 s of CPU, without torch, scikit-learn's linear models or AiiDA."""
    code = (
        "import resource, sys, json; from alworkflows import jobs\n"
        "import alworkflows.jobs.run_sample, alworkflows.jobs.run_describe, alworkflows.jobs.run_evaluate\n"
        "import alworkflows.sampling, alworkflows.models, alworkflows.selection, alworkflows.structures\n"
        "heavy = sorted(set(sys.modules) & {'torch', 'aiida', 'pymatgen'})\n"
        "print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_utime, heavy]))"
    )
    seconds, heavy = json.loads(shell("-c", code, program=sys.executable))
    assert heavy == []
    assert seconds < 2.0  # a loaded machine doubles it; the figure itself is printed by benchmarks/startup.py


def test_frames_survive_the_database_bit_for_bit(shell, campaign):
    code = f"""
from aiida.orm import load_node
import tempfile, pathlib
frames = load_node({campaign}).outputs.batches.iteration_01
path = pathlib.Path("batch.npz"); frames.export_file(path)
print(json.dumps(frames.ids))
"""
    ids = shell.python(code)
    assert [frames_io.frame_id(frame) for frame in frames_io.load(shell.folder / "batch.npz")[0]] == ids
