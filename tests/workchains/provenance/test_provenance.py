"""Queries on the record, asked of a campaign made by hand whose answers are known."""

import datetime as dt

import numpy as np
import pytest

from alworkflows.errors import InputError
from alworkflows.frames import frame_id
from workchains import provenance
from workchains.data.frames import FramesData


def test_iterations_tell_counts_labels_and_errors(finished):
    first, second = provenance.iterations(finished.node)
    assert (first.key, first.number, first.stage, first.sampler, first.state) == ("iteration_01", 1, "melt", "melt", "done")
    assert (second.stage, second.sampler, second.state) == ("surface", "surface-melt", "done")
    assert (first.candidates, second.candidates) == (6, 3)
    assert first.window is None
    assert second.window == (0.1, 1.0)
    assert (first.chosen, first.test, first.labels, first.test_labels) == (3, 1, 2, 1)
    assert (first.failed_labels, first.failures) == (1, {"force … eV/A": 1})
    assert (second.training_frames, second.terms) == (3, 11.0)
    assert (first.held_out_error, first.test_error, first.final_error, second.final_error) == (0.35, 0.4, 0.3, 0.2)
    assert (first.jobs_done, first.jobs) == (4, 4)
    assert first.seconds == pytest.approx(46)
    assert first.nodes["batch"] == finished.nodes["batch", 1].pk


def test_an_iteration_that_runs_says_what_it_does(campaign, store_process):
    from aiida import orm

    given = {"sampler": orm.Dict({"name": "surface-melt"}), "names": orm.List(["copper"])}
    third = campaign.begin(3, stage_iteration=2)
    chain = store_process(orm.WorkChainNode, "SampleWorkChain", caller=third, key="sample", state="waiting", inputs=given)
    store_process(orm.CalcJobNode, "SampleJob", caller=chain, key="sample_00", state="waiting")
    last = provenance.iterations(campaign.node)[-1]
    assert (last.state, last.stage, last.stage_iteration, last.jobs_done, last.jobs) == ("sampling", "surface", 2, 0, 1)
    assert last.candidates is None
    # real time: it was made just now
    assert 0 <= last.seconds < 60


def test_a_step_that_failed_stops_its_iteration(campaign, store_process):
    from aiida import orm

    third = campaign.begin(3, state="finished", status=410, message="stage surface: sampling failed: no")
    store_process(orm.WorkChainNode, "SampleWorkChain", caller=third, key="sample", status=401, message="no")
    assert provenance.iterations(campaign.finish(410, "sampling failed"))[-1].state == "stopped"


@pytest.mark.parametrize(
    ("begun", "state"),
    [
        ({}, "sampling"),
        ({"trust_levels": "finished"}, "sampling"),
        ({"sample": "finished"}, "sampling"),
        ({"sample": "finished", "describe": "waiting"}, "describing"),
        ({"select": "finished", "label": "waiting"}, "labelling"),
        ({"label": "finished", "train": "running"}, "training"),
        ({"sample": "finished", "sample_ahead": "waiting"}, "sampling"),
    ],
)
def test_what_an_iteration_does_is_the_first_of_its_steps_that_has_not_ended(bare, store_process, make_frames, begun, state):
    from aiida import orm
    from records import iteration

    node = bare()
    own, frames = iteration(node, 1), FramesData.from_frames(make_frames(2, first=9250))
    for key, how in begun.items():
        name, inputs = ("LabelWorkChain", {"frames": frames}) if key.startswith("label") else ("Step", None)
        store_process(orm.WorkChainNode, name, caller=own, key=key, state=how, inputs=inputs)
    assert provenance.iterations(node)[0].state == state


def test_steps_of_other_levels_do_not_count_as_iterations(campaign, store_process):
    from aiida import orm
    from records import iteration

    other = store_process(orm.WorkChainNode, "Other", caller=campaign.node, key="other")
    iteration(other, 9)
    assert [record.number for record in provenance.iterations(campaign.node)] == [1, 2]


def test_direct_children_of_a_campaign_are_structures_and_iterations(finished):
    """What `verdi process status` shows of it reads as its story."""
    steps = provenance.steps_below(finished.node)
    own = [(step.key, step.process) for step in steps if step.parent == finished.node.pk]
    assert own == [
        ("structures", "build_structures"),
        ("iteration_01", "IterationWorkChain"),
        ("iteration_02", "IterationWorkChain"),
    ]
    second = finished.nodes["iteration", 2].pk
    assert [step.key for step in steps if step.parent == second] == [
        "sample",
        "describe",
        "select",
        "label",
        "divide",
        "train",
    ]
    places = provenance.Places(finished.node, steps)
    assert {step.key for step in steps if places.of(step.pk) is None} == {"structures"}
    assert all(places.of(step.pk).number == int(step.path[10:12]) for step in steps if step.key != "structures")


def test_timeline_gives_the_time_in_which_jobs_really_ran(finished):
    intervals = {item.path: item for item in provenance.timeline(finished.node)}
    sample = intervals["iteration_01/sample/sample_00"]
    # made at 10 s, its folder there at 12 s, 5 s by its report, ended at 20 s
    assert (sample.start, sample.end) == (finished.time(12), finished.time(17))
    assert (sample.created, sample.ended, sample.seconds) == (finished.time(10), finished.time(20), 5.0)
    assert sample.total == 10
    fit = intervals["iteration_01/train/fit"]
    assert (fit.start, fit.end, fit.kind, fit.process) == (finished.time(42), finished.time(52), "job", "FitJob")
    assert intervals["structures"].kind == "function"
    # four jobs, a selection, a word on failed labels and a division of labels per iteration, and the structures
    assert len(intervals) == 15


def test_a_job_never_runs_longer_than_until_it_was_fetched(campaign):
    chain = campaign.chain("SampleWorkChain", "sample", 110, 120, caller=campaign.begin(3))
    structures = campaign.structures
    campaign.job("SampleJob", "sample_00", 110, 120, {"structures": structures}, {}, chain, seconds=500.0)
    campaign.job("SampleJob", "sample_01", 110, 120, {"structures": structures}, {}, chain, status=310)
    jobs = [item for item in provenance.timeline(campaign.node) if item.path.startswith("iteration_03")]
    assert [(item.start, item.end) for item in jobs] == [(campaign.time(112), campaign.time(119))] * 2
    assert [item.seconds for item in jobs] == [500.0, None]


def test_a_queue_counts_as_waiting(campaign):
    chain = campaign.chain("SampleWorkChain", "sample", 110, 130, caller=campaign.begin(3))
    started = {"date": campaign.time(118).isoformat(), "timezone": "UTC"}
    job = {"last_job_info": {"dispatch_time": started}}
    campaign.job("SampleJob", "sample_00", 110, 130, {"structures": campaign.structures}, {}, chain, **job)
    (interval,) = [item for item in provenance.timeline(campaign.node) if item.path.startswith("iteration_03")]
    assert (interval.start, interval.end) == (campaign.time(118), campaign.time(123))


def test_idle_share_by_brute_force(finished):
    node = finished.node
    share = provenance.idle_share(node)
    # an independent count, in tenths of a second
    jobs = [item for item in provenance.timeline(node) if item.kind == "job"]
    grid = finished.start + np.arange(0.05, 106, 0.1) * dt.timedelta(seconds=1)
    busy = sum(any(item.start <= moment < item.end for item in jobs) for moment in grid) / 10
    assert share.total == pytest.approx(106)  # the last step's end, not the user's touch at 500 s
    assert share.running == pytest.approx(busy, abs=0.2)
    assert share.share == pytest.approx(1 - busy / 106, abs=0.005)
    assert sum(share.parts.values()) == pytest.approx(share.total - share.running)
    assert share.parts["start"] == pytest.approx(1)  # before the structures are built
    assert share.parts["functions"] == pytest.approx(1 + 2 + 2)
    assert share.parts["submitting"] > 0
    assert share.parts["fetching"] > 0


def test_no_job_at_all_is_all_idle(aiida_profile, store_process):
    from aiida import orm

    share = provenance.idle_share(store_process(orm.WorkChainNode, "ActiveLearningWorkChain"))
    assert share.running == 0
    assert sum(share.parts.values()) == pytest.approx(share.total)


# ------------------------------------------------------------------------------------------------ frames


def test_every_node_that_holds_a_frame_is_found_by_its_id_or_its_beginning(finished):
    identity = frame_id(finished.pool[0])
    expected = [
        finished.nodes["sample", 1].outputs.candidates.pk,
        finished.nodes["chosen", 1].pk,
        finished.nodes["label", 1].outputs.labelled.pk,
        finished.nodes["batch", 1].pk,
    ]
    for text in (identity, identity[:8]):
        places = provenance.find_frame(text)
        assert [place.pk for place in places] == expected
        assert [place.labelled for place in places] == [False, False, True, True]
    for place in places:
        node = finished.frames_type.collection.get(id=place.pk)
        assert frame_id(node.get_frames()[place.index]) == identity


@pytest.mark.parametrize("text", ["0" * 16, "00000000"])
def test_a_frame_that_does_not_exist(finished, text):
    with pytest.raises(InputError, match=f"no frame with the id '{text}'"):
        provenance.find_frame(text)


def test_a_beginning_that_fits_several_frames_names_them(aiida_profile, make_frames):
    node = FramesData.from_frames(make_frames(2, first=9002))
    node.base.attributes.set("ids", {"abcd000000000000": 0, "abcd111111111111": 1})
    node.store()
    with pytest.raises(InputError, match=r"beginning of 2 frame ids \(abcd000000000000, abcd111111111111\)"):
        provenance.find_frame("abcd")


def test_what_cannot_be_a_frame_id(aiida_profile):
    with pytest.raises(InputError, match="expected a frame id of 16 hex digits, or 4 or more of its first, got 'xyz'"):
        provenance.resolve_frame("xyz")


def test_lineage_tells_the_whole_way_of_a_frame(finished):
    (lineage,) = provenance.frame_lineage(frame_id(finished.pool[0])[:10])
    assert (lineage.campaign, lineage.campaign_label, lineage.formula) == (finished.node.pk, "hand-made", "Cu4")
    events = {}
    for event in lineage.events:
        events.setdefault(event.kind, []).append(event)
    assert list(events) == ["structure", "sample", "describe", "select", "label", "train"]
    assert events["structure"][0].facts["prototype"] == "fcc-copper"
    sample = events["sample"][0]
    assert sample.pk == finished.nodes["sample", 1].pk
    assert {key: sample.facts[key] for key in ("structure", "seed", "step", "temperature")} == {
        "structure": "copper",
        "seed": 7,
        "step": 100,
        "temperature": 300.0,
    }
    assert events["describe"][0].facts == {"disagreement_eV_per_A": None}
    assert events["select"][0].facts["seed"] == 11
    assert events["select"][0].facts["reason"] == "farthest from all before"
    label = events["label"][0].facts
    assert label["engine"] == {"engine": "ase", "calculator": "emt"}
    assert label["energy_eV"] == pytest.approx(-14 + 10)
    forces = finished.labelled[0].get_forces()
    assert label["largest_force_eV_per_A"] == pytest.approx(np.sqrt((forces**2).sum(axis=1)).max())
    assert [event.node for event in events["train"]] == [finished.nodes["ensemble", n].pk for n in (1, 2)]
    assert events["train"][1].facts["test_force_error_eV_per_A"] == 0.4


def test_lineage_of_a_frame_judged_by_an_ensemble(finished):
    (lineage,) = provenance.frame_lineage(frame_id(finished.pool[5]))
    events = {event.kind: event for event in lineage.events}
    ensemble = finished.nodes["ensemble", 1].pk
    assert events["sample"].facts["driven_by_ensemble"] == ensemble
    deviation = [event for event in lineage.events if event.kind == "describe"][-1].facts
    assert deviation == {"disagreement_eV_per_A": 0.7, "ensemble": ensemble, "reference_disagreement_eV_per_A": 0.25}
    assert events["select"].facts["as"] == "test frame, never trained on"
    assert "train" not in events
    assert events["test"].node == finished.nodes["ensemble", 2].pk


def test_lineage_says_why_a_label_failed(finished):
    (lineage,) = provenance.frame_lineage(frame_id(finished.pool[2]))
    (label,) = [event for event in lineage.events if event.kind == "label"]
    assert label.facts == {"failed": "force 123.4 eV/A", "kind": "force", "with_remedy": None}
    assert label.node is None
    assert label.process == "LabelJob"


def test_lineage_of_a_label_that_was_taken_over_goes_back_to_the_job_that_made_it(finished, make_frames, store_process):
    from aiida import orm

    from alworkflows.frames import attach_labels

    def taken_over(source, identity):
        frame = attach_labels(finished.labelled[0], -4.0, np.zeros((4, 3)))
        frame.info["origin"] = {"label": {"seconds": 2.5, "cores": 4, "reused_from": {"node": source.uuid, "frame": identity}}}
        return FramesData.from_frames([frame], {"engine": {"engine": "ase", "calculator": "emt"}})

    identity = frame_id(finished.labelled[0])
    first = taken_over(finished.nodes["batch", 1], identity)
    store_process(orm.CalcFunctionNode, "reuse_labels", outputs={"reused": first})
    gathered = taken_over(finished.nodes["batch", 1], identity)
    store_process(orm.CalcFunctionNode, "gather_labels", inputs={"reuse_01": first}, outputs={"result": gathered})
    second = taken_over(gathered, identity)
    process = store_process(orm.CalcFunctionNode, "reuse_labels", outputs={"reused": second})
    events = [event for lineage in provenance.frame_lineage(identity) for event in lineage.events if event.pk == process.pk]
    facts = events[0].facts
    assert (facts["taken_over_from"], facts["of_frame"]) == (gathered.pk, identity)
    assert facts["computed_by"] == finished.nodes["label", 1].pk
    assert facts["in_campaign"] == finished.node.pk
    assert "seconds" not in facts  # they were paid for before


def test_lineage_of_a_label_that_a_conversion_read_names_the_process_it_was_computed_by(
    aiida_profile, make_frames, store_process
):
    from aiida import orm

    (frame,) = make_frames(1, first=9100, labelled=True)
    computed = store_process(orm.WorkChainNode, "VaspWorkChain")
    frame.info["origin"] = {"label": {"process": computed.uuid, "remedies": ["mixing"], "remedy": "mixing", "restarts": 1}}
    node = FramesData.from_frames([frame], {"engine": {"engine": "vasp"}})
    store_process(orm.CalcFunctionNode, "vasp_labels", outputs={"result": node})
    (lineage,) = provenance.frame_lineage(frame_id(frame))
    (event,) = lineage.events
    assert (event.kind, event.process, event.facts["computed_by"]) == ("label", "vasp_labels", computed.pk)
    assert (event.facts["remedies"], event.facts["restarts"]) == (["mixing"], 1)


def test_a_frame_in_no_campaign(aiida_profile, make_frames):
    node = FramesData.from_frames(make_frames(1, first=9000)).store()
    (lineage,) = provenance.frame_lineage(node.ids[0])
    assert lineage.campaign is None
    assert [(event.kind, event.process, event.node) for event in lineage.events] == [("structure", "stored by hand", node.pk)]


# ------------------------------------------------------------------------------------------------ labels


def test_tally_of_a_labelling_that_ended_is_what_it_says_of_itself(finished):
    first, second = provenance.iterations(finished.node)
    tally = first.labelling
    assert (tally.total, tally.done, tally.reused, tally.failed, tally.in_flight, tally.queued) == (4, 3, 0, 1, 0, 0)
    assert (tally.kinds, tally.examples) == ({"force": 1}, {"force": "force 123.4 eV/A"})
    assert not tally.live
    assert second.labelling.labels == 2


HEADER = {"engine": {"engine": "ase", "calculator": "emt"}}


@pytest.fixture
def labelling(aiida_profile, make_frames, store_process):
    """Return a function that stores a labelling of six frames that runs."""
    from aiida import orm

    def _labelling(**options):
        frames = FramesData.from_frames(make_frames(6, first=9200))
        return store_process(orm.WorkChainNode, "LabelWorkChain", inputs={"frames": frames}, state="waiting", **options)

    return _labelling


def marked(node, *contents):
    """Let a process work on frames of these contents."""
    from workchains.processes.queueing import MARK

    node.base.extras.set(MARK, {"queue": "", "contents": list(contents)})
    return node


def test_labelling_that_runs_is_counted_from_what_its_jobs_made(labelling, make_frames, store_process):
    """Two frames are taken over, two labelled, one failed in a job, one is in flight."""
    from aiida import orm

    chain = labelling()
    ids = chain.inputs.frames.ids
    made = make_frames(6, first=9200, labelled=True)
    reused, new = (FramesData.from_frames(made[part], HEADER) for part in (slice(2, 4), slice(0, 2)))
    store_process(orm.CalcFunctionNode, "reuse_labels", caller=chain, key="reuse_01", outputs={"reused": reused})
    failed = {"id": ids[4], "index": 4, "kind": "unconverged", "reason": "no convergence in 60 steps"}
    report = orm.Dict({"failures": [failed]})
    store_process(orm.CalcJobNode, "LabelJob", caller=chain, key="label_000", outputs={"labelled": new, "report": report})
    marked(store_process(orm.CalcJobNode, "LabelJob", caller=chain, key="label_001", state="waiting"), "0" * 16)
    tally = provenance.label_tally(chain)
    assert (tally.total, tally.done, tally.reused, tally.failed, tally.in_flight, tally.queued) == (6, 2, 2, 1, 1, 0)
    assert (tally.kinds, tally.examples) == ({"unconverged": 1}, {"unconverged": "no convergence in 60 steps"})
    assert tally.live
    frames, engine = provenance.labelled_frames(chain)
    assert [frame_id(frame) for frame in frames] == ids[:4]
    assert engine == HEADER["engine"]


def test_tally_of_an_engine_of_one_frame_a_process(labelling, make_frames, store_process):
    """A frame counts as failed once its last try has ended badly, not while it is tried again or has its label by then."""
    from aiida import orm

    chain = labelling()

    def one(number, content, **options):
        return marked(
            store_process(orm.WorkChainNode, "VaspWorkChain", caller=chain, key=f"label_{number:03d}", **options), content
        )

    def read(node, **options):
        store_process(orm.CalcFunctionNode, "vasp_labels", caller=chain, key=f"read_{node.pk}", **options)

    labels = [FramesData.from_frames(make_frames(1, first=9200 + n, labelled=True), HEADER) for n in (0, 1)]
    read(one(0, "a"), outputs={"result": labels[0]})
    read(one(1, "b"), status=510, message="not converged")
    read(one(2, "b"), outputs={"result": labels[1]})  # a remedy helped
    read(one(3, "c"), status=510, message="not converged after 60")
    one(4, "c", state="waiting")  # is tried again
    read(one(5, "d"), status=511, message="largest force 200 eV/A")
    one(6, "e", status=700, message="died")
    tally = provenance.label_tally(chain)
    assert (tally.total, tally.done, tally.in_flight, tally.failed, tally.queued) == (6, 2, 1, 2, 1)
    assert tally.kinds == {"force": 1, "crash": 1}
    assert tally.examples["crash"] == "died"


def test_a_thousand_jobs_are_counted_with_a_few_queries(labelling, bare):
    """The record of a labelling of 1000 frames, one a job, is read in less than a few seconds, also while it runs."""
    import time

    from aiida import orm
    from aiida.manage import get_manager
    from aiida.orm.entities import EntityTypes
    from records import iteration

    from workchains.processes.queueing import MARK

    node = bare()
    chain = labelling(caller=iteration(node, 1), key="label")
    storage, user = get_manager().get_profile_storage(), orm.User.collection.get_default().pk
    rows = [
        {
            "node_type": "process.calculation.calcjob.CalcJobNode.",
            "user_id": user,
            "attributes": {
                "process_label": "LabelJob",
                "process_state": "finished" if number < 900 else "waiting",
                "exit_status": 0,
            },
            "extras": {MARK: {"queue": "", "contents": [f"{number:016x}"]}},
        }
        for number in range(1000)
    ]
    with storage.transaction():
        jobs = storage.bulk_insert(EntityTypes.NODE, rows, allow_defaults=True)
        links = [
            {"input_id": chain.pk, "output_id": job, "label": f"label_{number:03d}", "type": "call_calc"}
            for number, job in enumerate(jobs)
        ]
        storage.bulk_insert(EntityTypes.LINK, links, allow_defaults=True)
    began = time.perf_counter()
    (record,) = provenance.iterations(node)
    took = time.perf_counter() - began
    assert record.labelling.in_flight == 100
    assert (record.jobs, record.jobs_done) == (1000, 900)
    print(f"1000 jobs: {took:.2f} s")
    assert took < 5  # 0.2 s where nothing else runs


def test_folders_that_jobs_left_are_counted_until_they_are_cleaned(campaign):
    from aiida import orm

    jobs = [step.pk for step in provenance.steps_below(campaign.node) if step.kind == "job"]
    (paths,) = provenance.folders_left(jobs).values()
    assert len(paths) == 8
    folder = orm.load_node(jobs[0]).outputs.remote_folder
    folder.base.extras.set(folder.KEY_EXTRA_CLEANED, True)
    assert len(provenance.folders_left(jobs)["nowhere"]) == 7


def test_disk_counts_bytes_and_inodes_and_what_is_free(aiida_profile, aiida_localhost, tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "WAVECAR").write_bytes(b"x" * 100_000)
    disk = provenance.disk(aiida_localhost.label, [str(tmp_path / "job"), str(tmp_path / "gone")])
    assert 100_000 <= disk.used_bytes < 200_000
    assert disk.used_inodes == 2
    assert disk.free_bytes > 0


def test_a_machine_that_cannot_be_asked_about_its_disk(aiida_profile):
    from pieces import computer

    computer()
    with pytest.raises(InputError, match="nowhere cannot be asked about its disk"):
        provenance.disk("nowhere", ["/scratch"])


# ------------------------------------------------------------------------------------------------ nodes


def test_ancestry_goes_back_to_the_structures(finished):
    relatives = provenance.ancestry(finished.nodes["ensemble", 1])
    pks = [item.pk for item in relatives]
    assert pks[0] == finished.nodes["fit", 1].pk
    assert {finished.nodes["batch", 1].pk, finished.nodes["chosen", 1].pk, finished.structures.pk} <= set(pks)
    assert {item.depth for item in provenance.ancestry(finished.nodes["ensemble", 1], depth=2)} == {1, 2}


def test_ancestry_shows_a_node_once(finished):
    relatives = provenance.ancestry(finished.nodes["ensemble", 2], depth=20)
    full = [item.pk for item in relatives if not item.repeated]
    assert len(full) == len(set(full))
    assert any(item.repeated for item in relatives)


def test_uses_of_a_batch_are_the_fits(finished):
    used = [item for item in provenance.uses(finished.nodes["batch", 1]) if item.what.startswith("FitJob")]
    assert [item.pk for item in used] == [finished.nodes["fit", n].pk for n in (1, 2)]


def test_every_node_knows_its_campaign(finished, make_frames):
    assert provenance.campaign_of(finished.nodes["ensemble", 1]).pk == finished.node.pk
    assert provenance.campaign_of(FramesData.from_frames(make_frames(1, first=9001)).store()) is None


def test_a_node_that_does_not_exist(aiida_profile):
    for text in (
        "12345678901234567890123",
        "2147483648",
        "9" * 5000,
        10**22,
        "²",
        "-5",
        "0" * 30 + "1",
        "1e5",
        "a" * 10**5,
        "",
        "%",
        "_",
        "a" * 37,
        "\x00",
    ):
        with pytest.raises(InputError, match="no node with the PK or UUID '") as raised:
            provenance.load_node(text)
        assert len(str(raised.value)) < 200
    with pytest.raises(InputError, match="no node with the PK or UUID '99999'"):
        provenance.load_node(99999)
