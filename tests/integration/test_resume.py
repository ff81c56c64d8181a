"""A campaign that is ended in the middle and gone on with, extended, and begun with data: nothing is run or paid for twice."""

import shutil
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def wait(shell, pk, *states):
    """Return how a campaign stands once it is in one of some states."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        told = shell.json("status", pk)
        if any(told["state"].startswith(state) for state in states):
            return told
        time.sleep(2)
    raise AssertionError(f"campaign {pk} did not come to be {states}: {told['sentence']}")


GRAPH = """
from aiida.orm import load_node, CalcJobNode
from workchains.provenance import steps_below
node = load_node({pk})
frames = {{name: {{key: data.ids for key, data in dict(node.outputs[name]).items()}} for name in ("batches", "tests")
          if name in node.outputs}}
jobs = [load_node(step.pk) for step in steps_below(node) if step.kind == "job"]
print(json.dumps(dict(
    frames=frames,
    jobs=[job.process_label for job in jobs],
    cached=[job.process_label for job in jobs if job.base.caching.is_created_from_cache],
    outputs=sorted(name for name in node.outputs),
    decisions={{key: data["ending"] for key, data in dict(node.outputs.decisions).items()}},
    inputs=sorted(link.link_label for link in node.base.links.get_incoming().all()),
)))
"""


@pytest.fixture(scope="module")
def cancelled(shell):
    """The PK of a campaign that was ended when it had chosen its first frames, before a label was asked for."""
    shutil.copy(HERE / "small.yaml", shell.folder)
    pk = shell.json("launch", "small.yaml")["pk"]
    wait(shell, pk, "waits for approval")
    shell("cancel", pk)
    return pk


@pytest.fixture(scope="module")
def resumed(shell, cancelled):
    """The PK of the one that went on from it to its end."""
    pk = shell.json("resume", cancelled, "--set", "label.approval=never")["pk"]
    ended = wait(shell, pk, "ended", "done", "crashed", "killed")
    assert ended["exit_status"] in (0, 704), ended["sentence"]
    return pk


@pytest.fixture(scope="module")
def graph(shell, resumed):
    return shell.python(GRAPH.format(pk=resumed))


def test_jobs_that_had_ended_are_not_run_again(graph):
    assert graph["cached"] == ["SampleJob", "DescribeJob"]
    assert graph["jobs"].count("SampleJob") == 2
    assert graph["jobs"].count("FitJob") == 2


def test_it_hands_over_all_that_a_campaign_does(graph):
    assert {"batches", "tests", "ensembles", "decisions", "trust_levels", "evaluation", "ensemble", "structures"} <= set(
        graph["outputs"]
    )
    assert set(graph["decisions"]) == {"iteration_01", "iteration_02"}
    assert graph["decisions"]["iteration_01"] == "fixed"


def test_the_same_campaign_undisturbed_has_the_same_data(shell, graph):
    """Its labels are taken over, which is no part of how frames are made and chosen."""
    text = (HERE / "small.yaml").read_text().replace(", approval: batch", "")
    (shell.folder / "undisturbed.yaml").write_text(text)
    pk = shell.json("launch", "undisturbed.yaml")["pk"]
    wait(shell, pk, "ended", "done", "crashed", "killed")
    other = shell.python(GRAPH.format(pk=pk))
    assert other["frames"] == graph["frames"]
    assert not other["cached"]
    assert "LabelJob" not in other["jobs"]


def test_a_campaign_is_gone_on_with_once(shell, cancelled, resumed):
    told = shell("resume", cancelled, status=2)
    assert f"campaign {cancelled} was gone on with by campaign {resumed}" in told
    assert "--branch" in told


def test_nothing_left_to_do_is_said(shell, resumed):
    told = shell("resume", resumed, status=2)
    assert "has done all its stages (melt, surface)" in told
    assert "alworkflows extend" in told


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("label.calculator.name=emt", "label.calculator: it would make other labels than the"),
        ("species=[Zn, O, H]", "species: the"),
        ("stages.surface.train=false", "stages.surface.train: its labels are there already"),
        ("budget.labels=0", "budget.labels: expected"),
        ("selection.levels={lower: 2, upper: 1}", "expected upper above lower"),
        ("stages.surfaces.iterations=3", "did you mean 'surface'"),
        ("nonsense", "expected KEY=VALUE"),
    ],
)
def test_changes_that_contradict_what_is_there_are_refused(shell, resumed, change, message):
    before = shell.python("from aiida.orm import QueryBuilder, Node; print(json.dumps(QueryBuilder().append(Node).count()))")
    assert message in shell("resume", resumed, "--set", change, status=2)
    after = shell.python("from aiida.orm import QueryBuilder, Node; print(json.dumps(QueryBuilder().append(Node).count()))")
    assert after == before


def test_what_is_no_campaign_is_refused(shell, resumed):
    job = shell.python(f"from workchains.provenance import steps_below; from aiida.orm import load_node; "
                       f"print(json.dumps(steps_below(load_node({resumed}))[0].pk))")  # fmt: skip
    told = shell("resume", job, status=2)
    assert "expected a campaign, got build_structures" in told
    assert f"it belongs to the campaign {resumed}" in told


@pytest.fixture(scope="module")
def extended(shell, resumed):
    """The PK of a campaign with one more stage."""
    (shell.folder / "more.yaml").write_text(
        "structures: {zincblende: {prototype: zno-zincblende, supercell: [2, 1, 1]}}\n"
        "stages: [{name: cubic, structures: [zincblende], sampler: {name: rattle, snapshots: 12}, budget: 3}]\n"
    )
    pk = shell.json("extend", resumed, "more.yaml")["pk"]
    ended = wait(shell, pk, "ended", "done", "crashed", "killed")
    assert ended["exit_status"] in (0, 704), ended["sentence"]
    return pk


def test_an_extended_campaign_has_the_old_data_and_the_new(shell, graph, extended):
    more = shell.python(GRAPH.format(pk=extended))
    for key, ids in graph["frames"]["batches"].items():
        assert more["frames"]["batches"][key] == ids
    assert set(more["frames"]["batches"]) == {"iteration_01", "iteration_02", "iteration_03"}
    assert more["jobs"].count("SampleJob") == 1
    assert "previous__batches__iteration_01" in more["inputs"]


def test_only_what_is_new_extends(shell, extended):
    (shell.folder / "again.yaml").write_text("stages: [{name: cubic, structures: [zincblende], sampler: {name: rattle}}]\n")
    assert "has a stage 'cubic' already" in shell("extend", extended, "again.yaml", status=2)
    (shell.folder / "none.yaml").write_text("budget: {labels: 5}\n")
    assert "expected 'stages', a list of new stages" in shell("extend", extended, "none.yaml", status=2)


def test_a_campaign_may_begin_with_the_data_of_another(shell, graph, resumed):
    """Its first stage is driven by what the given frames were fitted to."""
    text = (HERE / "small.yaml").read_text().replace(", approval: batch", "")
    head, _, rest = text.partition("  - name: melt")
    stages = "  - name: surface" + rest.partition("  - name: surface")[2]
    (shell.folder / "given.yaml").write_text(f"start: [{{node: '{resumed}'}}]\n{head}{stages}".replace("seed: 11", "seed: 12"))
    pk = shell.json("launch", "given.yaml")["pk"]
    ended = wait(shell, pk, "ended", "done", "crashed", "killed")
    assert ended["exit_status"] in (0, 704), ended["sentence"]
    begun = shell.python(GRAPH.format(pk=pk))
    assert sorted(map(sorted, (ids for key, ids in begun["frames"]["batches"].items() if key.startswith("given")))) == sorted(
        map(sorted, graph["frames"]["batches"].values())
    )
    used = {identity for ids in begun["frames"]["batches"].values() for identity in ids}
    assert not used & {identity for ids in begun["frames"]["tests"].values() for identity in ids}
    assert begun["jobs"].count("FitJob") == 2
