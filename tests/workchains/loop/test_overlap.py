"""Going on before all labels are there: how many are enough, what becomes of late ones, sampling before its turn."""

import pytest
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import CalcJobNode, Dict, WorkChainNode

from workchains.data.frames import FramesData
from workchains.loop.active_learning import ActiveLearningWorkChain
from workchains.loop.late import late_labels

EMT = {"engine": {"name": "emt"}}
STAGE = {"sampler": {"name": "rattle"}, "structures": ["copper"], "iterations": 2}


@pytest.fixture
def process(aiida_profile_clean, aiida_code_installed):
    """Return a function that makes a campaign in its first iteration."""

    def _process(**overlap):
        campaign = {
            "name": "copper",
            "species": ["Zn", "O"],
            "structures": {"copper": {"prototype": "zno-wurtzite"}},
            "stages": [{**STAGE, "name": "melt"}, {**STAGE, "name": "again"}],
            "overlap": overlap,
        }
        code = aiida_code_installed(filepath_executable="/bin/true", label="alworkflows")
        made = instantiate_process(get_manager().get_runner(), ActiveLearningWorkChain, code=code, campaign=Dict(campaign))
        made.setup()
        made.ctx.update(stage=0, stage_iteration=1, iteration=1, selected=None, test=None)
        return made

    return _process


@pytest.fixture
def labelling(make_frames, store_process):
    """Return a function that makes a labelling step of ten frames that lives, and has some labels."""

    def _labelling(done, state="running"):
        frames = make_frames(10, labelled=True)
        chain = store_process(
            WorkChainNode, "LabelWorkChain", inputs={"frames": FramesData.from_frames(make_frames(10))}, state=state
        )
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
def test_how_many_labels_are_enough(process, labelling, overlap, done, enough):
    assert process(**overlap).has_enough(labelling(done)) is enough


def test_it_is_off_unless_asked_for(process):
    assert process().campaign.overlap.share == 1
    assert process().campaign.overlap.after is None


def test_a_fit_takes_what_is_there_and_the_rest_comes_as_a_batch_of_its_own(process, labelling, make_frames, store_process):
    campaign, chain = process(share=0.5), labelling(6)
    campaign.ctx.update(labelling=["label"], label=chain)
    assert not campaign.should_wait_for_labels()
    campaign.inspect_label()
    assert len(campaign.made("batches")) == 6
    assert campaign.late_are_coming()
    campaign.collect_late()
    assert set(campaign.ctx.batches) == {"iteration_01"}
    # the last four come, and the step ends
    part = FramesData.from_frames(make_frames(4, labelled=True, first=6), EMT)
    store_process(CalcJobNode, "LabelJob", caller=chain, key="label_009", outputs={"labelled": part})
    chain.set_process_state("killed")
    assert not campaign.late_are_coming()
    assert campaign.should_train_late()
    assert campaign.made("batches", "late_01").ids == part.ids
    assert campaign.ctx.iteration == 2
    assert not campaign.ctx.late
    assert campaign.labels_paid() == 10


def test_a_late_batch_holds_only_what_is_new(aiida_profile_clean, make_frames):
    frames = make_frames(5, labelled=True)
    whole, early = FramesData.from_frames(frames, EMT), FramesData.from_frames(frames[1:3], EMT)
    late = late_labels(batch=whole, early=early)
    assert late.ids == [whole.ids[index] for index in (0, 3, 4)]
    assert late.engine == EMT["engine"]


def test_samples_come_before_their_turn_only_from_samplers_that_need_no_ensemble(process, monkeypatch):
    asked = []
    monkeypatch.setattr(ActiveLearningWorkChain, "submit_sample", lambda _, key, *more: asked.append(key))
    campaign = process(sample_ahead=True)
    campaign.sample_ahead()
    campaign.ctx.stage_iteration = 2
    campaign.sample_ahead()
    campaign.ctx.stage = 1
    campaign.sample_ahead()
    assert asked == ["ahead_melt_02_sample", "ahead_again_01_sample"]
    process().sample_ahead()
    assert len(asked) == 2
