"""What a campaign that goes on takes over from the one before, where it goes on, and what contradicts what is there."""

from pathlib import Path

import pytest
from aiida.orm import ArrayData, CalcJobNode, Dict, WorkChainNode
from pieces import noted
from records import iteration, returned

from alworkflows import __version__
from alworkflows.errors import InputError
from alworkflows.settings import Campaign, parse
from workchains.data.frames import FramesData
from workchains.loop.resuming import check_changes, earlier, position, resume_builder, successors
from workchains.loop.uses import late_labels

STAGE = {"sampler": {"name": "rattle"}, "structures": ["copper"], "iterations": 2}
CAMPAIGN = {
    "name": "copper",
    "species": ["Cu"],
    "structures": {"copper": {"prototype": "zno-wurtzite"}},
    "stages": [{**STAGE, "name": "melt"}, {**STAGE, "name": "surface"}],
    "label": {"calculator": {"name": "emt"}},
}


def changed(**changes):
    return parse(Campaign, {**CAMPAIGN, **changes})


def decision(stage, iteration, stage_iteration, ending=None):
    sentence = f"{stage}: {ending or 'goes on'}"
    about = {"stage": stage, "iteration": iteration, "stage_iteration": stage_iteration}
    return Dict({**about, "ending": ending, "sentence": sentence, "converged": ending == "converged"}).store()


@pytest.fixture
def made(aiida_profile_clean, make_frames, store_process):
    """Return a function that makes a campaign which ended after some decisions, with a batch of each iteration."""

    def _made(*decisions, more=0, inputs=None):
        outputs = {}
        for number, (stage, stage_iteration, ending) in enumerate(decisions, 1):
            outputs[f"decisions__iteration_{number:02d}"] = decision(stage, number, stage_iteration, ending)
        for number in range(1, len(decisions) + more + 1):
            batch = FramesData.from_frames(make_frames(2, labelled=True, first=10 * number), {"engine": {"name": "emt"}})
            outputs[f"batches__iteration_{number:02d}"] = batch.store()
            outputs[f"candidates__iteration_{number:02d}"] = batch
        settings = Dict(parse(Campaign, CAMPAIGN).model_dump(mode="json"))
        given = {"campaign": settings, "options": Dict({}), **(inputs or {})}
        node = store_process(WorkChainNode, "ActiveLearningWorkChain", inputs=given, outputs=outputs, state="killed")
        told = [(stage, number) for stage, number, _ in decisions] + [("melt", len(decisions) + 1)] * more
        for number, (stage, stage_iteration) in enumerate(told, 1):
            own = iteration(node, number, stage, stage_iteration, state="finished" if number <= len(decisions) else "killed")
            names = {"batches": "batch", "candidates": "candidates", "decisions": "decision"}
            kept = {output: outputs.get(f"{name}__iteration_{number:02d}") for name, output in names.items()}
            returned(own, **{output: data for output, data in kept.items() if data is not None})
        return node

    return _made


def own_iteration(node, number):
    """Return an iteration of a campaign."""
    links = node.base.links.get_outgoing(link_label_filter=f"iteration_{number:02d}").all()
    return next(link.node for link in links if link.link_label == f"iteration_{number:02d}")


def test_only_finished_iterations_are_taken_over(made):
    before = earlier(made(("melt", 1, None), more=1))
    assert set(before.kept["batches"]) == {"iteration_01"}
    assert before.iteration == 1
    assert before.labels == 2
    assert before.unfinished == {}


def test_late_batches_are_kept_whatever_their_number(made, make_frames, store_process):
    late = FramesData.from_frames(make_frames(2, labelled=True, first=90), {"engine": {"name": "emt"}})
    before = earlier(made(("melt", 1, None), inputs={"previous__batches__late_07": late}))
    assert before.kept["batches"]["late_07"].pk == late.pk
    assert before.labels == 4


def test_a_choice_is_kept_once_labels_were_begun(made, store_process, make_frames):
    node = made(("melt", 1, None), more=1)
    frames, marks = noted(make_frames(3, first=80), ["train"] * 3).store(), ArrayData().store()
    chosen = {"selection": Dict({}).store(), "fingerprints": marks, "chosen": frames}
    second = own_iteration(node, 2)
    returned(second, **chosen)
    assert earlier(node).unfinished == {}
    store_process(WorkChainNode, "LabelWorkChain", caller=second, key="label", state="killed")
    unfinished = earlier(node).unfinished
    assert unfinished["chosen"].pk == frames.pk
    assert set(unfinished) == {"selection", "fingerprints", "chosen", "candidates"}


def test_a_choice_that_was_taken_over_and_not_labelled_yet_is_handed_on(made):
    selection = Dict({}).store()
    record = {"campaign": "x", "iteration": 1}
    inputs = {"unfinished__selection": selection, "resumed": Dict(record)}
    inputs["previous__decisions__iteration_01"] = decision("melt", 1, 1)
    assert earlier(made(inputs=inputs)).unfinished["selection"].pk == selection.pk
    inputs["resumed"] = Dict({**record, "iteration": 0})  # that iteration is done
    assert earlier(made(inputs=inputs)).unfinished == {}


def test_a_fit_to_late_labels_alone_is_no_finished_iteration(made, store_process):
    """Its labels are kept, as batches of their own; the fit is made again with the next batch."""
    node = made(("melt", 1, "converged"))
    own = iteration(node, 2, "late labels", 1, state="finished")
    ensemble = Dict({}).store()
    returned(own, ensemble=ensemble)
    returned(node, ensembles__iteration_02=ensemble)
    before = earlier(node)
    assert before.iteration == 1
    assert before.kept["ensembles"] == {}
    assert position(before, before.campaign)[:2] == (1, 0)


def test_the_hundred_and_first_iteration_is_the_last(made):
    before = earlier(made(*(("melt", number, None) for number in range(1, 102))))
    assert before.iteration == 101
    assert list(before.kept["batches"])[-3:] == ["iteration_99", "iteration_100", "iteration_101"]


@pytest.fixture
def builder(alworkflows_code, tmp_path):
    """Return a function that gives the inputs of the campaign that goes on from another."""

    def _builder(node):
        before = earlier(node)
        return resume_builder(before, before.campaign, Path(tmp_path), alworkflows_code, alworkflows_code)

    return _builder


def test_the_campaign_that_goes_on_is_told_where(made, builder):
    node = made(("melt", 1, None))
    new = builder(node)
    told = new.resumed.get_dict()
    expected = {
        "campaign": node.uuid,
        "stage": 0,
        "stage_iteration": 1,
        "iteration": 1,
        "late": {},
        "late_batches": 0,
        "groups": {},
    }
    assert {name: told[name] for name in expected} == expected
    assert told["sentence"].endswith("with 2 labels, after iteration 1: stage melt")
    assert {name for name, nodes in new.previous.items() if nodes} == {"batches", "candidates", "decisions"}
    assert new.campaign.get_dict() == node.inputs.campaign.get_dict()


def test_labels_that_no_batch_holds_yet_are_waited_for(made, builder, make_frames, store_process):
    """The first iteration went on with two of four labels; the step that labels was killed, or goes on."""
    node = made(("melt", 1, None))
    own = own_iteration(node, 1)
    frames = make_frames(4, labelled=True, first=10)
    chain = store_process(WorkChainNode, "LabelWorkChain", caller=own, key="label", state="running",
                          inputs={"frames": FramesData.from_frames(make_frames(4, first=10))})  # fmt: skip
    assert builder(node).resumed["late"] == {"iteration_01": own.uuid}
    chain.set_process_state("killed")
    assert builder(node).resumed["late"] == {}
    whole = FramesData.from_frames(frames, {"engine": {"name": "emt"}})
    store_process(CalcJobNode, "LabelJob", caller=chain, key="label_000", outputs={"labelled": whole})
    assert builder(node).resumed["late"] == {"iteration_01": own.uuid}


def test_labels_still_made_for_the_campaign_before_that_one_are_waited_for_too(made, builder, make_frames, store_process):
    """A went on early, B goes on from it and is killed; C must know what is still on its way for A."""
    first = made(("melt", 1, None))
    own = own_iteration(first, 1)
    chosen = noted(make_frames(4, first=10), ["train"] * 4)
    store_process(WorkChainNode, "LabelWorkChain", caller=own, key="label", state="running", inputs={"frames": chosen})
    record = builder(first).resumed.get_dict()
    batch = first.outputs.batches.iteration_01
    inputs = {
        "resumed": Dict(record),
        "previous__batches__iteration_01": batch,
        "previous__decisions__iteration_01": decision("melt", 1, 1),
    }
    second = made(inputs=inputs)
    assert builder(second).resumed["late"] == {"iteration_01": own.uuid}


def test_what_came_late_of_an_iteration_that_is_done_again_comes_again_with_it(made, builder, make_frames):
    node = made(("melt", 1, None), more=1)
    frames = FramesData.from_frames(make_frames(2, labelled=True, first=60), {"engine": {"name": "emt"}}).store()
    chosen = noted(make_frames(2, first=60), ["train"] * 2)
    late = {
        number: late_labels(chosen=chosen, about=Dict({"stage": "melt", "iteration": number}), part_000=frames)["train"]
        for number in (1, 2)
    }
    returned(node, batches__late_01=late[2], batches__late_02=late[1])
    before = earlier(node)
    assert set(before.kept["batches"]) == {"iteration_01", "late_02"}
    # the next one that comes late has a key that none has had
    assert builder(node).resumed["late_batches"] == 2


def test_test_frames_keep_their_stage_late_ones_too(made, builder, make_frames):
    node = made(("melt", 1, "converged"), ("surface", 1, None))
    frames = [
        FramesData.from_frames(make_frames(1, labelled=True, first=70 + k), {"engine": {"name": "emt"}}).store() for k in (0, 1)
    ]
    chosen = noted(make_frames(2, first=70), ["test"] * 2)
    about = Dict({"stage": "surface", "iteration": 2})
    late = late_labels(chosen=chosen, about=about, part_000=frames[0], part_001=frames[1], early_test=frames[1])["test"]
    given = FramesData.from_frames(make_frames(1, labelled=True, first=80), {"engine": {"name": "emt"}}).store()
    returned(node, tests__iteration_01=frames[0], tests__late_01=late, tests__given_00_00=given)
    told = builder(node).resumed
    assert told["groups"] == {"iteration_01": "melt", "late_01": "surface", "given_00_00": "given"}
    assert told["late_batches"] == 1


def test_what_was_taken_over_before_is_taken_over_again(made, make_frames):
    batch = FramesData.from_frames(make_frames(2, labelled=True), {"engine": {"name": "emt"}})
    inputs = {
        "previous__batches__iteration_01": batch,
        "previous__decisions__iteration_01": decision("melt", 1, 1, "converged"),
        "resumed": Dict({"campaign": "x", "iteration": 1}),
    }
    before = earlier(made(inputs=inputs))  # it died before it handed anything over
    assert before.kept["batches"]["iteration_01"].pk == batch.pk
    assert position(before, before.campaign) == (1, 0, {})


@pytest.mark.parametrize(
    ("decisions", "changes", "where"),
    [
        ((), {}, (0, 0)),
        ((("melt", 1, None),), {}, (0, 1)),
        ((("melt", 1, "converged"),), {}, (1, 0)),
        ((("melt", 2, "iterations"),), {}, (1, 0)),
        ((("melt", 1, "converged"), ("surface", 2, "iterations")), {}, (2, 0)),
        # more iterations of the last stage
        ((("melt", 1, "converged"), ("surface", 2, "iterations")), {"stages": [{"iterations": 2}, {"iterations": 5}]}, (1, 2)),
        # of a stage that is behind, they are not done
        ((("melt", 2, "iterations"), ("surface", 1, None)), {"stages": [{"iterations": 9}, {"iterations": 2}]}, (1, 1)),
        # a stricter convergence is judged by the iterations to come
        (
            (("melt", 1, "converged"),),
            {"stages": [{"convergence": {"accurate_share": 0.99}}, {}]},
            (0, 1),
        ),
    ],
)
def test_where_it_goes_on(made, decisions, changes, where):
    stages = [
        {**STAGE, "name": name, **more} for name, more in zip(("melt", "surface"), changes.get("stages", [{}, {}]), strict=True)
    ]
    before = earlier(made(*decisions))
    assert position(before, changed(stages=stages))[:2] == where


def test_stages_that_did_not_converge_are_remembered(made):
    before = earlier(made(("melt", 2, "iterations"), ("surface", 1, None)))
    assert position(before, before.campaign)[2] == {"melt": "melt: iterations"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": {"calculator": {"name": "morse"}}}, r"label.calculator: it would make other labels than the 2"),
        ({"species": ["Cu", "Zn"]}, r"species: the 2 labels that are there are of Cu, got Cu, Zn"),
        ({"stages": [{**STAGE, "name": "surface"}, {**STAGE, "name": "melt"}]}, r"stages: melt is done or begun"),
    ],
)
def test_settings_that_contradict_what_is_there(made, changes, message):
    with pytest.raises(InputError, match=message):
        check_changes(earlier(made(("melt", 1, None))), changed(**changes))


@pytest.mark.parametrize("label", [{"chunk": 3}, {"success_share": 0.1}, {"approval": "batch"}, {"machine": "cluster"}])
def test_settings_that_make_the_same_labels_may_change(made, label):
    check_changes(earlier(made(("melt", 1, None))), changed(label={**CAMPAIGN["label"], **label}))


def test_without_a_label_all_may_change(made):
    check_changes(earlier(made()), changed(label={"calculator": {"name": "morse"}}, species=["Cu", "Zn"]))


def test_another_version_is_told_by_its_number(aiida_profile_clean, store_process):
    settings = parse(Campaign, CAMPAIGN).model_dump(mode="json")
    old = store_process(
        WorkChainNode,
        "ActiveLearningWorkChain",
        inputs={"campaign": Dict({**settings, "accurate_share": 0.9})},
        version={"core": "2.9.0", "plugin": "0.0.3"},
    )
    with pytest.raises(InputError, match=r"was made by alworkflows 0\.0\.3, whose records this version .* launch its file anew"):
        earlier(old)
    same = {"core": "2.9.0", "plugin": f"{__version__}.dev1"}
    other = {"campaign": Dict({**settings, "accurate_share": 0.9})}
    unread = store_process(WorkChainNode, "ActiveLearningWorkChain", inputs=other, version=same)
    with pytest.raises(InputError, match=r"this is .*which cannot go on with it .*accurate_share.*launch its file anew"):
        earlier(unread)


def test_who_went_on_from_a_campaign_is_found(made, store_process):
    node = made()
    assert successors(node) == []
    record = Dict({"campaign": node.uuid})
    after = store_process(WorkChainNode, "ActiveLearningWorkChain", inputs={"resumed": record}, state="running")
    assert [other.pk for other in successors(node)] == [after.pk]


def test_what_a_person_allowed_makes_no_other_labels(made):
    before = earlier(made(("melt", 1, None)))
    assert before.labels
    check_changes(before, changed(label={"calculator": {"name": "emt", "allowed": "import a:B"}}))
    with pytest.raises(InputError, match=r"label.calculator: it would make other labels"):
        check_changes(before, changed(label={"calculator": {"name": "morse"}}))
