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
from workchains.labelling import ENGINES, LabelEngine, LabelWorkChain, engine
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


# ---------------------------------------------------------------------------------------------------- labelling


@pytest.fixture
def labelling(code):
    made = make(
        LabelWorkChain,
        code=code,
        frames=frames(10),
        settings=Dict({"engine": "ase", "calculator": EMT, "chunk": 4, "jobs": 1, "success_share": 0.5}),
    )
    made.ctx.job_keys = ["label_000"]
    return made


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_covers_each_frame_once(name, code):
    tool = engine(name)
    assert isinstance(tool, LabelEngine)
    node = frames(10).store()
    for chunk, jobs in ((4, 1), (100, 1), (100, 3), (1, 1), (100, 50)):
        wanted = tool.jobs(node, {"engine": name, "calculator": EMT, "chunk": chunk, "jobs": jobs}, code, {})
        covered = [index for _, inputs in wanted.values() for index in range(inputs["run"]["start"], inputs["run"]["stop"])]
        assert covered == list(range(10))
        assert all(inputs["run"]["stop"] - inputs["run"]["start"] <= chunk for _, inputs in wanted.values())


def test_an_engine_that_does_not_exist():
    with pytest.raises(InputError, match=r"unknown label engine 'asee' \(did you mean 'ase'\?\)"):
        engine("asee")


def test_few_failures_are_kept_and_do_not_stop(labelling):
    failures = [{"id": labelling.inputs.frames.ids[0], "reason": "forces above 100 eV/A"}]
    labelling.ctx.label_000 = job(labelled=frames(9, EMT), report=Dict({"failures": failures}))
    assert labelling.inspect_jobs() is None
    assert labelling.outputs["failures"]["failures"] == failures
    assert len(labelling.outputs["batch"]) == 9


def test_too_many_failures(labelling):
    failures = [{"id": identity, "reason": "no convergence"} for identity in labelling.inputs.frames.ids[:6]]
    labelling.ctx.label_000 = job(labelled=frames(4, EMT), report=Dict({"failures": failures}))
    code = labelling.inspect_jobs()
    assert code.status == 403
    assert "6 of 10" in code.message
    assert len(labelling.outputs["batch"]) == 4


def test_a_dead_job_leaves_its_labels_and_names_what_it_did_not_reach(labelling):
    node = labelling.inputs.frames
    done = FramesData.from_frames(
        [frames_io.attach_labels(frame, -1.0, np.zeros((4, 3))) for frame in node.get_frames()[:7]], {"engine": EMT}
    )
    labelling.ctx.label_000 = job(310, "Killed", inputs={"run": Dict({"start": 0, "stop": 10})}, labelled=done)
    assert labelling.inspect_jobs() is None
    failures = labelling.outputs["failures"]["failures"]
    assert [item["id"] for item in failures] == node.ids[7:]
    assert "Killed" in failures[0]["reason"]


def test_all_labels_failed(labelling):
    labelling.ctx.label_000 = job(310, "Killed", inputs={"run": Dict({"start": 0, "stop": 10})})
    code = labelling.inspect_jobs()
    assert code.status == 402
    assert "none of 10" in code.message


def test_no_frame_to_label_is_refused(code):
    with pytest.raises(ValueError, match="at least one frame"):
        make(LabelWorkChain, code=code, frames=FramesData.from_frames([]), settings=Dict({}))


def test_label_settings_are_checked(code):
    with pytest.raises(ValueError, match="did you mean 'chunk'"):
        make(LabelWorkChain, code=code, frames=frames(), settings=Dict({"chunck": 3}))


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
