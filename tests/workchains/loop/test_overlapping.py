"""The record of a campaign that does not wait: samples before their turn, labels that come late."""

from records import begun, iteration, returned, store

from alworkflows.frames import frame_id
from workchains import provenance
from workchains.data.frames import FramesData

HEADER = {"engine": {"engine": "ase", "calculator": "emt"}}


def test_what_was_sampled_before_its_turn_belongs_to_the_iteration_that_used_it(campaign, make_frames):
    from aiida import orm

    node = campaign.node
    given = {"sampler": orm.Dict({"name": "surface-melt"}), "names": orm.List(["copper"])}
    chain = campaign.chain("SampleWorkChain", "sample_ahead", 60, 70, given, caller=campaign.nodes["iteration", 2])
    candidates = FramesData.from_frames(make_frames(5, first=9400))
    campaign.job("SampleJob", "sample_00", 60, 70, {"structures": campaign.structures}, {"candidates": candidates}, chain)
    returned(chain, candidates=candidates)
    # nobody has used it yet
    before = provenance.iterations(node)
    assert [record.number for record in before] == [1, 2]
    assert (before[1].jobs, before[1].candidates) == (4, 3)
    assert provenance.costs(node).iterations["whole campaign"]["sample"].jobs == 1
    own = campaign.begin(3, stage_iteration=2, inputs={"candidates": candidates})
    campaign.hand_over(3, candidates=candidates)
    campaign.job("DescribeJob", "describe", 106, 110, {"candidates": candidates}, {}, own)
    second, third = provenance.iterations(node)[1:]
    assert (third.number, third.stage, third.candidates, third.jobs) == (3, "surface", 5, 2)
    assert (third.steps["sample"], second.jobs) == (chain.pk, 4)
    assert "whole campaign" not in provenance.costs(node).iterations
    assert set(provenance.costs(node).iterations["3"]) == {"sample", "describe"}


def test_a_label_that_came_late_is_told_by_what_made_it(aiida_profile, make_frames, store_process):
    from aiida import orm

    frames = make_frames(3, first=9410, labelled=True)
    made = FramesData.from_frames(frames, HEADER)
    job = store_process(orm.CalcJobNode, "LabelJob", outputs={"labelled": made})
    early = FramesData.from_frames(frames[:2], HEADER)
    store_process(orm.CalcFunctionNode, "divide_labels", inputs={"part_000": made}, outputs={"train": early})
    late = FramesData.from_frames(frames[2:], HEADER)
    store_process(orm.CalcFunctionNode, "late_labels", inputs={"early_train": early, "part_000": made}, outputs={"train": late})
    (lineage,) = provenance.frame_lineage(frame_id(frames[2]))
    assert [(event.kind, event.pk) for event in lineage.events] == [("label", job.pk)]


def test_a_fit_on_late_labels_alone_is_an_iteration_of_no_stage(aiida_profile):
    from aiida import orm

    node = begun("late")
    own = iteration(node, 4, "late labels", 3)
    store(orm.WorkChainNode, "TrainWorkChain", caller=own, key="train", state="running")
    (record,) = provenance.iterations(node)
    assert (record.number, record.stage, record.sampler, record.state) == (4, "late labels", "none", "training")


def test_an_iteration_that_has_no_step_yet_knows_its_stage(aiida_profile):
    node = begun("just begun")
    iteration(node, 4, "surface", 2, state="created")
    (record,) = provenance.iterations(node)
    assert (record.number, record.stage, record.stage_iteration, record.sampler) == (4, "surface", 2, "surface-melt")
    assert (record.state, record.jobs, record.labels) == ("sampling", 0, 0)
