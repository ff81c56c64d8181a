"""The loop's decisions and its exit codes, with finished children put in place of running ones."""

import numpy as np
import pytest
from aiida.common import LinkType
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import ArrayData, CalcJobNode, Dict, WorkChainNode
from ase.build import bulk
from judged import frame_errors

from alworkflows import frames as frames_io
from alworkflows.calculators import describe
from alworkflows.errors import InputError
from alworkflows.settings import CalculatorSettings
from workchains.data.frames import FramesData
from workchains.loop.active_learning import ActiveLearningWorkChain
from workchains.loop.approval import give_answer, open_question
from workchains.loop.ports import EXIT_CODES
from workchains.processes.naming import derive_seed
from workchains.processes.queueing import STOP, ask_to_stop

STAGE = {
    "name": "melt",
    "sampler": {"name": "melt", "potential": {"style": "morse", "species": ["Cu"], "pairs": {}}},
    "structures": ["copper"],
    "iterations": 2,
    "convergence": {"accurate_share": 0.9},
}


@pytest.fixture
def process(aiida_profile_clean, aiida_code_installed):
    """Return a function that makes a campaign that has not started."""

    def _process(**changes):
        campaign = {
            "name": "copper",
            "species": ["Cu"],
            "structures": {"copper": {"prototype": "zno-wurtzite"}},
            "stages": [STAGE, {**STAGE, "name": "again"}],
            **changes,
        }
        code = aiida_code_installed(filepath_executable="/bin/true", label="alworkflows")
        made = instantiate_process(get_manager().get_runner(), ActiveLearningWorkChain, code=code, campaign=Dict(campaign))
        made.setup()
        made.ctx.update(stage=0, stage_iteration=1, iteration=1, failure=None, selected=None, test=None)
        return made

    return _process


def frames(count=2, engine=None):
    made = []
    for index in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=index)
        made.append(atoms)
    return FramesData.from_frames(made, {"engine": engine}).store()


def child(cls=WorkChainNode, status=0, message=None, caller=None, key=None, **outputs):
    """Return a finished child with outputs, called by a campaign under a key."""
    node = cls()
    if caller is not None:
        node.base.links.add_incoming(caller.node, link_type=LinkType.CALL_CALC, link_label=key)
    node.set_exit_status(status)
    node.set_process_state("finished")
    if message:
        node.set_exit_message(message)
    node.store()
    for name, value in outputs.items():
        link = LinkType.CREATE if cls is CalcJobNode else LinkType.RETURN
        value.base.links.add_incoming(node, link_type=link, link_label=name)
        value.store()
    return node


def ended(process):
    return process.results()


def test_structures_that_cannot_be_built_end_the_campaign(process):
    campaign = process(species=["Cu"], structures={"copper": {"prototype": "zno-wurtzite"}})
    campaign.setup()
    code = ended(campaign)
    assert code.status == 201
    assert "not one of the campaign's (Cu)" in code.message


def test_sampling_that_fails(process):
    campaign = process()
    campaign.ctx.sample = child(status=401, message="none of 1 runs gave a frame; first: exploded")
    campaign.inspect_sample()
    assert not campaign.is_going_on()
    code = ended(campaign)
    assert code.status == 410
    assert "exploded" in code.message


def test_sampling_that_fails_partly_goes_on(process):
    campaign = process()
    campaign.ctx.sample = child(candidates=frames())
    campaign.inspect_sample()
    assert campaign.is_going_on()
    assert len(campaign.made("candidates")) == 2


def deviation(refused, disagreement=np.nan):
    node = ArrayData()
    node.set_array("disagreement", np.full(len(refused), disagreement))
    node.set_array("fingerprints", np.arange(2.0 * len(refused)).reshape(-1, 2))
    node.base.attributes.set("refused", refused)
    return node


def test_no_candidate_that_may_be_labelled(process):
    campaign = process()
    campaign.keep("candidates", frames(2))
    campaign.ctx.deviation = deviation(["fused", "fused"]).store()
    campaign.run_select()
    code = ended(campaign)
    assert code.status == 411
    assert "none of 2" in code.message


def test_selection_is_stored_with_its_reasons(process):
    campaign = process(selection={"budget": 3, "test_share": 0.2})
    campaign.keep("candidates", frames(10))
    campaign.ctx.deviation = deviation([None] * 9 + ["fused"]).store()
    campaign.run_select()
    assert len(campaign.ctx.selected) == 3
    assert len(campaign.ctx.test) == 2
    assert not set(campaign.ctx.selected.ids) & set(campaign.ctx.test.ids)
    for frame in campaign.ctx.selected.get_frames():
        assert "farthest" in frame.info["origin"]["chosen"]["reason"]
    assert campaign.made("selections")["counts"]["refused"] == 1
    assert campaign.ctx.selected.creator.process_label == "select_frames"


def test_describing_that_fails(process):
    campaign = process()
    assert campaign.should_deviate()
    child(CalcJobNode, status=210, message="refused", caller=campaign, key="iteration_01_deviate")
    assert not campaign.should_deviate()
    campaign.inspect_deviate()
    assert ended(campaign).status == 412


def test_labels_that_fail_end_the_campaign_but_what_came_is_trained_on(process):
    campaign = process()
    campaign.ctx.labelling = ["label"]
    campaign.ctx.label = child(status=403, message="8 of 10 labels failed", batch=frames(engine={"name": "emt"}))
    campaign.inspect_label()
    assert campaign.should_train()
    # that there is no fit to the few that came is no other end
    campaign.ctx.train = child(status=406, message="too few members would come of the data: got 1 frames")
    campaign.inspect_train()
    code = ended(campaign)
    assert code.status == 418
    assert "8 of 10" in code.message


def test_no_label_at_all(process):
    campaign = process()
    campaign.ctx.labelling = ["label"]
    campaign.ctx.label = child(status=402, message="none of 10 labels succeeded")
    campaign.inspect_label()
    assert not campaign.should_train()
    assert ended(campaign).status == 413


def test_labelling_that_fails_as_a_whole(process):
    campaign = process()
    campaign.ctx.labelling = ["label"]
    campaign.ctx.label = child(status=202, message="the label settings do not suit the frames: no cell")
    campaign.inspect_label()
    code = ended(campaign)
    assert code.status == 420
    assert "no cell" in code.message


def test_test_labels_that_fail_do_not_end_it(process):
    campaign = process()
    campaign.ctx.labelling = ["label_test"]
    campaign.ctx.label_test = child(status=402, message="none of 3 labels succeeded")
    campaign.inspect_label()
    assert campaign.is_going_on()


def test_a_fit_that_fails(process):
    campaign = process()
    campaign.ctx.train = child(status=404, message="the fit failed: too few frames")
    campaign.inspect_train()
    code = ended(campaign)
    assert code.status == 414
    assert "too few frames" in code.message


def test_a_committee_that_would_be_too_small(process):
    campaign = process()
    campaign.ctx.train = child(status=406, message="too few members would come of the data: got 1 frames")
    campaign.inspect_train()
    code = ended(campaign)
    assert code.status == 419
    assert "got 1 frames" in code.message


def test_a_judgement_that_fails(process):
    campaign = process()
    assert campaign.should_evaluate()
    child(CalcJobNode, status=210, message="refused", caller=campaign, key="evaluate")
    assert not campaign.should_evaluate()
    campaign.inspect_evaluate()
    assert ended(campaign).status == 415


def test_the_budget_of_labels(process):
    campaign = process(budget={"labels": 2})
    assert campaign.should_iterate()
    campaign.keep("batches", frames(2))
    campaign.keep("batches", frames(5), "given_00_00_train")
    assert not campaign.should_iterate()
    code = ended(campaign)
    assert code.status == 701
    assert "2 labels of 2" in code.message


def test_the_time(process):
    campaign = process(budget={"hours": 1e-6})
    assert not campaign.should_iterate()
    code = ended(campaign)
    assert code.status == 705
    assert "1e-06 hours" in code.message


def test_what_is_left_of_the_budget_goes_to_training_and_test_frames(process):
    campaign = process(budget={"labels": 10}, selection={"budget": 30, "test_share": 0.2})
    values = campaign.selection_settings(100)
    assert values["budget_now"] + round(values["test_share"] * 100) == 10
    assert values["budget_now"] == 8
    plenty = process(budget={"labels": 1000}, selection={"budget": 30, "test_share": 0.2}).selection_settings(100)
    assert (plenty["budget_now"], plenty["test_share"]) == (30, 0.2)


def selection(share):
    return Dict({"accurate_share": share, "counts": {}}).store()


def test_stages_advance_when_they_converge_or_their_iterations_are_used_up(process):
    campaign = process()
    campaign.keep("selections", selection(0.5))
    campaign.run_judge()
    assert (campaign.ctx.stage, campaign.ctx.stage_iteration) == (0, 1)
    assert campaign.made("decisions")["ending"] is None
    assert campaign.should_iterate()
    campaign.keep("selections", selection(0.95))
    campaign.run_judge()
    assert (campaign.ctx.stage, campaign.ctx.stage_iteration) == (1, 0)
    assert campaign.made("decisions")["converged"]
    assert campaign.should_iterate()
    campaign.keep("selections", selection(0.95))
    campaign.run_judge()
    assert campaign.ctx.stage == 2
    assert not campaign.should_iterate()
    assert ended(campaign) is None


def test_a_stage_that_did_not_converge_is_told_at_the_end(process):
    campaign = process(stages=[STAGE])
    for share in (0.2, 0.4):
        campaign.keep("selections", selection(share))
        campaign.run_judge()
        campaign.should_iterate()
    code = ended(campaign)
    assert code.status == 704
    assert "melt: not converged after its 2 iterations: 40% of the candidates" in code.message


def test_an_iteration_without_its_fit_is_not_judged(process):
    campaign = process()
    campaign.keep("selections", selection(1.0))
    campaign.keep("batches", frames(2))
    campaign.run_judge()
    assert not campaign.ctx.decisions


def test_levels_that_make_no_sense_end_the_campaign(process, monkeypatch):
    campaign = process(selection={"levels": {"kind": "relative"}})
    points = frame_errors([0.1] * 29, 0.1 * np.arange(1, 30)).model_dump(mode="json")
    report = Dict({"test_points": {"test_iteration_01": points}}).store()
    monkeypatch.setattr(type(campaign), "ensemble", lambda _: Fitted())
    campaign.keep("reports", report)
    campaign.ctx.ensembles = {"iteration_01": 1}
    campaign.ctx.update(tests={"iteration_01": frames()}, groups={"iteration_01": "melt"}, iteration=2)
    campaign.run_levels()
    campaign.ctx.ensembles = {}
    code = ended(campaign)
    assert code.status == 421
    assert "need the ensemble's reference disagreement" in code.message


class Fitted:
    """What of an ensemble the levels ask for."""

    reference_disagreement = None


def test_seeds_follow_from_the_campaign_never_from_the_node(process):
    first, second = process(), process()
    assert first.seed("sample") == second.seed("sample")
    first.ctx.stage_iteration = 2
    assert first.seed("sample") != second.seed("sample")
    assert derive_seed(1, "a") != derive_seed(2, "a")


@pytest.mark.parametrize(
    ("campaign", "message"),
    [
        ({"name": "x"}, "species"),
        ({"speces": 1}, "did you mean 'species'"),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused_at_the_door(aiida_profile_clean, aiida_code_installed, campaign, message):
    code = aiida_code_installed(filepath_executable="/bin/true", label="alworkflows")
    with pytest.raises(ValueError, match=message):
        instantiate_process(get_manager().get_runner(), ActiveLearningWorkChain, code=code, campaign=Dict(campaign))


def test_exit_codes_are_never_taken_from_the_cache_and_carry_values():
    spec = ActiveLearningWorkChain.spec()
    for status, label, message in EXIT_CODES:
        code = spec.exit_codes[label]
        assert code.status == status
        assert code.invalidates_cache
        assert "{" in message


def test_choosing_that_fails(process):
    campaign = process()
    campaign.keep("candidates", frames(2))
    campaign.ctx.deviation = deviation([None]).store()  # two candidates, one description
    campaign.run_select()
    code = ended(campaign)
    assert code.status == 416
    assert "expected" in code.message


def test_candidates_that_are_all_beyond_trust(process):
    campaign = process()
    campaign.keep("levels", Dict({"lower": 0.1, "upper": 1.0}).store())
    campaign.keep("candidates", frames(4))
    campaign.ctx.deviation = deviation([None] * 4, disagreement=3.0).store()
    campaign.run_select()
    code = ended(campaign)
    assert code.status == 417
    assert "all 4 candidates" in code.message
    assert "1 eV/A" in code.message


def test_a_transfer_stage_draws_at_random_and_is_never_trained_on(process):
    campaign = process(stages=[STAGE, {**STAGE, "name": "janus", "train": False, "budget": 4}])
    campaign.ctx.stage = 1
    campaign.keep("candidates", frames(10))
    campaign.ctx.deviation = deviation([None] * 10).store()
    campaign.run_select()
    assert campaign.is_going_on()
    assert campaign.ctx.selected is None
    assert len(campaign.ctx.test) == 4
    campaign.ctx.labelling = ["label_test"]
    campaign.ctx.label_test = child(batch=frames(4, engine={"name": "toy"}))
    campaign.inspect_label()
    assert not campaign.ctx.batches
    assert not campaign.ctx.tests
    assert len(campaign.made("transfers")) == 4
    assert campaign.ctx.groups[campaign.key] == "janus"
    assert campaign.should_train()
    assert campaign.labels_paid() == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": [{**STAGE, "train": False}]}, "first stage has to train"),
        ({"model": {"fit": {"rule": "transfer"}}}, "needs a transfer set"),
    ],
)
def test_transfer_sets_that_make_no_sense_are_refused(process, change, message):
    with pytest.raises(ValueError, match=message):
        process(**change)


# ------------------------------------------------------------------------------------------------- a person's word


@pytest.fixture
def asking(process, monkeypatch):
    """Return a function that makes a campaign that chose frames, and whose pauses are counted."""

    def _asking(approval):
        campaign = process(label={"approval": approval, "calculator": {"name": "emt"}})
        campaign.ctx.selected, campaign.ctx.test = frames(2), None
        campaign.pauses = []
        monkeypatch.setattr(campaign, "pause", campaign.pauses.append)
        return campaign

    return _asking


def ask(campaign):
    assert campaign.should_wait()
    campaign.run_ask()


def test_a_campaign_asks_before_its_first_labels_and_goes_on_when_approved(asking):
    campaign = asking("first")
    ask(campaign)
    assert "waiting for approval: 2 labels, 8 atoms in all, cost unknown" in campaign.pauses[0]
    assert open_question(campaign.node)["labels"] == 2
    assert campaign.should_wait()  # it was played without an answer
    give_answer(campaign.node, True, "me@here")
    assert open_question(campaign.node) is None
    assert not campaign.should_wait()
    campaign.ctx.iteration = 2
    assert not campaign.should_wait()
    assert campaign.is_going_on()
    with pytest.raises(InputError, match="waits for no approval"):
        give_answer(campaign.node, True, "me@here")


def test_a_campaign_can_ask_before_each_batch(asking):
    campaign = asking("batch")
    ask(campaign)
    give_answer(campaign.node, True, "me@here")
    assert not campaign.should_wait()
    campaign.ctx.iteration = 2
    assert campaign.should_wait()


def test_labels_that_are_refused_are_not_paid_for(asking):
    campaign = asking("first")
    ask(campaign)
    give_answer(campaign.node, False, "me@here")
    assert not campaign.should_wait()
    assert not campaign.is_going_on()
    campaign.run_label()
    assert campaign.ctx.labelling == []
    code = ended(campaign)
    assert code.status == 703
    assert "2 labels were not approved" in code.message


def test_the_price_is_known_from_earlier_labels(asking, monkeypatch):
    monkeypatch.setattr("workchains.labelling.programs.ase._is_here", lambda code: True)
    atoms = frames_io.attach_labels(bulk("Cu", cubic=True), -1.0, np.zeros((4, 3)))
    atoms.info["origin"] = {"label": {"seconds": 1800.0, "cores": 2}}
    made_by = describe(CalculatorSettings(name="emt"))
    campaign = asking("first")
    FramesData.from_frames([atoms], {"engine": made_by}).store()
    campaign.run_ask()
    assert open_question(campaign.node)["core_hours"] == pytest.approx(2.0)


def test_a_campaign_that_asks_never_does_not_wait(asking):
    assert not asking("never").should_wait()


def test_once_asked_to_stop_no_iteration_begins(process):
    campaign = process()
    campaign.node.base.extras.set(STOP, True)
    assert not campaign.should_iterate()
    code = ended(campaign)
    assert code.status == 702
    assert "stopped as asked" in code.message


def test_a_campaign_asked_to_begin_nothing_new_keeps_the_labels_that_came_and_ends_with_a_warning(process):
    campaign = process()
    ask_to_stop(campaign.node)
    campaign.ctx.labelling = ["label"]
    campaign.ctx.label = child(status=403, message="8 of 10 labels failed", batch=frames(engine={"name": "emt"}))
    campaign.inspect_label()
    assert campaign.key in campaign.ctx.batches
    assert not campaign.should_train()
    assert not campaign.should_iterate()
    code = ended(campaign)
    assert code.status == 702
    assert "with 2 labels" in code.message


@pytest.mark.parametrize("step", ["sample", "train"])
def test_what_was_not_begun_because_a_person_said_so_is_no_failure(process, step):
    campaign = process()
    ask_to_stop(campaign.node)
    campaign.ctx[step] = child(status=401 if step == "sample" else 404, message="not begun: asked to begin nothing new")
    getattr(campaign, f"inspect_{step}")()
    assert ended(campaign).status == 702
