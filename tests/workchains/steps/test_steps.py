"""The three steps - sampling, labelling, training - with finished jobs put in place of running ones."""

import numpy as np
import pytest
from aiida.common import LinkType
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import CalcJobNode, Dict, List
from ase.build import bulk
from records import store

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from workchains.data.frames import FramesData
from workchains.steps.sample import SampleWorkChain
from workchains.steps.structures import merge_frames
from workchains.steps.train import TrainWorkChain

EMT = {"name": "emt", "parameters": {}}


@pytest.fixture
def code(aiida_profile_clean, aiida_code_installed):
    return aiida_code_installed(filepath_executable="/bin/true", label="alworkflows")


def frames(count=4, engine=None, first=0):
    made = []
    for index in range(first, first + count):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=index)
        made.append(frames_io.attach_labels(atoms, -1.0, np.zeros((4, 3))) if engine else atoms)
    return FramesData.from_frames(made, {"engine": engine} if engine else None)


def job(status=0, message=None, **outputs):
    return store(CalcJobNode, "Job", status=status, message=message, outputs=outputs)


def make(cls, **inputs):
    return instantiate_process(get_manager().get_runner(), cls, **inputs)


# ---------------------------------------------------------------------------------------------------- sampling


@pytest.fixture
def sampling(code):
    return make(
        SampleWorkChain,
        code=code,
        structures=frames(2),
        names=List(["a", "b"]),
        sampler=Dict({"name": "melt"}),
        run=Dict({"seed": 1}),
    )


def ended(chain, **jobs):
    """Put ended jobs in place of those that the chain would run."""
    chain.setup()
    chain.ctx.waiting = []
    chain.ctx.ended = {run: [node.pk for node in nodes] for run, nodes in jobs.items()}
    return chain


def test_a_failed_run_does_not_stop_the_others(sampling):
    failed = job(310, "Killed", candidates=frames(1))
    assert ended(sampling, sample_00=[failed], sample_01=[sampled(3, first=5)]).results() is None
    assert len(sampling.outputs["candidates"]) == 4


def sampled(count, first=0, status=0, message=None):
    return job(status, message, candidates=frames(count, first=first), report=Dict({"stopped": None}))


def test_the_frames_of_a_run_in_many_jobs_are_taken_once(sampling):
    first = [sampled(2, status=400, message="the walltime was reached"), sampled(4, status=400), sampled(6)]
    # the last job died before it had read what those before had made
    second = [sampled(3, first=10, status=400), job(310, "Killed", candidates=frames(1, first=10))]
    assert ended(sampling, sample_00=first, sample_01=second).results() is None
    assert len(sampling.outputs["candidates"]) == 9


def test_every_run_failed(sampling):
    code = ended(sampling, sample_00=[job(310, "Killed")], sample_01=[job(420, "exploded")]).results()
    assert code.status == 401
    assert "none of 2" in code.message
    assert "Killed" in code.message


def test_every_run_is_out_of_walltime(sampling):
    jobs = [job(400, "the walltime of 60 s was reached") for _ in range(4)]
    code = ended(sampling, sample_00=jobs, sample_01=jobs).results()
    assert code.status == 401
    assert "a: the walltime of 60 s was reached, 4 times; raise walltime of sample in the machine's options.yaml" in code.message


def test_no_structure_is_refused(code):
    with pytest.raises(ValueError, match="at least one structure"):
        make(SampleWorkChain, code=code, structures=frames(), names=List([]), sampler=Dict({}), run=Dict({"seed": 1}))


# ---------------------------------------------------------------------------------------------------- training

SETTINGS = {"model": {}, "species": ["Cu"], "seed": 1}


@pytest.fixture
def training(code):
    return make(TrainWorkChain, code=code, batches={"one": frames(4, EMT)}, settings=Dict(SETTINGS))


def test_a_fit_that_failed(training):
    result = ended(training, fit=[job(210, "the input was refused: too few frames")]).results()
    assert result.status == 404
    assert "too few frames" in result.message


def test_a_fit_that_its_walltime_ended_each_time(training):
    result = ended(training, fit=[job(400), job(400)]).results()
    assert result.status == 405
    assert "in 2 jobs" in result.message
    assert "raise walltime of fit in the machine's options.yaml" in result.message


def test_a_fit_that_failed_otherwise_after_a_restart(training):
    result = ended(training, fit=[job(400), job(110, "out of memory")]).results()
    assert result.status == 404
    assert "out of memory" in result.message


def test_a_negative_number_of_restarts_is_refused(code):
    with pytest.raises(ValueError, match="restarts of 0 or more, got -1"):
        make(TrainWorkChain, code=code, batches={"one": frames(4, EMT)}, settings=Dict(SETTINGS), restarts=-1)


@pytest.mark.parametrize(
    ("batches", "settings", "message"),
    [
        ({}, SETTINGS, "at least one batch"),
        ({"one": None}, SETTINGS, "expected labelled frames"),
        ({"one": EMT, "two": {"name": "chgnet"}}, SETTINGS, "labels of two engines"),
        ({"one": EMT}, {"model": {}, "species": ["Cu"]}, "missing: seed"),
        ({"one": EMT}, {**SETTINGS, "model": {"members": 1}}, "expected at least two in all"),
    ],
)
def test_training_refuses(code, batches, settings, message):
    nodes = {name: frames(3, made_by, first=3 * index) for index, (name, made_by) in enumerate(batches.items())}
    with pytest.raises(ValueError, match=message):
        make(TrainWorkChain, code=code, batches=nodes, settings=Dict(settings))


# ---------------------------------------------------------------------------------------------------- merging


def test_merging_keeps_order_drops_repeats_and_the_graph(aiida_profile_clean):
    one, two = frames(3, EMT).store(), frames(3, EMT, first=2).store()
    merged = merge_frames(a=one, b=two)
    assert merged.ids == [*one.ids, *two.ids[1:]]
    assert merged.engine == EMT
    sources = {link.node.uuid for link in merged.creator.base.links.get_incoming(link_type=LinkType.INPUT_CALC).all()}
    assert sources == {one.uuid, two.uuid}


def test_merging_labels_of_two_engines_is_an_error(aiida_profile_clean):
    with pytest.raises(InputError, match="labels of two engines"):
        merge_frames(a=frames(2, EMT).store(), b=frames(2, {"name": "chgnet"}, first=7).store())
