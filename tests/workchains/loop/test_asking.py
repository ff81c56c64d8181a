"""A person's word: an iteration asks before it pays, and its campaign finds question and answer."""

import numpy as np
import pytest
from aiida.orm import CalcJobNode, Dict
from ase.build import bulk
from pieces import assert_ends, chosen
from records import begun, iteration, store

from alworkflows import frames as frames_io
from alworkflows.calculators import describe
from alworkflows.errors import InputError
from alworkflows.settings import CalculatorSettings
from workchains.data.frames import FramesData
from workchains.loop.approval import answer, give_answer, open_question, put_question, was_approved

ASK = {"labels": None, "ask": True}


@pytest.fixture
def asking(iterating, monkeypatch):
    """Return a function that makes an iteration that chose frames, and whose pauses are counted."""

    def _asking(allowance=None, **more):
        process = iterating(allowance=Dict(allowance or ASK), **more)
        process.hand_over("chosen", chosen(2))
        process.pauses = []
        monkeypatch.setattr(process, "pause", process.pauses.append)
        return process

    return _asking


def test_it_asks_before_it_labels_and_goes_on_when_approved(asking):
    process = asking()
    campaign = process.node.caller
    assert process.should_ask()
    process.run_ask()
    assert "waiting for approval: 2 labels, 8 atoms in all, cost unknown" in process.pauses[0]
    question = open_question(campaign)
    assert (question["labels"], question["iteration"], question["process"]) == (2, 1, process.node.pk)
    assert process.should_ask()  # it was played without an answer
    assert not was_approved(campaign)
    give_answer(campaign, True, "me@here")
    assert was_approved(campaign)
    assert open_question(campaign) is None
    assert not process.should_ask()
    process.inspect_answer()
    assert process.should_label()
    with pytest.raises(InputError, match="waits for no approval"):
        give_answer(campaign, True, "me@here")


def test_labels_that_are_refused_end_it(asking):
    process = asking()
    process.run_ask()
    give_answer(process.node.caller, False, "me@here")
    assert not process.should_ask()
    process.inspect_answer()
    assert not process.should_label()
    assert not was_approved(process.node.caller)
    assert_ends(process, 703, "2 labels were not approved")


@pytest.mark.parametrize(
    ("approval", "first", "second"), [("never", False, False), ("first", True, False), ("batch", True, True)]
)
def test_whether_an_iteration_is_to_ask_is_what_its_campaign_tells_it(starting, submitted, approval, first, second):
    campaign = starting(label={"approval": approval, "calculator": {"name": "emt"}})
    campaign.run_iteration()
    assert submitted[0][2]["allowance"]["ask"] is first
    if first:
        asks = next(child for child in campaign.node.called if child.process_label == "IterationWorkChain")
        put_question(asks, {"iteration": 1})
        give_answer(campaign.node, True, "me@here")
    campaign.run_iteration()
    assert submitted[1][2]["allowance"]["ask"] is second


def test_an_iteration_that_is_to_ask_never_does_not_wait(asking):
    assert not asking({"labels": None, "ask": False}).should_ask()


def test_nothing_to_label_is_nothing_to_ask(iterating):
    assert not iterating(allowance=Dict(ASK)).should_ask()


def test_an_answer_is_that_of_the_iteration_that_asks(aiida_profile_clean):
    campaign = begun("asks again")
    first, second = (iteration(campaign, number) for number in (1, 2))
    put_question(first, {"iteration": 1, "text": "1 label"})
    give_answer(campaign, True, "me@here")
    put_question(second, {"iteration": 2, "text": "2 labels"})
    assert open_question(campaign)["text"] == "2 labels"
    give_answer(campaign, False, "me@here")
    assert (answer(first), answer(second)) == (True, False)


def test_what_has_ended_asks_nothing(aiida_profile_clean):
    campaign = begun("killed while it asked")
    put_question(iteration(campaign, 1, state="killed"), {"iteration": 1})
    assert open_question(campaign) is None


def test_the_price_is_known_from_earlier_labels(asking, monkeypatch):
    monkeypatch.setattr("workchains.labelling.programs.ase._is_here", lambda code: True)
    atoms = frames_io.attach_labels(bulk("Cu", cubic=True), -1.0, np.zeros((4, 3)))
    atoms.info["origin"] = {"label": {"seconds": 1800.0, "cores": 2}}
    made_by = describe(CalculatorSettings(name="emt"))
    process = asking()
    store(CalcJobNode, "LabelJob", outputs={"labelled": FramesData.from_frames([atoms], {"engine": made_by})})
    process.run_ask()
    assert open_question(process.node.caller)["core_hours"] == pytest.approx(2.0)
