"""Models, batches and error figures: what they were made of, what that cost, what used them; the recipes of the documentation."""

import re
from pathlib import Path

import numpy as np
import pytest

from alworkflows.frames import attach_labels, frame_id
from workchains import provenance
from workchains.data.frames import FramesData
from workchains.provenance.models import place_of

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "lineage.md"
HEADER = {"engine": {"engine": "ase", "calculator": "emt"}}


def told(frames, *notes):
    """Let frames tell how their labels came."""
    for frame, note in zip(frames, notes, strict=True):
        frame.info["origin"] = {**frame.info.get("origin", {}), "label": note}
    return frames


@pytest.fixture
def judged(campaign):
    """Return a hand-made campaign whose last ensemble was judged on both sets of test frames."""
    groups = {"test_iteration_01": "melt", "test_iteration_02": "surface"}
    errors = [{name: {"force_rmse": value} for name in ("melt", "surface", "all")} for value in (0.4, 0.2)]
    inputs = {f"ensembles__iteration_{n:02d}": campaign.nodes["ensemble", n] for n in (1, 2)}
    inputs |= {f"tests__test_iteration_{n:02d}": campaign.nodes["tests", n] for n in (1, 2)}
    inputs["groups"] = campaign.orm.Dict(groups)
    report = {"groups": ["melt", "surface"], "errors": errors}
    campaign.nodes["evaluate"] = campaign.job("EvaluateJob", "evaluate", 106, 110, inputs, {}, seconds=2.0, report=report)
    return campaign


def test_lineage_of_a_model_tells_what_it_was_trained_on_and_what_used_it(judged):
    nodes = judged.nodes
    lineage = provenance.model_lineage(nodes["ensemble", 1])
    assert (lineage.kind, lineage.campaign, lineage.iteration, lineage.stage) == ("model", judged.node.pk, "iteration_01", "melt")
    assert (lineage.made_by, lineage.core_hours) == (nodes["fit", 1].pk, pytest.approx(10 / 3600))
    assert (lineage.facts["training_frames"], lineage.facts["test_force_rmse_eV_per_A"]) == (2, 0.4)
    assert {(use.pk, use.what) for use in lineage.sources} == {
        (nodes["batch", 1].pk, "trained on"),
        (nodes["tests", 1].pk, "tested on"),
    }
    uses = {use.what: use for use in lineage.uses}
    assert set(uses) == {"drove sampling", "judged candidates", "was judged"}
    assert uses["drove sampling"].pk == nodes["sample", 2].pk
    assert uses["drove sampling"].facts == {"iteration": "iteration_02"}
    assert uses["was judged"].facts == {"force_rmse_eV_per_A": 0.4, "report": nodes["evaluate"].outputs.report.pk}


@pytest.mark.parametrize("name", ["sample", "chosen", "batch", "tests", "fit", "ensemble", "iteration"])
def test_all_that_was_made_in_an_iteration_knows_campaign_iteration_and_stage(judged, name):
    for number, stage in ((1, "melt"), (2, "surface")):
        campaign, key, told = place_of(judged.nodes[name, number])
        assert (campaign.pk, key, told) == (judged.node.pk, f"iteration_0{number}", stage)


def test_what_belongs_to_no_iteration_knows_its_campaign_alone(judged, make_frames):
    for node in (judged.structures, judged.nodes["evaluate"]):
        campaign, key, stage = place_of(node)
        assert (campaign.pk, key, stage) == (judged.node.pk, None, None)
    assert place_of(FramesData.from_frames(make_frames(1, first=9350)).store()) == (None, None, None)


def test_lineage_of_an_error_figure_names_models_and_frames(judged):
    nodes = judged.nodes
    lineage = provenance.node_lineage(nodes["evaluate"].outputs.report)
    assert (lineage.kind, lineage.made_by, lineage.iteration) == ("error", nodes["evaluate"].pk, None)
    assert lineage.facts["force_rmse_eV_per_A"] == [0.4, 0.2]
    assert {use.pk for use in lineage.sources} == {nodes[name, n].pk for name in ("ensemble", "tests") for n in (1, 2)}
    report = nodes["fit", 2].outputs.report
    assert provenance.node_lineage(report).facts["held_out_force_rmse_eV_per_A"] == 0.35
    assert provenance.node_lineage(nodes["fit", 2].outputs.retrieved) is None


def test_what_was_decided_by_an_error_figure_is_told(judged, store_process):
    from aiida import orm

    report = judged.nodes["fit", 1].outputs.report
    result = orm.Dict({"sentence": "below 0.1 eV/A"})
    second = judged.nodes["iteration", 2]
    made = store_process(orm.CalcFunctionNode, "find_trust_levels", caller=second, key="trust_levels",
                         inputs={"report": report}, outputs={"result": result})  # fmt: skip
    (use,) = provenance.node_lineage(report).uses
    assert (use.pk, use.what) == (made.pk, "trust levels")
    assert use.facts == {"iteration": "iteration_02", "campaign": judged.node.pk, "sentence": "below 0.1 eV/A"}


def test_lineage_of_test_frames_goes_on_to_the_final_errors(judged):
    (lineage,) = provenance.frame_lineage(frame_id(judged.pool[3]))
    (event,) = [event for event in lineage.events if event.kind == "evaluate"]
    assert (event.pk, event.node) == (judged.nodes["evaluate"].pk, judged.nodes["evaluate"].outputs.report.pk)
    assert event.facts == {"group": "melt", "force_rmse_eV_per_A": {"iteration_01": 0.4, "iteration_02": 0.2}}


def test_lineage_of_a_batch_tells_costs_and_from_whom_labels_were_taken_over(judged, make_frames, store_process):
    """One label was made for 3600 s on 2 cores, one had been paid for in another campaign."""
    from aiida import orm

    theirs = judged.nodes["batch", 1]
    source = {"node": theirs.uuid, "frame": theirs.ids[0]}
    frames = told(
        make_frames(2, first=9300, labelled=True),
        {"seconds": 3600.0, "cores": 2},
        {"seconds": 1800.0, "cores": 1, "reused_from": source},
    )
    for frame, level in zip(frames, ("candidate", "accurate"), strict=True):
        frame.info["origin"]["chosen"] = {"criterion": "grade", "level": level, "disagreement": 0.3}
    node = FramesData.from_frames(frames, HEADER)
    store_process(orm.CalcFunctionNode, "gather_labels", outputs={"result": node})
    lineage = provenance.node_lineage(node)
    assert (lineage.kind, lineage.campaign, lineage.core_hours) == ("labels", None, pytest.approx(2.0))
    assert (lineage.facts["taken_over"], lineage.facts["paid_before_core_hours"]) == (1, pytest.approx(0.5))
    assert lineage.facts["taken_over_from_campaigns"] == {str(judged.node.pk): 1}
    assert lineage.facts["chosen_by"] == {"grade": 2}
    assert lineage.facts["levels"] == {"candidate": 1, "accurate": 1}
    assert lineage.facts["mean_disagreement_eV_per_A"] == pytest.approx(0.3)


def test_a_model_tells_what_its_labels_cost_and_what_was_paid_before(judged, make_frames, store_process):
    from aiida import orm
    from pieces import tiny_model

    from workchains.data.ensemble import EnsembleData

    source = {"node": judged.nodes["batch", 1].uuid, "frame": "x"}
    notes = ({"seconds": 360.0, "cores": 10}, {"seconds": 1e6, "cores": 10, "reused_from": source})
    batch = FramesData.from_frames(told(make_frames(2, first=9310, labelled=True), *notes), HEADER)
    ensemble = EnsembleData()
    ensemble.base.repository.put_object_from_bytes(tiny_model(), EnsembleData.FILENAME)
    store_process(orm.CalcJobNode, "FitJob", inputs={"batches__batch_a": batch}, outputs={"ensemble": ensemble})
    facts = provenance.model_lineage(ensemble).facts
    assert (facts["labels_core_hours"], facts["taken_over"]) == (pytest.approx(1.0), 1)


def test_why_a_frame_was_chosen_names_criterion_score_rank_and_committee(judged, make_frames, store_process):
    from aiida import orm

    (frame,) = make_frames(1, first=9320)
    committee = judged.nodes["ensemble", 2]
    candidates = FramesData.from_frames([frame])
    deviation = orm.ArrayData()
    deviation.set_array("disagreement", np.array([0.3]))
    deviation.base.attributes.set("refused", [None])
    store_process(orm.CalcJobNode, "DescribeJob", inputs={"candidates": candidates, "ensemble": committee},
                  outputs={"deviation": deviation})  # fmt: skip
    note = {
        "use": "train", "criterion": "grade", "score": 2.5, "rank": 1, "level": "candidate", "window": [0.1, 1.0],
        "reason": "grade 2.5",
    }  # fmt: skip
    chosen = frame.copy()
    chosen.info["origin"] = {**frame.info["origin"], "chosen": note}
    selected = FramesData.from_frames([chosen])
    inputs = {"candidates": candidates, "deviation": deviation, "settings": orm.Dict({}), "seed": orm.Int(3)}
    store_process(orm.CalcFunctionNode, "select_frames", inputs=inputs, outputs={"chosen": selected})
    (lineage,) = provenance.frame_lineage(frame_id(frame))
    (event,) = [event for event in lineage.events if event.kind == "select"]
    assert event.facts == {**note, "as": "frame to train on", "seed": 3, "committee": committee.pk}


def test_a_label_tells_what_it_cost_and_a_label_taken_over_what_it_had_cost(make_frames, aiida_profile, store_process):
    from aiida import orm

    (frame,) = make_frames(1, first=9330)
    labelled = attach_labels(frame, -4.0, np.zeros((4, 3)))
    (labelled,) = told([labelled], {"seconds": 7200.0, "cores": 8})
    first = FramesData.from_frames([labelled], HEADER)
    job = store_process(orm.CalcJobNode, "LabelJob", outputs={"labelled": first})
    (taken,) = told(
        [labelled.copy()], {"seconds": 7200.0, "cores": 8, "reused_from": {"node": first.uuid, "frame": first.ids[0]}}
    )
    taken = attach_labels(taken, -4.0, np.zeros((4, 3)))
    second = FramesData.from_frames([taken], HEADER)
    reuse = store_process(orm.CalcFunctionNode, "reuse_labels", outputs={"reused": second})
    facts = {event.pk: event.facts for lineage in provenance.frame_lineage(frame_id(frame)) for event in lineage.events}
    assert facts[job.pk]["core_hours"] == pytest.approx(16)
    assert "core_hours" not in facts[reuse.pk]
    assert facts[reuse.pk]["paid_before_core_hours"] == pytest.approx(16)
    assert facts[reuse.pk]["computed_by"] == job.pk


# ------------------------------------------------------------------------------------------------ documentation


def test_every_recipe_of_the_documentation_runs(judged, monkeypatch, capsys):
    """One after another, as a reader would type them, on the campaign and the nodes that are there."""
    from workchains.machines import session

    monkeypatch.setattr(session, "activate", lambda profile=None: None)
    identity = frame_id(judged.pool[0])
    known = {
        "662": judged.node.pk,
        "929": judged.nodes["batch", 1].pk,
        "940": judged.nodes["ensemble", 1].pk,
        "58bce73960ea26e8": identity,
        "58bce7": identity[:10],
        "0.16": 0.5,
        "chgnet": "emt",
    }
    recipes = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert len(recipes) >= 10
    names = {}
    for number, recipe in enumerate(recipes):
        for example, value in known.items():
            recipe = recipe.replace(example, str(value))
        exec(compile(recipe, f"recipe {number}", "exec"), names)
        if "print(" in recipe:
            assert capsys.readouterr().out.strip() not in ("", "[]"), recipe
