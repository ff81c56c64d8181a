"""The three steps - sampling, labelling, training - with finished jobs put in place of running ones."""

import numpy as np
import pytest
from aiida.common import LinkType
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import CalcJobNode, Dict, List
from ase.build import bulk

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from workchains.data.frames import FramesData
from workchains.functions import merge_frames
from workchains.sampling import SampleWorkChain
from workchains.training import TrainWorkChain

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


def job(status=0, message=None, inputs=None, **outputs):
    node = CalcJobNode()
    for name, value in (inputs or {}).items():
        node.base.links.add_incoming(value.store(), link_type=LinkType.INPUT_CALC, link_label=name)
    node.set_exit_status(status)
    node.set_process_state("finished")
    if message:
        node.set_exit_message(message)
    node.store()
    for name, value in outputs.items():
        value.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label=name)
        value.store()
    return node


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


def test_a_failed_run_does_not_stop_the_others(sampling):
    sampling.ctx.sample_00 = job(310, "Killed", candidates=frames(1))
    sampling.ctx.sample_01 = job(candidates=frames(3, first=5), report=Dict({"stopped": None}))
    assert sampling.inspect_jobs() is None
    assert len(sampling.outputs["candidates"]) == 4


def test_every_run_failed(sampling):
    sampling.ctx.sample_00 = job(310, "Killed")
    sampling.ctx.sample_01 = job(420, "exploded")
    code = sampling.inspect_jobs()
    assert code.status == 401
    assert "none of 2" in code.message
    assert "Killed" in code.message


def test_no_structure_is_refused(code):
    with pytest.raises(ValueError, match="at least one structure"):
        make(SampleWorkChain, code=code, structures=frames(), names=List([]), sampler=Dict({}), run=Dict({"seed": 1}))


# ---------------------------------------------------------------------------------------------------- training

SETTINGS = {"model": {}, "species": ["Cu"], "seed": 1}


def test_a_fit_that_failed(code):
    training = make(TrainWorkChain, code=code, batches={"one": frames(4, EMT)}, settings=Dict(SETTINGS))
    training.ctx.fit = job(210, "the input was refused: too few frames")
    result = training.inspect_fit()
    assert result.status == 404
    assert "too few frames" in result.message


@pytest.mark.parametrize(
    ("batches", "settings", "message"),
    [
        ({}, SETTINGS, "at least one batch"),
        ({"one": None}, SETTINGS, "expected labelled frames"),
        ({"one": EMT, "two": {"name": "chgnet"}}, SETTINGS, "labels of two engines"),
        ({"one": EMT}, {"model": {}, "species": ["Cu"]}, "missing: seed"),
        ({"one": EMT}, {**SETTINGS, "model": {"members": 1}}, "greater than or equal to 2"),
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
