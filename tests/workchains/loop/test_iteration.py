"""The steps of an iteration and its exit codes, with finished children put in place of running ones."""

import pytest
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import CalcJobNode, Dict, Int, WorkChainNode
from pieces import assert_ends, chosen, copper, deviation, small_ensemble
from records import store

from alworkflows.settings import Criterion
from workchains.calculations.describe_job import DescribeJob
from workchains.labelling import LabelWorkChain
from workchains.loop import step_inputs
from workchains.loop.exit_codes import OF_ITERATION
from workchains.loop.iteration import LATE_LABELS, IterationWorkChain
from workchains.loop.iteration_ports import OUTPUTS
from workchains.processes.exit_statuses import exit_label
from workchains.processes.naming import derive_seed
from workchains.processes.queueing import STOP, ask_to_stop
from workchains.steps.sample import SampleWorkChain
from workchains.steps.select import ids_by_use
from workchains.steps.train import TrainWorkChain

EMT = {"name": "emt"}
STAGE = {"sampler": {"name": "rattle"}, "structures": ["cell"]}
TRANSFER = {"stages": [{**STAGE, "name": "melt"}, {**STAGE, "name": "janus", "train": False, "budget": 4}]}


def ended(status=0, message=None, **outputs):
    """Return a work chain that ended."""
    return store(WorkChainNode, "Step", status=status, message=message, outputs=outputs)


def described(process, status=0, **more):
    return store(CalcJobNode, "DescribeJob", caller=process.node, key="describe", status=status, **more)


def uses(process):
    """Return how many frames were chosen, by what for."""
    return {use: len(ids) for use, ids in ids_by_use(process.product("chosen")).items()}


def told(report=None, **more):
    """Return a report of a fit."""
    return Dict({"test": {"force_rmse": 0.2}, "test_frames": 2, **(report or {}), **more})


# ------------------------------------------------------------------------------------------------ levels and samples


def test_a_first_iteration_has_no_levels(iterating):
    process = iterating()
    assert not process.should_find_levels()
    assert process.window() is None


def test_levels_are_found_from_the_last_report_and_the_stages_of_all_test_frames(iterating):
    tests = {f"iteration_{number:02d}": copper(2, EMT, first=10 * number) for number in (100, 99)}
    groups = {"iteration_99": "melt", "iteration_100": "again"}
    levels = {"kind": "absolute", "lower": 0.1, "upper": 1.0}
    process = iterating(
        101, "again", changes={"selection": {"levels": levels}},
        ensemble=small_ensemble(), report=Dict({"test_points": {}}), tests=tests, groups=Dict(groups),
    )  # fmt: skip
    assert process.should_find_levels()
    process.run_levels()
    assert process.window() == [0.1, 1.0]
    assert process.outputs["trust_levels"]["sentence"]
    settings = process.outputs["trust_levels"].creator.inputs.settings
    assert settings["stages"] == [["test_iteration_99", "melt"], ["test_iteration_100", "again"]]
    assert (settings["stage"], settings["reference"]) == ("again", 0.25)


def test_levels_that_make_no_sense_end_it(iterating):
    ensemble = small_ensemble()
    ensemble.base.attributes.set("reference_disagreement", None)
    process = iterating(
        2, changes={"selection": {"levels": {"kind": "relative"}}}, ensemble=ensemble, report=Dict({"test_points": {}})
    )
    process.run_levels()
    assert_ends(process, 421, "need the ensemble's reference disagreement")


def test_it_samples_with_the_settings_of_its_stage(iterating, submitted):
    """The seed follows from campaign, stage and number in the stage, never from a node."""
    process = iterating(5, stage_iteration=2)
    process.run_sample()
    ((key, chain, inputs),) = submitted
    assert (key, chain) == ("sample", SampleWorkChain)
    assert inputs["run"].get_dict() == {"seed": derive_seed(1, "melt", 2, "sample"), "upper": None}
    assert inputs["sampler"]["name"] == "rattle"
    assert inputs["names"].get_list() == ["cell"]
    assert "ensemble" not in inputs
    iterating(9, stage_iteration=2).run_sample()
    assert submitted[1][2]["run"].get_dict() == inputs["run"].get_dict()
    iterating(6, stage_iteration=3).run_sample()
    assert submitted[2][2]["run"]["seed"] != inputs["run"]["seed"]


def test_a_sampler_that_is_driven_gets_the_ensemble_and_the_upper_level(iterating, submitted):
    stages = {"stages": [{**STAGE, "name": "melt"}, {**STAGE, "name": "surface", "sampler": {"name": "surface-melt"}}]}
    process = iterating(2, "surface", 1, changes=stages, ensemble=small_ensemble(), report=Dict({"test_points": {}}))
    process.hand_over("trust_levels", Dict({"lower": 0.1, "upper": 1.0}).store())
    process.run_sample()
    ((_, _, inputs),) = submitted
    assert inputs["run"]["upper"] == 1.0
    assert inputs["ensemble"].uuid == process.inputs.ensemble.uuid


def test_what_was_sampled_before_its_turn_is_not_sampled_again(iterating, submitted):
    process = iterating(2, candidates=copper(3))
    assert process.run_sample() is None
    process.inspect_sample()
    assert not submitted
    assert process.outputs["candidates"].uuid == process.inputs.candidates.uuid
    assert process.should_describe()


def test_sampling_that_fails(iterating):
    process = iterating()
    process.ctx.sample = ended(401, "none of 1 runs gave a frame; first: exploded")
    process.inspect_sample()
    assert not process.is_going_on()
    assert not process.should_describe()
    assert_ends(process, 410, "stage melt: sampling failed: none of 1 runs gave a frame; first: exploded")


def test_sampling_that_fails_partly_goes_on(iterating):
    process = iterating()
    process.ctx.sample = ended(candidates=copper())
    process.inspect_sample()
    assert process.is_going_on()
    assert len(process.product("candidates")) == 2


# ------------------------------------------------------------------------------------------------ choose


@pytest.mark.parametrize(("criterion", "batches"), [(Criterion.GRADE, 1), (Criterion.DISAGREEMENT, 0)])
def test_a_description_is_of_the_candidates_by_the_ensemble(iterating, criterion, batches):
    """What was trained on goes with it only where the extrapolation grade is wanted."""
    process = iterating(
        2, changes={"selection": {"criterion": criterion}}, ensemble=small_ensemble(), batches={"iteration_01": copper(2, EMT)}
    )
    process.hand_over("candidates", copper(3))
    job, inputs, _ = process.make_describe("describe")
    assert job is DescribeJob
    assert inputs["settings"]["grade"] is (criterion is Criterion.GRADE)
    assert len(inputs.get("batches", {})) == batches
    assert inputs["candidates"].uuid == process.outputs["candidates"].uuid


def test_describing_that_fails(iterating):
    process = iterating()
    process.hand_over("candidates", copper())
    assert process.should_describe()
    described(process, 210, message="refused")
    assert not process.should_describe()
    process.inspect_describe()
    assert not process.should_select()
    assert process.results().status == 412


def test_a_description_is_handed_over(iterating):
    process = iterating()
    process.hand_over("candidates", copper())
    described(process, outputs={"deviation": deviation([None] * 2)})
    process.inspect_describe()
    assert process.outputs["deviation"].get_array("fingerprints").shape == (2, 2)
    assert process.should_select()


def choosing(process, candidates, refused, disagreement=None):
    process.hand_over("candidates", candidates)
    process.hand_over("deviation", deviation(refused, *([] if disagreement is None else [disagreement])).store())
    process.run_select()


def test_no_candidate_that_may_be_labelled(iterating):
    process = iterating()
    choosing(process, copper(2), ["fused", "fused"])
    assert not process.should_label()
    assert_ends(process, 411, "none of 2")


def test_choosing_that_fails(iterating):
    process = iterating()
    choosing(process, copper(2), [None])  # two candidates, one description
    assert_ends(process, 416, "expected")


def test_candidates_that_are_all_beyond_trust(iterating):
    process = iterating()
    process.hand_over("trust_levels", Dict({"lower": 0.1, "upper": 1.0}).store())
    choosing(process, copper(4), [None] * 4, disagreement=3.0)
    assert_ends(process, 417, "all 4 candidates", "1 eV/A")


def test_selection_is_stored_with_its_reasons(iterating):
    process = iterating(changes={"selection": {"budget": 3, "test_share": 0.2}})
    choosing(process, copper(10), [None] * 9 + ["fused"])
    frames = process.product("chosen")
    assert uses(process) == {"train": 3, "test": 2}
    assert len(set(frames.ids)) == 5
    for frame in frames.get_frames()[:3]:
        assert "farthest" in frame.info["origin"]["chosen"]["reason"]
    assert process.product("selection")["counts"]["refused"] == 1
    assert frames.creator.process_label == "select_frames"
    assert frames.creator.inputs.seed.value == derive_seed(1, "melt", 1, "select")
    assert {name: node.uuid for name, node in process.outputs.items()} == {
        name: node.uuid for name, node in process.ctx.products.items()
    }


def test_what_was_chosen_before_is_not_chosen_again(iterating):
    first = iterating(changes={"selection": {"budget": 3, "test_share": 0.2}})
    choosing(first, copper(10), [None] * 10)
    second = iterating(2, changes={"selection": {"budget": 30, "test_share": 0.0}},
                       fingerprints={"iteration_01": first.product("fingerprints")})  # fmt: skip
    choosing(second, copper(10), [None] * 10)
    known = set(first.product("chosen").ids)
    assert second.product("selection")["counts"]["known"] == len(known) == 5
    assert not known & set(second.product("chosen").ids)


def test_what_is_left_of_the_budget_goes_to_training_and_test_frames(iterating):
    plenty = {"selection": {"budget": 30, "test_share": 0.2}}
    process = iterating(changes=plenty, allowance=Dict({"labels": 10, "ask": False}))
    choosing(process, copper(100), [None] * 100)
    assert uses(process) == {"train": 8, "test": 2}
    process = iterating(changes=plenty, allowance=Dict({"labels": 1000, "ask": False}))
    choosing(process, copper(100), [None] * 100)
    assert uses(process) == {"train": 30, "test": 20}


def test_a_transfer_stage_draws_at_random_and_is_never_trained_on(iterating):
    process = iterating(2, "janus", 1, changes=TRANSFER, batches={"iteration_01": copper(3, EMT, first=30)})
    choosing(process, copper(10), [None] * 10)
    assert process.is_going_on()
    assert uses(process) == {"test": 4}
    process.ctx.label = ended(batch=copper(4, EMT))
    process.inspect_label()
    assert process.product("batch") is None
    assert process.product("test_batch") is None
    assert len(process.outputs["transfer_batch"]) == 4
    assert process.should_train()


def test_a_transfer_stage_without_a_label_ends_as_its_labels_did(iterating):
    process = iterating(2, "janus", 1, changes=TRANSFER, batches={"iteration_01": copper(3, EMT, first=30)})
    process.hand_over("chosen", chosen(0, 3))
    labels_made(process, 402, "none of 3 labels succeeded")
    assert not process.should_decide()
    assert process.results().status == 413


def test_a_description_that_died_once_asked_to_stop_is_no_failure(iterating):
    process = iterating(ensemble=small_ensemble(), report=told())
    process.hand_over("candidates", copper(2))
    described(process, status=310)
    process.node.caller.base.extras.set(STOP, True)
    process.inspect_describe()
    assert process.results().status == 702


def test_a_choice_that_an_earlier_campaign_made_is_labelled_as_it_is(iterating, submitted):
    frames = chosen(2)
    choice = {"selection": Dict({"counts": {}}).store(), "chosen": frames, "candidates": copper(5)}
    process = iterating(3, choice=choice)
    assert process.has_choice()
    process.take_choice()
    assert process.outputs["selection"].uuid == choice["selection"].uuid
    assert process.should_label()
    process.run_label()
    assert [key for key, _, _ in submitted] == ["label"]
    assert submitted[0][2]["frames"].uuid == frames.uuid


# ------------------------------------------------------------------------------------------------ label


def test_both_sets_are_labelled_with_the_settings_of_the_campaign(iterating, submitted):
    process = iterating()
    process.hand_over("chosen", chosen(3, 1))
    process.run_label()
    ((key, chain, inputs),) = submitted
    assert (key, chain, len(inputs["frames"])) == ("label", LabelWorkChain, 4)
    assert inputs["settings"]["calculator"]["name"] == "emt"


def test_labels_are_handed_over(iterating):
    process = iterating()
    process.hand_over("chosen", chosen(2, 1))
    labels_made(process, batch=copper(3, EMT), failures=Dict({"failed": 1}))
    made = {name: process.outputs[name] for name in ("batch", "test_batch", "failures")}
    assert (len(made["batch"]), len(made["test_batch"]), made["failures"]["failed"]) == (2, 1, 1)
    assert made["test_batch"].ids == process.product("chosen").ids[2:]
    assert process.should_train()


def test_test_frames_alone_are_nothing_to_fit_to(iterating):
    process = iterating()
    process.hand_over("chosen", chosen(2, 1))
    labels_made(process, batch=copper(1, EMT, first=2), failures=Dict({"failed": 2}))
    assert len(process.outputs["test_batch"]) == 1
    assert_ends(process, 413, "none of the 2 frames to train on has a label")


def labels_made(process, status=0, message=None, **outputs):
    process.ctx.label = ended(status, message, **outputs)
    process.inspect_label()


def labels_failed(process, status, message, **outputs):
    process.hand_over("chosen", chosen(9, 1))
    labels_made(process, status, message, **outputs)


def test_labels_that_fail_end_it_but_what_came_is_trained_on(iterating):
    process = iterating()
    labels_failed(process, 403, "8 of 10 labels failed", batch=copper(2, EMT))
    assert process.should_train()
    # that there is no fit to the few that came is no other end
    process.ctx.train = ended(406, "too few members would come of the data: got 1 frames")
    process.inspect_train()
    assert_ends(process, 418, "8 of 10")


def test_no_label_at_all(iterating):
    process = iterating()
    labels_failed(process, 402, "none of 10 labels succeeded")
    assert not process.should_train()
    assert not process.should_decide()
    assert process.results().status == 413


def test_labelling_that_fails_as_a_whole(iterating):
    process = iterating()
    labels_failed(process, 202, "the label settings do not suit the frames: no cell")
    assert_ends(process, 420, "no cell")


def test_labels_of_test_frames_alone_that_fail_do_not_end_it(iterating):
    process = iterating()
    process.hand_over("chosen", chosen(0, 3))
    labels_made(process, 402, "none of 3 labels succeeded")
    assert process.is_going_on()


# ------------------------------------------------------------------------------------------------ train


def test_it_is_trained_on_all_batches_and_tested_on_all_test_frames(iterating, submitted):
    process = iterating(
        2, batches={"iteration_01": copper(2, EMT)}, tests={"given_00_00": copper(1, EMT, first=20)},
        groups=Dict({"given_00_00": "given"}),
    )  # fmt: skip
    process.hand_over("batch", copper(3, EMT, first=5))
    process.hand_over("test_batch", copper(1, EMT, first=9))
    process.run_train()
    ((key, chain, inputs),) = submitted
    assert (key, chain) == ("train", TrainWorkChain)
    assert {name: len(node) for name, node in inputs["batches"].items()} == {"batch_iteration_01": 2, "batch_iteration_02": 3}
    assert {name: len(node) for name, node in inputs["tests"].items()} == {"test_given_00_00": 1, "test_iteration_02": 1}
    assert inputs["settings"]["seed"] == 1


def test_transfer_sets_are_named_by_their_stage(iterating, submitted):
    process = iterating(2, "janus", 1, changes=TRANSFER, batches={"iteration_01": copper(2, EMT)})
    process.hand_over("transfer_batch", copper(3, EMT, first=5))
    process.run_train()
    assert submitted[0][2]["groups"].get_dict() == {"transfer_iteration_02": "janus"}


def test_a_rule_that_needs_a_transfer_set_waits_for_one(iterating, submitted):
    stages = {**TRANSFER, "model": {"fit": {"rule": "transfer"}}}
    process = iterating(changes=stages)
    process.hand_over("batch", copper(2, EMT))
    process.run_train()
    assert submitted[0][2]["settings"]["model"]["fit"]["rule"] == "one-standard-error"


def test_an_ensemble_and_its_report_are_handed_over(iterating):
    process = iterating()
    ensemble, report = small_ensemble(), told()
    process.ctx.train = ended(ensemble=ensemble, report=report)
    process.inspect_train()
    assert process.outputs["ensemble"].uuid == ensemble.uuid
    assert process.outputs["report"].uuid == report.uuid


def test_a_fit_that_fails(iterating):
    process = iterating()
    process.ctx.train = ended(404, "the fit failed: too few frames")
    process.inspect_train()
    assert_ends(process, 414, "stage melt: training failed: the fit failed: too few frames")


def test_a_committee_that_would_be_too_small(iterating):
    process = iterating()
    process.ctx.train = ended(406, "too few members would come of the data: got 1 frames")
    process.inspect_train()
    assert_ends(process, 419, "got 1 frames")


def test_late_labels_alone_are_only_fitted_to(iterating, submitted):
    process = iterating(4, LATE_LABELS, 3, batches={"iteration_01": copper(2, EMT), "late_01": copper(1, EMT, first=9)})
    assert not process.should_choose()
    assert not process.should_label()
    assert process.should_train()
    process.run_train()
    assert len(submitted[0][2]["batches"]) == 2
    process.ctx.train = ended(ensemble=small_ensemble(), report=told())
    process.inspect_train()
    assert not process.should_decide()
    assert process.results() is None


# ------------------------------------------------------------------------------------------------ decide


def fitted(process, report=None):
    process.hand_over("selection", Dict({"accurate_share": 0.5, "counts": {}}).store())
    process.hand_over("batch", copper(2, EMT))
    process.hand_over("ensemble", small_ensemble().store())
    process.hand_over("report", (report or told()).store())


def test_a_decision_rests_on_both_reports_the_earlier_decisions_and_the_tests_of_the_stage(iterating):
    earlier = {f"iteration_{number}": Dict({"number": number, "held": False, "gain": None}).store() for number in (100, 99)}
    before = told(test_points={}).store()
    tests = {"iteration_99": copper(1, EMT, first=20), "iteration_98": copper(1, EMT, first=30)}
    stages = {"stages": [{**STAGE, "name": "melt"}, {**STAGE, "name": "again", "iterations": 9}]}
    groups = Dict({"iteration_99": "again", "iteration_98": "melt"})
    process = iterating(101, "again", 3, changes=stages, report=before, decisions=earlier, tests=tests, groups=groups)
    fitted(process)
    process.hand_over("test_batch", copper(1, EMT, first=40))
    assert process.should_decide()
    process.run_decide()
    inputs = process.outputs["decision"].creator.inputs
    assert inputs.before.uuid == before.uuid
    assert inputs.now.uuid == process.product("report").uuid
    assert [inputs[f"decision_{number:03d}"]["number"] for number in (0, 1)] == [99, 100]
    assert inputs.settings["tests"] == ["test_iteration_99", "test_iteration_101"]
    assert {name: inputs.settings[name] for name in ("stage", "iteration", "stage_iteration", "iterations", "labels")} == {
        "stage": "again", "iteration": 101, "stage_iteration": 3, "iterations": 9, "labels": 2,
    }  # fmt: skip
    assert process.outputs["decision"]["ending"] is None
    assert process.results() is None


def test_an_iteration_without_its_fit_is_not_judged(iterating):
    process = iterating()
    process.hand_over("selection", Dict({"accurate_share": 1.0, "counts": {}}).store())
    process.hand_over("batch", copper(2, EMT))
    assert not process.should_decide()


def test_an_iteration_in_which_nothing_was_worth_a_label_is_judged(iterating):
    process = iterating(2, report=told().store())
    process.hand_over("selection", Dict({"accurate_share": 1.0, "counts": {}}).store())
    assert not process.should_label()
    assert not process.should_train()
    assert process.should_decide()
    process.run_decide()
    assert process.outputs["decision"]["converged"]


def test_a_judgement_that_fails(iterating, monkeypatch):
    right = step_inputs.decision
    monkeypatch.setattr(step_inputs, "decision", lambda *given: {**right(*given), "convergence": {"accurate": 0.9}})
    process = iterating()
    fitted(process)
    process.run_decide()
    assert_ends(process, 423, "stage melt: deciding whether it converged failed: ", "unknown key 'accurate'")


# ------------------------------------------------------------------------------------------------ a person's word


def test_labels_that_are_refused_are_not_paid_for(iterating):
    process = iterating(allowance=Dict({"labels": None, "ask": True}))
    process.hand_over("chosen", chosen(2))
    process.node.base.extras.set("alworkflows_answer", {"approved": False})
    assert not process.should_ask()
    process.inspect_answer()
    assert not process.is_going_on()
    assert not process.should_label()
    assert_ends(process, 703, "2 labels were not approved")


def test_once_its_campaign_was_asked_to_stop_it_begins_nothing_new(iterating):
    process = iterating(ensemble=small_ensemble(), report=told())
    process.node.caller.base.extras.set(STOP, True)
    process.hand_over("candidates", copper(2))
    process.hand_over("deviation", deviation([None] * 2).store())
    process.hand_over("chosen", chosen(2))
    wanted = (
        "should_find_levels",
        "is_going_on",
        "should_describe",
        "should_select",
        "should_ask",
        "should_label",
        "should_train",
    )
    assert not any(getattr(process, name)() for name in wanted)
    assert_ends(process, 702, "stopped as asked, with 0 labels")


def test_asked_to_begin_nothing_new_it_keeps_the_labels_that_came_and_ends_with_a_warning(iterating):
    process = iterating()
    ask_to_stop(process.node)
    labels_failed(process, 403, "8 of 10 labels failed", batch=copper(2, EMT))
    assert len(process.outputs["batch"]) == 2
    assert not process.should_train()
    assert_ends(process, 702, "with 2 labels")


@pytest.mark.parametrize("step", ["sample", "train"])
def test_what_was_not_begun_because_a_person_said_so_is_no_failure(iterating, step):
    process = iterating()
    ask_to_stop(process.node)
    process.ctx[step] = ended(401 if step == "sample" else 404, "not begun: asked to begin nothing new")
    getattr(process, f"inspect_{step}")()
    assert process.results().status == 702


# ------------------------------------------------------------------------------------------------ what it declares


def test_exit_codes_are_never_taken_from_the_cache_and_carry_values():
    spec = IterationWorkChain.spec()
    for status, message in OF_ITERATION:
        code = spec.exit_codes[exit_label(status)]
        assert code.status == status
        assert code.invalidates_cache
        assert "{" in message


def test_all_outputs_are_optional_and_say_what_they_are():
    ports = IterationWorkChain.spec().outputs
    assert set(OUTPUTS) <= set(ports)
    assert not any(ports[name].required for name in OUTPUTS)
    assert all(ports[name].help for name in OUTPUTS)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"name": "melt", "iteration": 1}, r"expected stage_iteration \(int\)"),
        ({"name": 1, "iteration": 1, "stage_iteration": 1}, r"expected name \(str\)"),
    ],
)
def test_a_stage_that_does_not_say_which_iteration_it_is(alworkflows_code, iterating, stage, message):
    given = iterating().inputs
    with pytest.raises(ValueError, match=message):
        instantiate_process(
            get_manager().get_runner(), IterationWorkChain, code=alworkflows_code, campaign=given.campaign,
            structures=given.structures, seed=Int(1), stage=Dict(stage),
        )  # fmt: skip
