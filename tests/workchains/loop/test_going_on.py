"""The record of a campaign that went on from another: its iterations, stages, costs, and the way of its frames are one story."""

import pytest
from records import begun, iteration

from alworkflows.frames import frame_id
from workchains import provenance


@pytest.fixture
def goes_on(campaign):
    """Return a function that makes a campaign which goes on from a hand-made one after an iteration."""
    from aiida import orm

    def _goes_on(iteration, **more):
        campaign.finish(701, "used up")
        record = orm.Dict({"campaign": campaign.node.uuid, "iteration": iteration})
        return begun("goes on", resumed=record, **more)

    return _goes_on


def sampling(node, number, stage="surface", sampler="surface-melt"):
    from aiida import orm
    from records import store

    given = {"sampler": orm.Dict({"name": sampler}), "names": orm.List(["copper"])}
    own = iteration(node, number, stage)
    return store(orm.WorkChainNode, "SampleWorkChain", caller=own, key="sample", inputs=given, state="waiting")


def test_iterations_of_both_are_told_each_with_its_campaign(campaign, goes_on):
    node = goes_on(2)
    assert [record.campaign for record in provenance.iterations(node)] == [campaign.node.pk] * 2
    sampling(node, 3)
    records = provenance.iterations(node)
    assert [(record.number, record.stage, record.campaign) for record in records] == [
        (1, "melt", campaign.node.pk),
        (2, "surface", campaign.node.pk),
        (3, "surface", node.pk),
    ]
    assert (records[1].labels, records[1].test_labels, records[2].state) == (1, 1, "sampling")
    assert provenance.earlier_campaign(node).pk == campaign.node.pk
    assert provenance.earlier_campaign(campaign.node) is None


def test_an_iteration_that_had_not_finished_is_done_again(campaign, goes_on):
    node = goes_on(1)
    sampling(node, 2)
    second = provenance.iterations(node)[-1]
    assert (second.number, second.campaign, second.candidates) == (2, node.pk, None)


def test_a_choice_that_was_taken_over_is_told_with_the_labels_made_since(campaign, goes_on, store_process):
    from aiida import orm
    from records import returned

    first = provenance.iterations(campaign.node)[1]
    selection = orm.load_node(first.nodes["selection"])
    node = goes_on(1, unfinished__selection=selection)
    own = iteration(node, 2, "surface")
    chain = store_process(orm.WorkChainNode, "LabelWorkChain", caller=own, key="label")
    returned(chain, batch=campaign.nodes["batch", 2])
    returned(own, batch=campaign.nodes["batch", 2])
    second = provenance.iterations(node)[-1]
    assert (second.stage, second.candidates, second.chosen, second.window) == ("surface", 3, 1, (0.1, 1.0))
    assert (second.labels, second.campaign) == (1, node.pk)
    assert second.nodes["selection"] == selection.pk
    assert provenance.costs(node).total.jobs == 0


def test_two_stages_that_sample_the_same_are_told_apart(aiida_profile):
    from aiida import orm

    node = begun("twice")
    settings = node.inputs.campaign.get_dict()
    stage = settings["stages"][0]
    settings["stages"] = [stage, {**stage, "name": "again"}]
    node = begun("twice", campaign=orm.Dict(settings))
    for number, name in enumerate(("melt", "again", "again"), 1):
        sampling(node, number, name, "melt")
    assert [record.stage for record in provenance.iterations(node)] == ["melt", "again", "again"]


def test_costs_before_are_told_apart(campaign, goes_on):
    node = goes_on(2)
    costs = provenance.costs(node)
    assert costs.total.jobs == 0
    assert costs.before == pytest.approx(42 / 3600)
    assert provenance.costs(campaign.node).before == 0
    assert provenance.costs(begun("third", resumed=campaign.orm.Dict({"campaign": node.uuid, "iteration": 2}))).before > 0


def test_the_way_of_a_frame_through_both_is_one(campaign, goes_on, store_process):
    """A frame that was chosen in the first campaign and labelled in the second."""
    from workchains.data.frames import FramesData

    frame = campaign.labelled[2]  # its label had failed in the first
    node = goes_on(1)
    batch = FramesData.from_frames([frame], {"engine": {"engine": "ase", "calculator": "emt"}})
    own = iteration(node, 2, "surface")
    chain = store_process(campaign.orm.WorkChainNode, "LabelWorkChain", caller=own, key="label")
    job = store_process(campaign.orm.CalcJobNode, "LabelJob", caller=chain, key="label_000", outputs={"labelled": batch})
    (lineage,) = provenance.frame_lineage(frame_id(frame))
    assert lineage.campaign == node.pk
    assert [event.kind for event in lineage.events] == ["structure", "sample", "describe", "select", "label", "label"]
    assert lineage.events[-2].facts["failed"] == "force 123.4 eV/A"
    assert lineage.events[-1].pk == job.pk
