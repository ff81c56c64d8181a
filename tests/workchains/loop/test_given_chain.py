"""What a campaign does with given frames, and its exit codes, with finished children put in place of running ones."""

import pytest
from aiida.orm import CalcJobNode, Dict, WorkChainNode
from pieces import assert_ends, copper, deviation, small_ensemble
from records import store

from workchains.calculations.describe_job import DescribeJob
from workchains.loop.exit_codes import OF_GIVEN
from workchains.loop.given import GIVEN, GivenDataWorkChain
from workchains.processes.exit_statuses import exit_label
from workchains.processes.naming import derive_seed
from workchains.processes.queueing import STOP
from workchains.steps.train import TrainWorkChain

EMT = {"name": "emt"}
USES = {"given_00_00": "train", "given_00_01": "test", "given_01_00": "divide"}


@pytest.fixture
def process(giving):
    """Return what is done with three sources of frames, one of each use."""
    sources = {key: copper(10, EMT, first=10 * number) for number, key in enumerate(USES)}
    return giving(sources, {key: {"use": use, "test_share": 0.3} for key, use in USES.items()})


def describe(process, **spoiled):
    for key in USES:
        told = {"status": 210, "message": spoiled[key]} if key in spoiled else {"outputs": {"deviation": deviation([None] * 10)}}
        store(CalcJobNode, "DescribeJob", caller=process.node, key=f"{key}_describe", **told)


def test_each_source_is_described_by_a_job_of_its_own(process, submitted, monkeypatch):
    monkeypatch.setattr("workchains.processes.queueing.job_cap", lambda computer: None)
    assert process.should_describe()
    awaited = process.run_describe()
    assert [(key, job) for key, job, _ in submitted] == [(f"{key}_describe", DescribeJob) for key in USES]
    assert [inputs["candidates"].uuid for _, _, inputs in submitted] == [process.inputs.sources[key].uuid for key in USES]
    assert set(awaited) == {f"jobs.{key}_describe" for key in USES}
    # two have ended, and one goes on
    for child in process.node.called[:2]:
        child.set_exit_status(0)
        child.set_process_state("finished")
    submitted.clear()
    assert process.should_describe()
    assert len(process.run_describe()) == 1
    assert not submitted


def test_a_job_that_died_is_run_again_beside_those_that_live(process, submitted, monkeypatch):
    monkeypatch.setattr("workchains.processes.queueing.job_cap", lambda computer: None)
    process.run_describe()
    dead = process.node.called[0]
    dead.set_process_state("excepted")
    submitted.clear()
    assert process.should_describe()
    awaited = process.run_describe()
    assert [key for key, _, _ in submitted] == ["given_00_00_describe"]
    assert submitted[0][2]["again"] is True
    assert len(awaited) == 3
    # a second death is the end of it
    process.child("given_00_00_describe").set_process_state("excepted")
    for child in process.node.called:
        if not child.is_terminated:
            child.set_exit_status(0)
            child.set_process_state("finished")
    assert not process.should_describe()
    process.inspect_describe()
    assert process.results().status == 422


def test_a_job_that_died_once_asked_to_stop_is_no_fault_of_the_data(process):
    describe(process, given_00_00="killed")
    process.node.base.extras.set(STOP, True)
    process.inspect_describe()
    assert_ends(process, 702)


def test_sources_become_batches_and_test_frames_as_they_are_for(process):
    describe(process)
    assert not process.should_describe()
    process.inspect_describe()
    sources, outputs = process.inputs.sources, process.outputs
    assert outputs["batches"]["given_00_00"].uuid == sources["given_00_00"].uuid
    assert outputs["tests"]["given_00_01"].uuid == sources["given_00_01"].uuid
    batch, test = (outputs[name]["given_01_00"] for name in ("batches", "tests"))
    assert (len(batch), len(test)) == (7, 3)
    assert sorted([*batch.ids, *test.ids]) == sorted(sources["given_01_00"].ids)
    # all are known, so that none is chosen again
    assert {key: sorted(node.base.attributes.get("ids")) for key, node in outputs["fingerprints"].items()} == {
        key: sorted(node.ids) for key, node in sources.items()
    }
    assert batch.creator.inputs.seed.value == derive_seed(1, GIVEN, 2)


def test_an_ensemble_is_fitted_to_all_of_them(process, submitted):
    describe(process)
    process.inspect_describe()
    assert process.should_train()
    process.run_train()
    ((key, chain, inputs),) = submitted
    assert (key, chain) == ("train", TrainWorkChain)
    assert set(inputs["batches"]) == {"batch_given_00_00", "batch_given_01_00"}
    assert set(inputs["tests"]) == {"test_given_00_01", "test_given_01_00"}


def test_test_frames_alone_are_nothing_to_fit_to(giving):
    process = giving({"given_00_00": copper(10, EMT)}, {"given_00_00": {"use": "test", "test_share": 0.3}})
    store(CalcJobNode, "DescribeJob", caller=process.node, key="given_00_00_describe",
          outputs={"deviation": deviation([None] * 10)})  # fmt: skip
    process.inspect_describe()
    assert not process.should_train()
    assert process.results() is None


def trained(process, **told):
    process.ctx.train = store(WorkChainNode, "TrainWorkChain", **told)
    process.inspect_train()
    return process.results()


def test_the_ensemble_is_handed_over(process):
    ensemble = small_ensemble()
    assert trained(process, outputs={"ensemble": ensemble, "report": Dict({})}) is None
    assert process.outputs["ensemble"].uuid == ensemble.uuid


def test_frames_that_cannot_be_described(process):
    describe(process, given_00_01="no cell")
    process.inspect_describe()
    assert not process.should_train()
    assert_ends(process, 422, "cannot be used: given_00_01: no cell")
    assert list(process.outputs["batches"]) == ["given_00_00"]


def test_frames_that_cannot_be_divided(process):
    for key in USES:
        rows = [None] * (9 if key == "given_01_00" else 10)
        store(CalcJobNode, "DescribeJob", caller=process.node, key=f"{key}_describe", outputs={"deviation": deviation(rows)})
    process.inspect_describe()
    assert_ends(process, 422, "given_01_00: expected fingerprints of 10 frames, got 9")


def test_a_fit_that_fails(process):
    code = trained(process, status=404, message="the fit failed: too few frames")
    assert code.status == 414
    assert "stage given: training failed: the fit failed: too few frames" in code.message


def test_a_committee_that_would_be_too_small(process):
    code = trained(process, status=406, message="too few members would come of the data: got 1 frames")
    assert code.status == 419
    assert "got 1 frames" in code.message


def test_asked_to_stop_it_begins_nothing_new(process):
    process.node.base.extras.set(STOP, True)
    assert not process.should_describe()
    assert not process.should_train()
    process.inspect_describe()
    assert process.results().status == 702


def test_a_fit_that_was_not_begun_because_a_person_said_so_is_no_failure(process):
    process.node.base.extras.set(STOP, True)
    assert trained(process, status=404, message="not begun: asked to begin nothing new").status == 702


def test_its_exit_codes_are_those_of_an_iteration_and_one_of_its_own():
    spec = GivenDataWorkChain.spec()
    assert [code[0] for code in OF_GIVEN] == [422, 414, 419, 702]
    for status, _ in OF_GIVEN:
        assert spec.exit_codes[exit_label(status)].status == status
        assert spec.exit_codes[exit_label(status)].invalidates_cache
