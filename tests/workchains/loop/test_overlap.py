"""An iteration that goes on before all its labels are there: how many are enough, what it takes, what it begins meanwhile."""

import pytest
from aiida.orm import CalcJobNode, Dict, WorkChainNode
from pieces import noted

from alworkflows.settings import Overlap
from workchains.data.frames import FramesData
from workchains.loop.late import has_enough
from workchains.loop.uses import late_labels
from workchains.processes.naming import derive_seed

EMT = {"engine": {"name": "emt"}}


@pytest.fixture
def labelling(aiida_profile_clean, make_frames, store_process):
    """Return a function that makes a labelling step of ten frames that lives, and has some labels."""

    def _labelling(done, state="running", tests=0, **options):
        frames, chosen = make_frames(10, labelled=True), noted(make_frames(10), ["train"] * (10 - tests) + ["test"] * tests)
        chain = store_process(WorkChainNode, "LabelWorkChain", inputs={"frames": chosen}, state=state, **options)
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
    process.ctx.label = chain
    process.hand_over("chosen", chain.inputs.frames)
    assert not process.should_wait_for_labels()
    process.inspect_label()
    assert process.outputs["batch"].ids == chain.inputs.frames.ids[:6]
    assert process.outputs["batch"].creator.process_label == "divide_labels"
    assert process.should_train()


def test_it_waits_while_too_few_are_there_for_the_first_of_its_jobs(iterating, labelling, store_process):
    process = iterating(changes={"overlap": {"share": 0.5}})
    chain = labelling(4, caller=process.node, key="label")
    job = store_process(CalcJobNode, "LabelJob", caller=chain, key="label_009", state="waiting")
    process.ctx.label = chain
    assert process.should_wait_for_labels()
    awaited = process.await_labels()
    assert {awaitable.pk for awaitable in awaited.values()} == {chain.pk, job.pk}
    assert all(key.startswith("others.") for key in awaited)


@pytest.mark.parametrize(
    ("overlap", "jobs", "seconds"),
    [
        ({"share": 0.5}, 0, 3.0),  # it was just begun: its jobs are to be heard of
        ({"share": 0.5}, 1, None),
        ({"share": 0.5, "after": 2.0}, 1, 7200.1),
        ({"share": 0.5, "after": 1e-9}, 1, None),  # that was long ago
    ],
)
def test_it_is_woken_in_time(iterating, labelling, store_process, overlap, jobs, seconds):
    process = iterating(changes={"overlap": overlap})
    process.ctx.label = chain = labelling(0, caller=process.node, key="label")
    for number in range(jobs):
        store_process(CalcJobNode, "LabelJob", caller=chain, key=f"label_{number:03d}", state="waiting")
    process.await_labels()
    assert process.ctx.wake_after == (seconds if seconds is None else pytest.approx(seconds, abs=5))


def test_of_each_use_there_must_be_one(iterating, labelling):
    """What is there is divided; a test set of which nothing is there would be no test set."""
    process = iterating(changes={"overlap": {"share": 0.5}})
    process.ctx.label = labelling(8, tests=2, caller=process.node, key="label")
    assert process.should_wait_for_labels()
    process.ctx.label = chain = labelling(9, tests=2, caller=process.node, key="label")
    assert not process.should_wait_for_labels()
    process.hand_over("chosen", chain.inputs.frames)
    process.inspect_label()
    ids = chain.inputs.frames.ids
    assert (process.outputs["batch"].ids, process.outputs["test_batch"].ids) == (ids[:8], ids[8:9])


def test_late_batches_hold_only_what_is_new(aiida_profile_clean, make_frames):
    frames, chosen = make_frames(6, labelled=True), noted(make_frames(6), ["train"] * 4 + ["test"] * 2).store()
    parts = {"part_000": FramesData.from_frames(frames[:4], EMT), "part_001": FramesData.from_frames(frames[4:], EMT)}
    early = {"early_train": FramesData.from_frames(frames[1:3], EMT), "early_test": FramesData.from_frames(frames[4:5], EMT)}
    late = late_labels(chosen=chosen, about=Dict({"stage": "melt", "iteration": 3}), **parts, **early)
    assert {use: node.ids for use, node in late.items()} == {
        "train": [chosen.ids[index] for index in (0, 3)],
        "test": [chosen.ids[5]],
    }
    assert late["train"].engine == EMT["engine"]
    assert "iteration 3" in late["test"].description


def test_what_comes_next_is_sampled_meanwhile_with_the_seed_of_its_turn(iterating, submitted, make_frames):
    process = iterating(2, ahead=Dict({"name": "again", "stage_iteration": 1}))
    process.hand_over("chosen", noted(make_frames(2), ["train"] * 2).store())
    process.run_label()
    assert [key for key, _, _ in submitted] == ["label", "sample_ahead"]
    assert submitted[1][2]["run"]["seed"] == derive_seed(1, "again", 1, "sample")
    assert "ensemble" not in submitted[1][2]
