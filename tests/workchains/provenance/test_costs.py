"""What campaigns cost, asked of one made by hand whose times are known."""

import datetime as dt

import pytest

from workchains import provenance
from workchains.data.frames import FramesData

HEADER = {"engine": {"engine": "ase", "calculator": "emt"}}


def test_costs_by_step_iteration_and_stage(finished):
    """Each iteration samples 5 s, describes 1 s, labels 5 s and fits 10 s, on one core."""
    costs = provenance.costs(finished.node)
    seconds = {name: (cost.jobs, cost.seconds) for name, cost in costs.steps.items()}
    assert seconds == {"sample": (2, 10.0), "describe": (2, 2.0), "label": (2, 10.0), "fit": (2, 20.0)}
    assert costs.total.core_hours == pytest.approx(42 / 3600)
    assert (costs.total.jobs, costs.total.running) == (8, 0)
    assert list(costs.iterations) == ["1", "2"]
    assert costs.iterations["2"]["label"] == provenance.Cost(1, 0, 5.0, 5 / 3600)
    assert costs.stages == {"melt": costs.iterations["1"], "surface": costs.iterations["2"]}
    for what in ("step", "iteration", "stage"):
        parts = [cost for row in costs.by(what).values() for cost in row.values()]
        assert sum(cost.core_hours for cost in parts) == pytest.approx(costs.total.core_hours)


def test_what_a_label_costs(finished):
    labels = provenance.costs(finished.node).labels
    assert (labels.new, labels.reused, labels.failed, labels.accepted) == (5, 0, 1, 3)
    assert labels.core_hours == pytest.approx(10 / 3600)
    assert labels.per_label == pytest.approx(10 / 3600 / 5)
    assert labels.per_accepted == pytest.approx(42 / 3600 / 3)
    assert labels.saved == 0


def test_core_hours_are_the_sum_of_all_jobs(finished):
    assert provenance.core_hours_spent(finished.node) == pytest.approx(42 / 3600)
    assert provenance.core_hours_spent(finished.node) == pytest.approx(provenance.costs(finished.node).total.core_hours)


def test_cores_are_those_asked_for_or_those_kept_busy(campaign):
    chain = campaign.chain("LabelWorkChain", "label", 110, 140, caller=campaign.begin(3))
    asked = {"num_machines": 2, "num_mpiprocs_per_machine": 8, "num_cores_per_mpiproc": 2}
    campaign.job("VaspCalculation", "label_000", 110, 140, {}, {}, chain, resources=asked)
    campaign.job("LabelJob", "label_001", 110, 140, {}, {}, chain, report={"cores": 4})
    jobs = {item.path: item for item in provenance.timeline(campaign.node) if item.path.startswith("iteration_03")}
    assert [item.cores for item in jobs.values()] == [32, 4]
    assert [item.core_seconds for item in jobs.values()] == [5 * 32, 5 * 4]
    assert provenance.costs(campaign.node).iterations["3"]["label"].core_hours == pytest.approx(180 / 3600)


def in_flight(campaign, key, began, **options):
    """Store a job that runs since so many seconds before now."""
    from aiida import orm
    from pieces import computer
    from records import set_times, store

    remote = orm.RemoteData(remote_path="/scratch", computer=computer())
    caller = campaign.nodes["iteration", 2]
    job = store(orm.CalcJobNode, "LabelJob", caller=caller, key=key, outputs={"remote_folder": remote},
                state="waiting", **options)  # fmt: skip
    since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=began)
    set_times(remote, since, since)
    return job


def test_a_job_in_flight_costs_what_it_ran_until_now_and_one_in_the_queue_nothing(campaign):
    before = provenance.core_hours_spent(campaign.node)
    in_flight(campaign, "label_a", 3600, resources={"num_machines": 1, "num_mpiprocs_per_machine": 4})
    assert provenance.core_hours_spent(campaign.node) - before == pytest.approx(4, rel=0.01)
    in_flight(campaign, "label_b", 7200, scheduler_state="queued")
    assert provenance.core_hours_spent(campaign.node) - before == pytest.approx(4, rel=0.01)
    costs = provenance.costs(campaign.node)
    assert costs.total.running == costs.iterations["2"]["label"].running == 2


@pytest.fixture
def labelling(aiida_profile, make_frames, store_process):
    """Return a labelling by hand of four frames with EMT, which ended as told."""
    from aiida import orm

    def _labelling(**told):
        frames = FramesData.from_frames(make_frames(4, first=9700))
        inputs = {"frames": frames, "settings": orm.Dict({"engine": "ase", "calculator": {"name": "emt"}})}
        result = orm.Dict({"total": 4, "failed": 0, "reused": 0, "recovered": 0, "kinds": {}, "failures": [], **told})
        chain = store_process(orm.WorkChainNode, "LabelWorkChain", inputs=inputs)
        store_process(orm.CalcFunctionNode, "tell_failures", caller=chain, key="failures", outputs={"result": result})
        from aiida.common import LinkType

        result.base.links.add_incoming(chain, LinkType.RETURN, "failures")
        return chain

    return _labelling


def job(chain, key, label="LabelJob", seconds=10.0, labelled=None, failures=(), **options):
    from aiida import orm
    from pieces import computer
    from records import set_times, store

    outputs = {"remote_folder": orm.RemoteData(remote_path="/scratch", computer=computer()), "retrieved": orm.FolderData()}
    if label == "LabelJob":
        outputs["report"] = orm.Dict({"seconds": seconds, "failures": list(failures)})
    if labelled is not None:
        outputs["labelled"] = labelled
    made = store(orm.CalcJobNode, label, caller=chain, key=key, outputs=outputs, **options)
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    set_times(outputs["remote_folder"], start, start)
    set_times(outputs["retrieved"], start + dt.timedelta(seconds=seconds), start)
    return made


def test_failed_labels_cost_what_their_attempts_took(labelling, make_frames, store_process):
    """Of a job of many frames what the failed ones took; of one without any label, and of processes of one frame, all."""
    from aiida import orm

    chain = labelling(failed=2)
    some = FramesData.from_frames(make_frames(1, first=9700, labelled=True), HEADER)
    job(chain, "label_000", labelled=some, failures=[{"id": "a", "seconds": 3.0}])
    job(chain, "label_001", status=421, failures=[{"id": "b", "seconds": 1.0}])
    for number, status in enumerate((0, 501)):
        outer = store_process(orm.WorkChainNode, "VaspWorkChain", caller=chain, key=f"label_{number + 2:03d}")
        job(outer, "iteration_01", "VaspCalculation", seconds=100.0)
        # the program ended well; whether its result is a label is what the reading says
        store_process(orm.CalcFunctionNode, "vasp_labels", caller=chain, key=f"read_{outer.pk}", status=status)
    costs = provenance.costs(chain)
    assert costs.steps == {"label": provenance.Cost(4, 0, 220.0, 220 / 3600)}
    assert costs.engines == {"emt": costs.steps["label"]}
    assert costs.labels.failed_core_hours == pytest.approx((3 + 10 + 100) / 3600)
    assert costs.labels.per_label == pytest.approx(220 / 3600 / 2)


def test_labels_taken_over_save_what_the_new_ones_cost(labelling, make_frames):
    chain = labelling(reused=3)
    job(chain, "label_000", seconds=7.0, labelled=FramesData.from_frames(make_frames(1, first=9700, labelled=True), HEADER))
    labels = provenance.costs(chain).labels
    assert (labels.new, labels.reused, labels.saved) == (1, 3, pytest.approx(3 * 7 / 3600))


def test_labels_taken_over_alone_save_what_they_cost_elsewhere(labelling, make_frames, store_process):
    from aiida import orm

    chain = labelling(reused=4)
    frames = make_frames(4, first=9700, labelled=True)
    for frame in frames:
        frame.info["origin"] = {"label": {"seconds": 90.0, "cores": 4, "reused_from": {"node": "x", "frame": "y"}}}
    taken = {"reused": FramesData.from_frames(frames, HEADER)}
    store_process(orm.CalcFunctionNode, "reuse_labels", caller=chain, key="reuse_01", outputs=taken)
    labels = provenance.costs(chain).labels
    assert (labels.per_label, labels.saved) == (None, pytest.approx(4 * 90 * 4 / 3600))


def test_a_campaign_that_has_not_begun_has_cost_nothing(bare):
    costs = provenance.costs(bare())
    assert costs == provenance.Costs()
    assert provenance.core_hours_spent(bare()) == 0


def test_costs_of_a_thousand_jobs_take_a_few_queries(bare, monkeypatch):
    import time

    from aiida import orm
    from aiida.manage import get_manager
    from aiida.orm.entities import EntityTypes

    node = bare()
    storage, user = get_manager().get_profile_storage(), orm.User.collection.get_default().pk
    attributes = {"process_label": "LabelJob", "process_state": "finished", "exit_status": 0, "resources": {"num_machines": 1}}
    row = {"node_type": "process.calculation.calcjob.CalcJobNode.", "user_id": user, "attributes": attributes}
    with storage.transaction():
        jobs = storage.bulk_insert(EntityTypes.NODE, [row] * 1000, allow_defaults=True)
        links = [
            {"input_id": node.pk, "output_id": pk, "label": f"label_{number:03d}", "type": "call_calc"}
            for number, pk in enumerate(jobs)
        ]
        storage.bulk_insert(EntityTypes.LINK, links, allow_defaults=True)
    queries = []
    original = orm.QueryBuilder.iterall
    monkeypatch.setattr(orm.QueryBuilder, "iterall", lambda self, **given: queries.append(1) or original(self, **given))
    began = time.perf_counter()
    assert provenance.core_hours_spent(node) == 0  # without a folder none of them ran
    took = time.perf_counter() - began
    print(f"core-hours of 1000 jobs: {took:.2f} s")
    assert took < 5
    assert len(queries) <= 4
