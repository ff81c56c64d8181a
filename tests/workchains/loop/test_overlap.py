"""An iteration that goes on before all its labels are there: how many are enough, what it takes, what it begins meanwhile."""

import pytest
from aiida.orm import CalcJobNode, Dict, WorkChainNode

from alworkflows.settings import Overlap
from workchains.data.frames import FramesData
from workchains.loop.late import has_enough, late_labels
from workchains.processes.naming import derive_seed

EMT = {"engine": {"name": "emt"}}


@pytest.fixture
def labelling(aiida_profile_clean, make_frames, store_process):
    """Return a function that makes a labelling step of ten frames that lives, and has some labels."""

    def _labelling(done, state="running", **options):
        frames, given = make_frames(10, labelled=True), {"frames": FramesData.from_frames(make_frames(10))}
        chain = store_process(WorkChainNode, "LabelWorkChain", inputs=given, state=state, **options)
        for number in range(0, done, 2):
            part = FramesData.from_frames(frames[number : min(number + 2, done)], EMT)
            store_process(CalcJobNode, "LabelJob", caller=chain, key=f"label_{number:03d}", outputs={"labelled": part})
        return chain

    return _labelling


@pytest.mark.parametrize(
    ("overlap", "done", "enough"),
    [
        ({"share": 0.5}, 0, False),
        ({"share": 0.5}, 4, False),
        ({"share": 0.5}, 5, True),
        ({"share": 0.5}, 10, False),  # all are there, and the step is about to end
        ({"share": 1.0, "after": 1e-9}, 1, True),
        ({"share": 1.0, "after": 1e-9}, 0, False),
        ({"share": 1.0, "after": 100.0}, 9, False),
    ],
)
def test_how_many_labels_are_enough(labelling, overlap, done, enough):
    assert has_enough(labelling(done), Overlap(**overlap)) is enough


def test_it_is_off_unless_asked_for(iterating):
    assert iterating().campaign.overlap.share == 1
    assert iterating().campaign.overlap.after is None


def test_a_fit_takes_what_is_there(iterating, labelling):
    process = iterating(changes={"overlap": {"share": 0.5}})
    chain = labelling(6, caller=process.node, key="label")
    process.ctx.update(labelling=["label"], label=chain)
    assert not process.should_wait_for_labels()
    process.inspect_label()
    assert process.outputs["batch"].ids == chain.inputs.frames.ids[:6]
    assert process.outputs["batch"].creator.process_label == "gather_labels"
    assert process.should_train()


def test_it_waits_while_too_few_are_there_for_the_first_of_its_jobs(iterating, labelling, store_process):
    process = iterating(changes={"overlap": {"share": 0.5}})
    chain = labelling(4, caller=process.node, key="label")
    job = store_process(CalcJobNode, "LabelJob", caller=chain, key="label_009", state="waiting")
    process.ctx.update(labelling=["label"], label=chain)
    assert process.should_wait_for_labels()
    awaited = process.await_labels()
    assert {awaitable.pk for awaitable in awaited.values()} == {chain.pk, job.pk}
    assert all(key.startswith("others.") for key in awaited)


def test_one_of_two_steps_may_be_late(iterating, labelling, make_frames, store_process):
    process = iterating(changes={"overlap": {"share": 0.5}})
    tests = FramesData.from_frames(make_frames(2, labelled=True, first=90), EMT)
    ended = store_process(WorkChainNode, "LabelWorkChain", caller=process.node, key="label_test", outputs={"batch": tests})
    process.ctx.update(labelling=["label", "label_test"], label=labelling(6, caller=process.node, key="label"), label_test=ended)
    process.inspect_label()
    assert (len(process.outputs["batch"]), process.outputs["test_batch"].uuid) == (6, tests.uuid)


def test_a_late_batch_holds_only_what_is_new(aiida_profile_clean, make_frames):
    frames = make_frames(5, labelled=True)
    whole, early = FramesData.from_frames(frames, EMT), FramesData.from_frames(frames[1:3], EMT)
    late = late_labels(batch=whole, early=early, about=Dict({"stage": "melt", "iteration": 3}))
    assert late.ids == [whole.ids[index] for index in (0, 3, 4)]
    assert late.engine == EMT["engine"]
    assert "iteration 3" in late.description


def test_what_comes_next_is_sampled_meanwhile_with_the_seed_of_its_turn(iterating, submitted, make_frames):
    process = iterating(2, ahead=Dict({"name": "again", "stage_iteration": 1}))
    process.hand_over("selected", FramesData.from_frames(make_frames(2)).store())
    process.run_label()
    assert [key for key, _, _ in submitted] == ["label", "sample_ahead"]
    assert submitted[1][2]["run"]["seed"] == derive_seed(1, "again", 1, "sample")
    assert "ensemble" not in submitted[1][2]
