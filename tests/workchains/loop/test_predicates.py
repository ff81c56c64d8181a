"""Predicates of the outlines only answer: asked twice they say the same, and nothing has changed."""

import inspect

import pytest
from aiida.orm import CalcJobNode, Dict, WorkChainNode
from aiida.orm.utils.serialize import serialize
from pieces import copper, deviation, noted, small_ensemble
from records import iteration, store

from workchains.loop.active_learning import ActiveLearningWorkChain
from workchains.loop.given import GivenDataWorkChain
from workchains.loop.iteration import IterationWorkChain
from workchains.processes.queueing import STOP

EMT = {"name": "emt"}


def predicates(cls):
    """Return the names of the conditions in an outline."""
    names, todo = set(), [cls.spec().get_outline().get_description()]
    while todo:
        item = todo.pop()
        if isinstance(item, list | tuple):
            todo += item
        elif isinstance(item, dict):
            for key, inner in item.items():
                names.add(key.partition("(")[2].rstrip(")") or key)
                todo.append(inner)
    return sorted(name for name in names if hasattr(cls, name))


def state(process):
    """Return all that a predicate might change: the context, the outputs, the node, the children."""
    node = process.node
    return (
        serialize(process.ctx),
        serialize(dict(process.outputs)),
        node.base.attributes.all,
        node.base.extras.all,
        [child.pk for child in node.called],
    )


def assert_only_answers(process, names):
    for name in names:
        predicate, before = getattr(process, name), state(process)
        first = predicate()
        assert isinstance(first, bool), name
        assert predicate() is first, name
        assert state(process) == before, name


def fresh(process):
    """Leave it as it is."""


def failed(process):
    process.ctx.failure = ("ERROR_SAMPLING_FAILED", "exploded")


def stopping(process):
    process.node.base.extras.set(STOP, True)


def chosen(process):
    process.hand_over("candidates", copper(3))
    process.hand_over("deviation", deviation([None] * 3).store())
    process.hand_over("selection", Dict({"accurate_share": 0.2}).store())
    process.hand_over("chosen", noted(copper(2).get_frames(), ["train"] * 2).store())


def labelled(process):
    chosen(process)
    chain = store(
        WorkChainNode,
        "LabelWorkChain",
        caller=process.node,
        key="label",
        state="running",
        inputs={"frames": process.product("chosen")},
    )
    process.ctx.label = chain
    process.hand_over("batch", copper(2, EMT))


def answered(process):
    chosen(process)
    process.node.base.extras.set("alworkflows_answer", {"approved": False})


def described(process):
    process.hand_over("candidates", copper(3))
    store(CalcJobNode, "DescribeJob", caller=process.node, key="describe", status=100)


ITERATION = predicates(IterationWorkChain)


def test_each_outline_is_read_by_this_test():
    assert {"should_choose", "has_choice", "should_find_levels", "is_going_on", "should_describe", "should_select", "should_ask",
            "should_label", "should_wait_for_labels", "should_train", "should_decide"} == set(ITERATION)  # fmt: skip
    assert {"has_given", "should_iterate", "should_await_candidates", "should_await_late", "should_train_late", "should_evaluate",
            "has_evaluated"} == set(predicates(ActiveLearningWorkChain))  # fmt: skip
    assert {"should_describe", "should_train"} == set(predicates(GivenDataWorkChain))


@pytest.mark.parametrize("how", [fresh, failed, stopping, chosen, labelled, answered, described])
def test_those_of_an_iteration(iterating, how):
    process = iterating(
        2, changes={"overlap": {"share": 0.5}}, ensemble=small_ensemble(), report=Dict({}),
        allowance=Dict({"labels": None, "ask": True}),
    )  # fmt: skip
    how(process)
    assert_only_answers(process, ITERATION)


def ahead(process):
    node = store(WorkChainNode, "SampleWorkChain", state="running")
    process.ctx.ahead = {"pk": node.pk, "stage": 0, "stage_iteration": 1}


def late(process):
    node = iteration(process.node, 1)
    store(WorkChainNode, "LabelWorkChain", caller=node, key="label", state="running")
    process.ctx.late = {"iteration_01": node.uuid}


def evaluated(process):
    process.hand_over_of("ensembles", "iteration_01", small_ensemble().store())
    process.hand_over_of("tests", "iteration_01", copper(1, EMT))
    store(CalcJobNode, "EvaluateJob", caller=process.node, key="evaluate", status=310)


@pytest.mark.parametrize("how", [fresh, failed, stopping, ahead, late, evaluated])
def test_those_of_a_campaign(starting, how):
    given = {"sources": {"given_00_00": copper(3, EMT)}, "uses": Dict({"given_00_00": {"use": "train", "test_share": 0.1}})}
    process = starting({"given": given}, budget={"labels": 5})
    how(process)
    assert_only_answers(process, predicates(ActiveLearningWorkChain))


def begun(process):
    store(CalcJobNode, "DescribeJob", caller=process.node, key="given_00_00_describe", state="waiting")
    process.ctx.products = {"batches": {"given_00_00": copper(3, EMT)}}


@pytest.mark.parametrize("how", [fresh, failed, stopping, begun])
def test_those_of_given_data(giving, how):
    process = giving({"given_00_00": copper(3, EMT)}, {"given_00_00": {"use": "train", "test_share": 0.1}})
    how(process)
    assert_only_answers(process, predicates(GivenDataWorkChain))


@pytest.mark.parametrize("cls", [IterationWorkChain, ActiveLearningWorkChain, GivenDataWorkChain])
def test_each_says_in_a_sentence_what_it_means(cls):
    for name in predicates(cls):
        assert inspect.getdoc(getattr(cls, name)).splitlines()[0].endswith("."), name
