"""From the record to plain data, for campaigns that ended, failed or run."""

import pytest
from aiida import orm
from records import iteration

from workchains.report.collect import collect
from workchains.report.failures import without_numbers
from workchains.report.page import render


def test_a_finished_campaign_is_complete(judged):
    found = collect(judged)
    assert (found.state, found.name, found.stages) == ("finished", "hand-made", ("melt", "surface"))
    assert "after 2 iterations" in found.ending
    assert found.labels == 5
    assert [row.trained_on for row in found.iterations] == [2, 3]
    assert found.iterations[0].failed_labels == 1
    assert found.iterations[1].window == (0.1, 1.0)
    assert found.seconds == pytest.approx(109, abs=1)
    assert sum(found.idle.values()) < found.seconds
    assert {(item.step, item.count) for item in found.failures} == {("label", 1)}
    assert "emt" in found.engine
    assert render(found)


def test_errors_belong_to_the_iterations_whose_ensembles_were_judged(judged):
    found = collect(judged).evaluation
    assert found.errors[1]["all"] == 0.4
    assert found.errors[2]["surface"] == 0.1
    assert found.share(2, "all") == pytest.approx(0.05)
    assert found.groups == ("melt", "surface")


def test_map_shows_each_candidate_with_its_use(judged):
    mapped = collect(judged).frame_map
    assert len(mapped.points) == 9
    assert (mapped.use == "chosen").sum() == 4
    assert (mapped.use == "test").sum() == 2
    assert [mapped.stages[index] for index in mapped.stage] == ["melt"] * 6 + ["surface"] * 3


def test_terms_are_those_of_the_last_ensemble(judged):
    terms = collect(judged).terms
    assert len(terms.per_member) == 2
    assert len(terms.chosen) == 3
    assert [term.members for term in terms.chosen if term.name == "Cu-Cu gaussian b=2 a=1"] == [2]


def test_shares_and_curves_are_those_of_the_last_ensemble(judged):
    insight = collect(judged).insight
    groups = {share.group: share.terms for share in insight.shares if share.kind == "body order" and share.interaction == "all"}
    assert sum(groups.values()) == 3
    assert [curve.pair for curve in insight.pairs] == ["Cu-Cu"]
    assert insight.distances.counts.any()


def test_the_path_is_that_of_the_last_fit(judged):
    rows, chosen = collect(judged).path
    assert rows == [{"alpha": 0.2, "terms": 5, "train": 0.5}, {"alpha": 0.1, "terms": 11, "train": 0.3}]
    assert chosen == 1


def test_labels_are_counted_by_iteration_and_kind(judged):
    found = collect(judged).labelling
    assert [(row.iteration, row.total, row.new, row.failed) for row in found.rows] == [(1, 4, 3, 1), (2, 2, 2, 0)]
    assert (found.kinds, found.examples) == ({"force": 1}, {"force": "force 123.4 eV/A"})
    assert found.costs is None  # labels made by hand do not say what they took
    assert collect(judged).summary()["labelling"]["new"] == 5


def test_jobs_of_any_program_that_labels_are_of_the_label_step(bare, store_process):
    node = bare()
    chain = store_process(orm.WorkChainNode, "LabelWorkChain", caller=iteration(node, 1), key="label")
    vasp = store_process(orm.WorkChainNode, "VaspWorkChain", caller=chain, key="label_000")
    job = store_process(orm.CalcJobNode, "VaspCalculation", caller=vasp, key="iteration_01", status=700, message="did not finish")
    found = collect(node)
    assert {item.pk: item.step for item in found.jobs}[job.pk] == "label"
    # its frame is counted as a failed label, if it is one; the job is no failure of its own
    assert not any("VaspCalculation" in item.reason for item in found.failures)


def test_jobs_carry_step_iteration_and_times(judged):
    jobs = collect(judged).jobs
    assert {job.step for job in jobs} == {"sample", "describe", "label", "fit", "evaluate"}
    assert {job.iteration for job in jobs} == {1, 2, None}
    assert all(job.end is not None and job.end >= job.start for job in jobs)


def test_a_running_campaign_says_what_it_does_and_what_is_missing(unjudged):
    unjudged.node.set_process_state("running")
    found = collect(unjudged.node)
    assert found.state == "running"
    assert "Iteration 2" in found.ending
    assert found.evaluation is None
    assert "when the last stage is done" in found.missing["evaluation"]
    assert found.summary()["ended"] is None
    assert "when the last stage is done" in render(found)


def test_a_campaign_that_stopped_names_its_exit_code(unjudged):
    unjudged.finish(413, "stage surface: labelling failed: out of memory")
    found = collect(unjudged.node)
    assert found.state == "stopped"
    assert found.ending.startswith("ERROR_ALL_LABELS_FAILED (413): stage surface: labelling failed: out of memory.")
    assert "There is no judgement" in render(found)


@pytest.mark.parametrize(("state", "said"), [("killed", "It was killed"), ("excepted", "It broke off: KeyError: 'x'")])
def test_a_campaign_that_broke_off_says_so(unjudged, state, said):
    unjudged.node.set_process_state(state)
    if state == "excepted":
        unjudged.node.set_exception("Traceback ...\nKeyError: 'x'\n")
    found = collect(unjudged.node)
    assert found.state == "failed"
    assert found.ending.startswith(said)


def test_a_campaign_without_any_step_has_a_page(unjudged):
    node = orm.WorkChainNode(label="bare")
    node.set_process_label("ActiveLearningWorkChain")
    node.set_process_state("finished")
    node.set_exit_status(201)
    node.set_exit_message("the starting structures cannot be used: fused")
    node.base.links.add_incoming(unjudged.node.inputs.campaign, link_type=_input(), link_label="campaign")
    node.store()
    found = collect(node)
    assert found.iterations == ()
    assert "No job ran" in render(found)


def _input():
    from aiida.common.links import LinkType

    return LinkType.INPUT_WORK


def test_reasons_that_differ_in_a_figure_are_one():
    assert without_numbers("atoms 3 and 17 are 0.41 A apart") == without_numbers("atoms 5 and 8 are 1.2e-1 A apart")
