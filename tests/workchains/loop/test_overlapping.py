"""The record of a campaign that does not wait: samples before their turn, labels that come late."""

import pytest
from records import begun, store

from alworkflows.frames import frame_id
from workchains import provenance
from workchains.data.frames import FramesData

HEADER = {"engine": {"engine": "ase", "calculator": "emt"}}


def test_what_was_sampled_before_its_turn_belongs_to_the_iteration_that_used_it(campaign, make_frames):
    from aiida import orm
    from aiida.common import LinkType

    node = campaign.node
    given = {"sampler": orm.Dict({"name": "surface-melt"}), "names": orm.List(["copper"])}
    chain = campaign.chain("SampleWorkChain", "ahead_surface_02_sample", 60, 70, given)
    candidates = FramesData.from_frames(make_frames(5, first=9400))
    campaign.job("SampleJob", "sample_00", 60, 70, {"structures": campaign.structures}, {"candidates": candidates}, chain)
    candidates.base.links.add_incoming(chain, LinkType.RETURN, "candidates")
    # nobody has used it yet
    assert [record.number for record in provenance.iterations(node)] == [1, 2]
    assert provenance.costs(node).iterations["whole campaign"]["sample"].jobs == 1
    campaign.returned("candidates__iteration_03", candidates)
    campaign.job("DescribeJob", "iteration_03_deviate", 106, 110, {"candidates": candidates}, {})
    third = provenance.iterations(node)[-1]
    assert (third.number, third.stage, third.candidates, third.jobs) == (3, "surface", 5, 2)
    assert "whole campaign" not in provenance.costs(node).iterations
    assert set(provenance.costs(node).iterations["iteration_03"]) == {"sample", "describe"}


def test_a_label_that_came_late_is_told_by_what_made_it(aiida_profile, make_frames, store_process):
    from aiida import orm

    frames = make_frames(3, first=9410, labelled=True)
    made = FramesData.from_frames(frames, HEADER)
    job = store_process(orm.CalcJobNode, "LabelJob", outputs={"labelled": made})
    early = FramesData.from_frames(frames[:2], HEADER)
    store_process(orm.CalcFunctionNode, "gather_labels", inputs={"part_000": made}, outputs={"result": early})
    late = FramesData.from_frames(frames[2:], HEADER)
    store_process(orm.CalcFunctionNode, "late_labels", inputs={"batch": made, "early": early}, outputs={"result": late})
    (found,) = provenance.frame_lineage(frame_id(frames[2]))
    assert [(event.kind, event.pk) for event in found.events] == [("label", job.pk)]


@pytest.mark.parametrize(("steps", "stage"), [({"train": "TrainWorkChain"}, "late labels"), ({"describe": "DescribeJob"}, "?")])
def test_a_fit_on_late_labels_alone_is_an_iteration_without_a_stage(aiida_profile, steps, stage):
    from aiida import orm

    node = begun("late")
    for name, process in steps.items():
        store(orm.WorkChainNode, process, caller=node, key=f"iteration_04_{name}")
    (record,) = provenance.iterations(node)
    assert (record.number, record.stage) == (4, stage)
