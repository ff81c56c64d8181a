"""What a daemon that dies at the wrong moment leaves behind, made by hand: nothing waits for it, and nothing is run twice."""

import pytest
from aiida.calculations.arithmetic.add import ArithmeticAddCalculation
from aiida.engine import calcfunction
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import CalcFunctionNode, CalcJobNode, Int

from workchains.processes.keyed import KeyedWorkChain
from workchains.processes.queueing import QueueingWorkChain
from workchains.processes.revival import ABANDONED, QUEUED, is_abandoned
from workchains.provenance import steps_below


@calcfunction
def doubled(x):
    return Int(2 * x.value)


@pytest.fixture
def chain(aiida_profile_clean):
    return instantiate_process(get_manager().get_runner(), KeyedWorkChain)


@pytest.fixture
def submitted(chain, monkeypatch, store_process):
    """What the chain submits, which is not run."""
    made = []

    def submit(process, **inputs):
        made.append(
            store_process(CalcJobNode, "Job", caller=chain.node, key=inputs["metadata"]["call_link_label"], state="created")
        )
        return made[-1]

    monkeypatch.setattr(chain, "submit", submit)
    return made


def submit(chain, key="job"):
    return chain.submit_once(key, ArithmeticAddCalculation, metadata={})


def test_a_child_whose_task_was_handed_over_is_adopted(chain, submitted):
    first = submit(chain)
    assert first.base.extras.get(QUEUED)
    assert submit(chain).pk == first.pk
    assert len(submitted) == 1


@pytest.mark.parametrize("state", [None, "created"])
def test_a_child_that_was_made_and_not_handed_over_is_made_anew(chain, submitted, store_process, state):
    lost = store_process(CalcJobNode, "Job", caller=chain.node, key="job", state=state)
    lost.set_checkpoint("what it would go on from")
    second = submit(chain)
    assert second.pk != lost.pk
    assert lost.is_excepted
    assert lost.is_sealed
    assert lost.checkpoint is None
    assert lost.base.extras.get(ABANDONED) == "the daemon died before its task was handed over"
    assert submit(chain).pk == second.pk


def test_a_child_that_a_worker_has_begun_is_adopted_though_nobody_noted_that_it_was_handed_over(chain, submitted, store_process):
    begun = store_process(CalcJobNode, "Job", caller=chain.node, key="job", state="waiting")
    assert submit(chain).pk == begun.pk
    assert not submitted


def test_a_child_that_crashed_is_no_child_that_never_began(chain, submitted, store_process):
    crashed = store_process(CalcJobNode, "Job", caller=chain.node, key="job", state="excepted", exception="ValueError: no")
    assert submit(chain).pk == crashed.pk


def test_a_child_that_a_worker_found_without_a_checkpoint_is_made_anew(chain, submitted, store_process):
    said = "plumpy.exceptions.PersistenceError: Calculation<7> does not have a saved checkpoint"
    lost = store_process(CalcJobNode, "Job", caller=chain.node, key="job", state="excepted", exception=said)
    assert is_abandoned(lost)
    assert submit(chain).pk != lost.pk


def test_a_function_that_died_with_its_worker_is_run_again(chain, store_process):
    lost = store_process(CalcFunctionNode, "doubled", caller=chain.node, key="twice", state="running")
    node = chain.call_once("twice", doubled, x=Int(4))
    assert node.outputs.result.value == 8
    assert lost.is_excepted
    assert is_abandoned(lost)


def test_a_single_job_that_never_began_is_not_waited_for(aiida_profile_clean, store_process, monkeypatch):
    chain = instantiate_process(get_manager().get_runner(), QueueingWorkChain)
    store_process(CalcJobNode, "Job", caller=chain.node, key="job", state="created")
    monkeypatch.setattr(chain, "submit_some", lambda computer, waiting, make, running: waiting)
    assert chain.run_each(["job"], None, None) == ["job"]


def test_what_was_buried_is_no_step_of_a_campaign(chain, submitted, store_process):
    lost = store_process(CalcJobNode, "Job", caller=chain.node, key="job", state="created")
    made = submit(chain)
    assert [step.pk for step in steps_below(chain.node)] == [made.pk]
    assert lost.is_excepted
