"""What a campaign does around its iterations: stages, budget, late labels, given data, ends; its children have ended already."""

import pytest
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import CalcJobNode, Dict, WorkChainNode
from pieces import assert_ends, copper, deviation, noted, small_ensemble
from records import iteration, returned, store

from workchains.calculations.evaluate_job import EvaluateJob
from workchains.loop.active_learning import ActiveLearningWorkChain
from workchains.loop.exit_codes import OF_CAMPAIGN, OF_GIVEN, OF_ITERATION
from workchains.loop.given import GivenDataWorkChain
from workchains.loop.iteration import LATE_LABELS, IterationWorkChain
from workchains.loop.products import PRODUCTS
from workchains.processes.exit_statuses import CampaignStatus, exit_label
from workchains.processes.queueing import STOP

EMT = {"name": "emt"}
RATTLE = {"sampler": {"name": "rattle"}, "structures": ["cell"], "iterations": 2}


def decided(ending=None, **more):
    return Dict({"ending": ending, "sentence": f"ended by {ending}", "stage": "melt", **more})


def inspected(campaign, number, stage="melt", stage_iteration=None, children=(), **options):
    """Let an iteration of a campaign end, as told, and the campaign look at it."""
    told = options.pop("outputs", {})
    given = options.pop("inputs", None)
    node = iteration(campaign.node, number, stage, stage_iteration or number, "finished", given, outputs=told, **options)
    for key, child in children:
        store(WorkChainNode, "Step", caller=node, key=key, **child)
    campaign.ctx.update(iteration=number, stage_iteration=stage_iteration or number, current=node)
    campaign.inspect_iteration()
    return node


# ------------------------------------------------------------------------------------------------ start


def test_structures_that_cannot_be_built_end_the_campaign(starting):
    campaign = starting(species=["Cu"])
    assert not campaign.should_iterate()
    assert_ends(campaign, 201, "not one of the campaign's (Cu)")


def test_structures_are_built_once_and_handed_over(starting):
    campaign = starting()
    assert campaign.outputs["structures"].creator.process_label == "build_structures"
    assert campaign.should_iterate()


@pytest.mark.parametrize(
    ("campaign", "message"),
    [
        ({"name": "x"}, "species"),
        ({"speces": 1}, "did you mean 'species'"),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused_at_the_door(alworkflows_code, campaign, message):
    with pytest.raises(ValueError, match=message):
        instantiate_process(get_manager().get_runner(), ActiveLearningWorkChain, code=alworkflows_code, campaign=Dict(campaign))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": [{**RATTLE, "name": "melt", "train": False}]}, "first stage has to train"),
        ({"model": {"fit": {"rule": "transfer"}}}, "needs a transfer set"),
    ],
)
def test_transfer_sets_that_make_no_sense_are_refused(starting, change, message):
    with pytest.raises(ValueError, match=message):
        starting(**change)


# ------------------------------------------------------------------------------------------------ given data

GIVEN = {"given_00_00": {"use": "train", "test_share": 0.1}}


@pytest.fixture
def given():
    """Return the inputs of a campaign that begins with five labelled frames."""
    return {"given": {"sources": {"given_00_00": copper(5, EMT, first=50)}, "uses": Dict(GIVEN)}}


def test_given_frames_are_a_child_of_their_own(starting, given, submitted):
    campaign = starting(given)
    assert campaign.has_given()
    campaign.run_given()
    ((key, chain, inputs),) = submitted
    assert (key, chain) == ("given", GivenDataWorkChain)
    assert inputs["uses"].get_dict() == GIVEN
    assert not starting().has_given()


def test_what_came_of_given_frames_is_taken_over(starting, given):
    campaign = starting(given)
    frames, tests = given["given"]["sources"]["given_00_00"], copper(1, EMT, first=70)
    marks = deviation([None] * 5)
    outputs = {
        "batches__given_00_00": frames, "tests__given_00_00": tests, "fingerprints__given_00_00": marks,
        "ensemble": small_ensemble(), "report": Dict({}),
    }  # fmt: skip
    campaign.ctx.given = store(WorkChainNode, "GivenDataWorkChain", outputs=outputs)
    campaign.inspect_given()
    assert campaign.products("batches")["given_00_00"].uuid == frames.uuid
    assert campaign.ctx.groups == {"given_00_00": "given"}
    assert campaign.last("ensembles").uuid == campaign.outputs["ensembles"]["iteration_00"].uuid
    assert set(campaign.products("fingerprints")) == {"given_00_00"}
    assert campaign.labels_paid() == 0  # they were there
    assert campaign.should_iterate()


@pytest.mark.parametrize("status", [code[0] for code in OF_GIVEN if code[0] != 702])
def test_it_ends_as_what_it_did_with_given_frames(starting, given, status):
    campaign = starting(given)
    campaign.ctx.given = store(WorkChainNode, "GivenDataWorkChain", status=status, message="that is why")
    campaign.inspect_given()
    assert not campaign.should_iterate()
    code = campaign.results()
    assert (code.status, code.message) == (status, "that is why")


def test_given_frames_that_broke_off_are_told(starting, given):
    campaign = starting(given)
    campaign.ctx.given = store(WorkChainNode, "GivenDataWorkChain", state="killed")
    campaign.inspect_given()
    code = campaign.results()
    assert code.status == 424
    assert code.message == "the work on given frames broke off: killed"


# ------------------------------------------------------------------------------------------------ an iteration


def test_an_iteration_is_told_its_place_and_gets_what_there_is(starting, submitted):
    campaign = starting(selection={"core_hours": None}, budget={"labels": 30})
    campaign.take_stock()
    campaign.run_iteration()
    ((key, chain, inputs),) = submitted
    assert (key, chain) == ("iteration_01", IterationWorkChain)
    assert inputs["stage"].get_dict() == {"name": "melt", "iteration": 1, "stage_iteration": 1}
    assert inputs["allowance"].get_dict() == {"labels": 30, "ask": False}
    assert not {"batches", "ensemble", "report", "decisions", "fingerprints", "candidates", "ahead"} & set(inputs)
    made = {"batch": copper(3, EMT), "test_batch": copper(1, EMT, first=9), "ensemble": small_ensemble(), "report": Dict({}),
            "fingerprints": deviation([None]), "decision": decided()}  # fmt: skip
    inspected(campaign, 1, outputs=made)
    campaign.run_iteration()
    key, _, inputs = submitted[1]
    assert key == "iteration_02"
    assert inputs["stage"].get_dict() == {"name": "melt", "iteration": 2, "stage_iteration": 2}
    assert inputs["allowance"]["labels"] == 26
    assert inputs["groups"].get_dict() == {"iteration_01": "melt"}
    for name, output in (
        ("batches", "batch"),
        ("tests", "test_batch"),
        ("fingerprints", "fingerprints"),
        ("decisions", "decision"),
    ):
        assert {key: node.uuid for key, node in inputs[name].items()} == {"iteration_01": made[output].uuid}
    assert (inputs["ensemble"].uuid, inputs["report"].uuid) == (made["ensemble"].uuid, made["report"].uuid)


def test_decisions_of_other_stages_are_none_of_an_iterations_business(starting, submitted):
    campaign = starting()
    inspected(campaign, 1, outputs={"decision": decided("converged")})
    assert campaign.ctx.stage == 1
    campaign.run_iteration()
    ((_, _, inputs),) = submitted
    assert inputs["stage"].get_dict() == {"name": "again", "iteration": 2, "stage_iteration": 1}
    assert "decisions" not in inputs


def test_all_that_an_iteration_made_is_handed_over_under_its_key(starting):
    campaign = starting()
    frames = {
        name: copper(2, EMT, first=10 * k) for k, name in enumerate(("candidates", "batch", "test_batch", "transfer_batch"))
    }
    made = {**frames, "ensemble": small_ensemble(), "fingerprints": deviation([None]), "decision": decided()}
    made |= {name: Dict({"name": name}) for name in ("report", "selection", "trust_levels", "failures")}
    assert set(made) == set(PRODUCTS)
    inspected(campaign, 7, outputs=made)
    for output, namespace in PRODUCTS.items():
        assert campaign.outputs[namespace]["iteration_07"].uuid == made[output].uuid
    assert campaign.ctx.groups == {"iteration_07": "melt"}
    assert campaign.labels_paid() == 6


def test_products_are_in_the_order_of_their_numbers(starting):
    campaign = starting()
    for number in (100, 99, 9):
        campaign.hand_over_of("reports", f"iteration_{number:02d}", Dict({"number": number}).store())
    assert list(campaign.products("reports")) == ["iteration_09", "iteration_99", "iteration_100"]
    assert campaign.last("reports")["number"] == 100


def statements(action):
    """Return how many statements the database gets in an action."""
    from sqlalchemy import event

    bind, counted = get_manager().get_profile_storage().get_session().get_bind(), []

    def count(*_):
        counted.append(1)

    event.listen(bind, "before_cursor_execute", count)
    try:
        action()
    finally:
        event.remove(bind, "before_cursor_execute", count)
    return len(counted)


def test_what_it_takes_to_begin_an_iteration_grows_by_a_few_statements_with_each_before(starting, monkeypatch):
    """One for each thing that it is given of an earlier iteration, besides the links that AiiDA writes: 5 were counted."""
    monkeypatch.setattr(ActiveLearningWorkChain, "submit_once", lambda self, *_, **inputs: self.node)
    took = {}
    for count in (3, 12):
        campaign = starting(budget={"labels": 10**6})
        for number in range(1, count + 1):
            made = {"batches": copper(1, EMT, first=number), "tests": copper(1, EMT, first=500 + number)}
            made |= {
                "decisions": decided(),
                "reports": Dict({}),
                "fingerprints": deviation([None]),
                "ensembles": small_ensemble(),
            }
            for namespace, node in made.items():
                campaign.hand_over_of(namespace, f"iteration_{number:02d}", node.store())
        campaign.ctx.update(iteration=count, stage_iteration=1)
        took[count] = statements(campaign.run_iteration)
    print(f"statements to begin an iteration: {took}")
    assert took[12] - took[3] <= 6 * 9


@pytest.mark.parametrize("status", [status for status, _ in OF_ITERATION if status != CampaignStatus.STOPPED])
def test_it_ends_as_an_iteration_did(starting, status):
    campaign = starting()
    batch = copper(2, EMT)
    inspected(campaign, 1, status=status, message="stage melt: that is why", outputs={"batch": batch})
    assert campaign.outputs["batches"]["iteration_01"].uuid == batch.uuid
    assert not campaign.should_iterate()
    assert not campaign.should_train_late()
    code = campaign.results()
    assert (code.status, code.message) == (status, "stage melt: that is why")
    assert code.invalidates_cache
    assert campaign.exit_codes[exit_label(status)].status == status


@pytest.mark.parametrize(("state", "said"), [("killed", "killed"), ("excepted", "KeyError: 'x'"), ("finished", "unheard of")])
def test_an_iteration_that_broke_off_ends_it_with_what_it_had(starting, state, said):
    campaign = starting()
    batch = copper(2, EMT)
    node = iteration(campaign.node, 3, "melt", 3, "running", outputs={"batch": batch})
    node.set_process_state(state)
    if state == "excepted":
        node.set_exception("Traceback ...\nKeyError: 'x'\n")
    if state == "finished":
        node.set_exit_status(999)
        node.set_exit_message("unheard of")
    campaign.ctx.update(iteration=3, stage_iteration=3, current=node)
    campaign.inspect_iteration()
    assert campaign.outputs["batches"]["iteration_03"].uuid == batch.uuid
    code = campaign.results()
    assert code.status == 424
    assert code.message == f"iteration_03 (stage melt) broke off: {said}"


def test_the_first_failure_is_the_one_that_is_told(starting):
    campaign = starting()
    inspected(campaign, 1, status=418, message="too many labels failed")
    inspected(campaign, 2, status=410, message="sampling failed")
    assert campaign.results().message == "too many labels failed"


# ------------------------------------------------------------------------------------------------ stages


def test_stages_advance_when_they_converge_or_their_iterations_are_used_up(starting):
    campaign = starting()
    inspected(campaign, 1, outputs={"decision": decided()})
    assert (campaign.ctx.stage, campaign.ctx.stage_iteration) == (0, 1)
    assert campaign.should_iterate()
    inspected(campaign, 2, outputs={"decision": decided("converged")})
    assert (campaign.ctx.stage, campaign.ctx.stage_iteration) == (1, 0)
    assert campaign.should_iterate()
    inspected(campaign, 3, "again", 1, outputs={"decision": decided("fixed")})
    assert campaign.ctx.stage == 2
    assert not campaign.should_iterate()
    assert campaign.results() is None


@pytest.mark.parametrize("ending", ["iterations", "no gain"])
def test_a_stage_that_did_not_converge_is_told_at_the_end(starting, ending):
    campaign = starting(stages=[{**RATTLE, "name": "melt"}])
    sentence = "not converged after its 2 iterations: 40% of the candidates"
    inspected(campaign, 2, outputs={"decision": decided(ending, sentence=sentence), "batch": copper(3, EMT)})
    code = campaign.results()
    assert code.status == 704
    assert code.message == f"all stages are done with 3 labels, but not all converged: melt: {sentence}"


# ------------------------------------------------------------------------------------------------ budget


def test_the_budget_of_labels(starting):
    campaign = starting(budget={"labels": 2})
    campaign.take_stock()
    assert campaign.should_iterate()
    inspected(campaign, 1, outputs={"batch": copper(2, EMT)})
    campaign.take_stock()
    assert not campaign.should_iterate()
    assert_ends(campaign, 701, "stage melt: the budget is used up: 2 labels of 2")


def test_given_labels_were_not_paid_for(starting, given):
    campaign = starting(given, budget={"labels": 2})
    campaign.hand_over_of("batches", "given_00_00", given["given"]["sources"]["given_00_00"])
    campaign.take_stock()
    assert campaign.should_iterate()


def test_the_time(starting):
    campaign = starting(budget={"hours": 1e-6})
    campaign.take_stock()
    assert not campaign.should_iterate()
    assert_ends(campaign, 705, "1e-06 hours")


def test_core_hours_are_looked_up_only_where_they_are_limited(starting, monkeypatch):
    from workchains.loop import state

    asked = []
    monkeypatch.setattr(state, "costs", lambda node: asked.append(node) or NotImplemented)
    campaign = starting(budget={"labels": 5})
    campaign.take_stock()
    campaign.spent()
    assert not asked


def test_once_asked_to_stop_no_iteration_begins(starting):
    campaign = starting()
    campaign.node.base.extras.set(STOP, True)
    campaign.take_stock()
    assert not campaign.should_iterate()
    assert_ends(campaign, 702, "stopped as asked, with 0 labels")


def test_an_iteration_that_stopped_as_asked_is_told_of_the_whole_campaign(starting):
    campaign = starting()
    campaign.node.base.extras.set(STOP, True)
    inspected(campaign, 1, outputs={"batch": copper(2, EMT), "decision": decided()})
    inspected(campaign, 2, status=702, message="stopped, with 3 labels", outputs={"batch": copper(3, EMT, first=20)})
    campaign.take_stock()
    assert_ends(campaign, 702, "with 5 labels")


# ------------------------------------------------------------------------------------------------ labels that come late


def fitted(*batches):
    """Return an ensemble that was fitted to some batches."""
    ensemble = small_ensemble()
    inputs = {f"batches__batch_{number}": batch for number, batch in enumerate(batches)}
    store(CalcJobNode, "FitJob", inputs=inputs, outputs={"ensemble": ensemble})
    return ensemble


@pytest.fixture
def late(starting, make_frames):
    """Return a campaign whose first iteration went on with six of ten labels; ``chain`` is what labels."""
    from workchains.data.frames import FramesData

    campaign = starting(overlap={"share": 0.5})
    whole = FramesData.from_frames(make_frames(10, labelled=True), {"engine": EMT})
    part = FramesData.from_frames(make_frames(6, labelled=True), {"engine": EMT})
    node = iteration(campaign.node, 1)
    chosen = noted(make_frames(10), ["train"] * 10)
    chain = store(WorkChainNode, "LabelWorkChain", caller=node, key="label", state="running", inputs={"frames": chosen})
    store(CalcJobNode, "LabelJob", caller=chain, key="label_000", outputs={"labelled": part})
    early = FramesData.from_frames(make_frames(6, labelled=True), {"engine": EMT})
    store(WorkChainNode, "divide_labels", caller=node, key="label_early", outputs={"train": early})
    returned(node, chosen=chosen, batch=early, ensemble=fitted(early))
    node.set_exit_status(0)
    node.set_process_state("finished")
    campaign.ctx.update(iteration=1, stage_iteration=1, current=node)
    campaign.inspect_iteration()
    campaign.chain, campaign.whole, campaign.frames = chain, whole, make_frames(10, labelled=True)
    return campaign


def test_labels_that_are_on_their_way_are_waited_for_and_become_a_batch_of_their_own(late):
    from workchains.data.frames import FramesData

    assert late.should_await_late()
    late.collect_late()
    assert set(late.ctx.products["batches"]) == {"iteration_01"}
    # the last four come, and the step ends before it could put all together
    part = FramesData.from_frames(late.frames[6:], {"engine": EMT})
    store(CalcJobNode, "LabelJob", caller=late.chain, key="label_001", outputs={"labelled": part})
    late.chain.set_process_state("killed")
    assert not late.should_await_late()
    late.collect_late()
    assert late.products("batches")["late_01"].ids == part.ids
    assert late.products("batches")["late_01"].creator.inputs.about.get_dict() == {"stage": "melt", "iteration": 1}
    assert not late.ctx.late
    assert late.labels_paid() == 10
    assert late.should_train_late()


def test_a_step_that_put_its_labels_together_is_taken_at_its_word_with_its_failures(late):
    from workchains.data.frames import FramesData

    failures, part = Dict({"failed": 0}), FramesData.from_frames(late.frames[6:], {"engine": EMT})
    store(CalcJobNode, "LabelJob", caller=late.chain, key="label_001", outputs={"labelled": part})
    returned(late.chain, batch=late.whole, failures=failures)
    late.chain.set_exit_status(0)
    late.chain.set_process_state("finished")
    late.collect_late()
    assert late.products("batches")["late_01"].ids == late.whole.ids[6:]
    assert late.outputs["failures"]["iteration_01"].uuid == failures.uuid


def test_no_label_more_is_no_batch_more(late):
    late.chain.set_process_state("killed")
    late.collect_late()
    assert not late.ctx.late
    assert set(late.ctx.products["batches"]) == {"iteration_01"}
    assert not late.should_train_late()


def test_late_labels_are_fitted_to_in_an_iteration_of_their_own(late, submitted):
    from workchains.data.frames import FramesData

    part = FramesData.from_frames(late.frames[6:], {"engine": EMT})
    store(CalcJobNode, "LabelJob", caller=late.chain, key="label_001", outputs={"labelled": part})
    late.chain.set_process_state("killed")
    late.collect_late()
    late.run_train_late()
    ((key, chain, inputs),) = submitted
    assert (key, chain) == ("iteration_02", IterationWorkChain)
    assert inputs["stage"].get_dict() == {"name": LATE_LABELS, "iteration": 2, "stage_iteration": 1}
    assert inputs["allowance"].get_dict() == {"labels": 0, "ask": False}
    batches = late.products("batches").values()
    inspected(late, 2, LATE_LABELS, outputs={"ensemble": fitted(*batches), "report": Dict({})})
    assert not late.should_train_late()
    assert late.results() is None


def test_a_stop_while_late_labels_are_fitted_to_is_told(late):
    from workchains.data.frames import FramesData

    part = FramesData.from_frames(late.frames[6:], {"engine": EMT})
    store(CalcJobNode, "LabelJob", caller=late.chain, key="label_001", outputs={"labelled": part})
    late.chain.set_process_state("killed")
    late.collect_late()
    late.node.base.extras.set(STOP, True)
    inspected(late, 2, LATE_LABELS, status=702, message="stopped")
    assert late.results().status == 702


@pytest.mark.parametrize(("status", "used"), [(701, True), (702, False), (414, False)])
def test_late_labels_are_used_where_the_budget_ended_the_campaign(late, status, used):
    from workchains.data.frames import FramesData

    part = FramesData.from_frames(late.frames[6:], {"engine": EMT})
    store(CalcJobNode, "LabelJob", caller=late.chain, key="label_001", outputs={"labelled": part})
    late.chain.set_process_state("killed")
    late.collect_late()
    late.ctx.failure = (status, "ended")
    assert late.should_train_late() is used


def test_labels_that_are_still_made_count_as_bought(late):
    assert late.spent().labels == 10
    late.chain.set_process_state("killed")
    assert late.spent().labels == 6


def test_late_test_frames_are_of_the_stage_they_were_drawn_in(starting, make_frames):
    from workchains.data.frames import FramesData

    campaign = starting()
    frames = make_frames(4, labelled=True)
    early = FramesData.from_frames(frames[:1], {"engine": EMT})
    chosen = noted(make_frames(4), ["test"] * 4)
    children = [("label", {"state": "killed", "inputs": {"frames": chosen}}), ("label_early", {})]
    node = inspected(campaign, 1, outputs={"test_batch": early, "chosen": chosen}, children=children)
    chain = next(child for child in node.called if child.is_killed)
    part = FramesData.from_frames(frames, {"engine": EMT})
    store(CalcJobNode, "LabelJob", caller=chain, key="label_000", outputs={"labelled": part})
    campaign.ctx.iteration = 5
    campaign.collect_late()
    assert campaign.products("tests")["late_01"].ids == part.ids[1:]
    assert campaign.ctx.groups == {"iteration_01": "melt", "late_01": "melt"}


# ------------------------------------------------------------------------------------------------ sampling ahead

DRIVEN = {**RATTLE, "sampler": {"name": "surface-melt"}}


@pytest.mark.parametrize(
    ("stages", "stage", "number", "coming"),
    [
        ([RATTLE, RATTLE], 0, 1, (0, 2)),
        ([RATTLE, RATTLE], 0, 2, (1, 1)),
        ([RATTLE, RATTLE], 1, 2, None),
        ([RATTLE, DRIVEN], 0, 2, None),
        ([RATTLE, DRIVEN], 1, 1, None),
    ],
)
def test_samples_come_before_their_turn_only_from_samplers_that_need_no_ensemble(starting, stages, stage, number, coming):
    stages = [{**values, "name": f"stage-{index}"} for index, values in enumerate(stages)]
    campaign = starting(stages=stages, overlap={"sample_ahead": True})
    campaign.ctx.update(stage=stage, stage_iteration=number)
    assert campaign.coming() == coming
    campaign = starting(stages=stages)
    campaign.ctx.update(stage=stage, stage_iteration=number)
    assert campaign.coming() is None


def sampled_ahead(campaign, name="melt", number=2, **child):
    ahead = Dict({"name": name, "stage_iteration": number})
    inspected(campaign, 1, inputs={"ahead": ahead}, outputs={"decision": decided()}, children=[("sample_ahead", child)])


def test_what_was_sampled_before_its_turn_is_waited_for_and_used(starting, submitted):
    campaign = starting(overlap={"sample_ahead": True})
    sampled_ahead(campaign, state="running")
    chain = campaign.candidates_ahead()
    assert campaign.should_await_candidates()
    candidates = copper(4)
    returned(chain, candidates=candidates)
    chain.set_exit_status(0)
    chain.set_process_state("finished")
    assert not campaign.should_await_candidates()
    campaign.run_iteration()
    ((_, _, inputs),) = submitted
    assert inputs["candidates"].uuid == candidates.uuid
    assert inputs["ahead"].get_dict() == {"name": "again", "stage_iteration": 1}


def test_what_was_sampled_in_vain_is_sampled_in_its_turn(starting, submitted):
    campaign = starting(overlap={"sample_ahead": True})
    sampled_ahead(campaign, status=401)
    campaign.run_iteration()
    assert "candidates" not in submitted[0][2]


def test_what_was_sampled_for_an_iteration_that_never_comes_is_not_waited_for(starting):
    campaign = starting(overlap={"sample_ahead": True})
    sampled_ahead(campaign, state="running")
    campaign.ctx.update(stage=1, stage_iteration=0)  # the stage converged before
    assert not campaign.should_await_candidates()


# ------------------------------------------------------------------------------------------------ the last judgement


def judged(starting, **job):
    campaign = starting()
    assert not campaign.should_evaluate()
    made = {"ensemble": small_ensemble(), "report": Dict({}), "test_batch": copper(1, EMT)}
    inspected(campaign, 1, outputs=made)
    assert campaign.should_evaluate()
    store(CalcJobNode, "EvaluateJob", caller=campaign.node, key="evaluate", **job)
    assert campaign.has_evaluated()
    assert not campaign.should_evaluate()
    campaign.inspect_evaluate()
    return campaign


def test_a_judgement_that_fails(starting):
    code = judged(starting, status=210, message="refused").results()
    assert code.status == 415
    assert "refused" in code.message


def test_a_judgement_is_handed_over_with_the_last_ensemble(starting):
    campaign = judged(starting, outputs={"report": Dict({"errors": []})})
    assert campaign.results() is None
    assert campaign.outputs["evaluation"].get_dict() == {"errors": []}
    assert campaign.outputs["ensemble"].uuid == campaign.outputs["ensembles"]["iteration_01"].uuid


def test_a_judgement_that_fails_is_no_other_end(starting):
    campaign = starting()
    inspected(campaign, 1, status=418, message="too many labels failed",
              outputs={"ensemble": small_ensemble(), "test_batch": copper(1, EMT)})  # fmt: skip
    store(CalcJobNode, "EvaluateJob", caller=campaign.node, key="evaluate", status=210)
    campaign.inspect_evaluate()
    assert campaign.results().status == 418


def test_every_ensemble_is_judged_on_all_test_frames_by_stage(starting):
    campaign = starting()
    for number in (100, 99):
        inspected(campaign, number, outputs={"ensemble": small_ensemble(), "test_batch": copper(1, EMT, first=number)})
    job, inputs, _ = campaign.make_evaluate("evaluate")
    assert job is EvaluateJob
    assert list(inputs["ensembles"]) == ["iteration_99", "iteration_100"]
    assert list(inputs["tests"]) == ["test_iteration_99", "test_iteration_100"]
    assert set(inputs["groups"].get_dict().values()) == {"melt"}


# ------------------------------------------------------------------------------------------------ what it declares


def test_it_ends_in_all_ways_that_an_iteration_does_and_in_some_of_its_own():
    spec = ActiveLearningWorkChain.spec()
    for status, message in (*OF_CAMPAIGN, *OF_ITERATION):
        code = spec.exit_codes[exit_label(status)]
        assert (code.status, code.message) == (status, message)
        assert code.invalidates_cache
        assert "{" in message
    statuses = [code[0] for code in (*OF_CAMPAIGN, *OF_ITERATION)]
    assert len(set(statuses)) == len(statuses)


def test_its_children_are_few(starting, given, submitted):
    """No step of an iteration is a child of the campaign."""
    campaign = starting(given)
    campaign.run_given()
    campaign.run_iteration()
    links = campaign.node.base.links.get_outgoing().all()
    assert {link.link_label: link.node.process_label for link in links} == {
        "given": "GivenDataWorkChain",
        "iteration_01": "IterationWorkChain",
    }
