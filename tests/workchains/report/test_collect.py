"""From the record to plain data, for campaigns that ended, failed or run."""

import pytest
from aiida import orm
from records import iteration

from workchains.report.collect import collect
from workchains.report.failures import without_numbers
from workchains.report.page import render


def test_a_finished_campaign_is_complete(judged):
    report = collect(judged)
    assert (report.state, report.name, report.stages) == ("finished", "hand-made", ("melt", "surface"))
    assert "after 2 iterations" in report.ending
    assert report.labels == 5
    assert [row.trained_on for row in report.iterations] == [2, 3]
    assert report.iterations[0].failed_labels == 1
    assert report.iterations[1].window == (0.1, 1.0)
    assert report.seconds == pytest.approx(109, abs=1)
    assert sum(report.idle.values()) < report.seconds
    assert {(item.step, item.count) for item in report.failures} == {("label", 1)}
    assert "emt" in report.engine
    assert render(report)


def test_errors_belong_to_the_iterations_whose_ensembles_were_judged(judged):
    evaluation = collect(judged).evaluation
    assert evaluation.errors[1]["all"] == 0.4
    assert evaluation.errors[2]["surface"] == 0.1
    assert evaluation.share(2, "all") == pytest.approx(0.05)
    assert evaluation.groups == ("melt", "surface")


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
    labelling = collect(judged).labelling
    assert [(row.iteration, row.total, row.new, row.failed) for row in labelling.rows] == [(1, 4, 3, 1), (2, 2, 2, 0)]
    assert (labelling.kinds, labelling.examples) == ({"force": 1}, {"force": "force 123.4 eV/A"})
    assert labelling.costs is None  # labels made by hand do not say what they took
    assert collect(judged).summary()["labelling"]["new"] == 5


def test_jobs_of_any_program_that_labels_are_of_the_label_step(bare, store_process):
    node = bare()
    chain = store_process(orm.WorkChainNode, "LabelWorkChain", caller=iteration(node, 1), key="label")
    vasp = store_process(orm.WorkChainNode, "VaspWorkChain", caller=chain, key="label_000")
    job = store_process(orm.CalcJobNode, "VaspCalculation", caller=vasp, key="iteration_01", status=700, message="did not finish")
    report = collect(node)
    assert {item.pk: item.step for item in report.jobs}[job.pk] == "label"
    # its frame is counted as a failed label, if it is one; the job is no failure of its own
    assert not any("VaspCalculation" in item.reason for item in report.failures)


def test_jobs_carry_step_iteration_and_times(judged):
    jobs = collect(judged).jobs
    assert {job.step for job in jobs} == {"sample", "describe", "label", "fit", "evaluate"}
    assert {job.iteration for job in jobs} == {1, 2, None}
    assert all(job.end is not None and job.end >= job.start for job in jobs)


def test_a_running_campaign_says_what_it_does_and_what_is_missing(unjudged):
    unjudged.node.set_process_state("running")
    report = collect(unjudged.node)
    assert report.state == "running"
    assert "Iteration 2" in report.ending
    assert report.evaluation is None
    assert "when the last stage is done" in report.missing["evaluation"]
    assert report.summary()["ended"] is None
    assert "when the last stage is done" in render(report)


def test_a_campaign_that_stopped_names_its_exit_code(unjudged):
    unjudged.finish(413, "stage surface: labelling failed: out of memory")
    report = collect(unjudged.node)
    assert report.state == "stopped"
    assert report.ending.startswith("ERROR_ALL_LABELS_FAILED (413): stage surface: labelling failed: out of memory.")
    assert "There is no judgement" in render(report)


@pytest.mark.parametrize(("state", "said"), [("killed", "It was killed"), ("excepted", "It broke off: KeyError: 'x'")])
def test_a_campaign_that_broke_off_says_so(unjudged, state, said):
    unjudged.node.set_process_state(state)
    if state == "excepted":
        unjudged.node.set_exception("Traceback ...\nKeyError: 'x'\n")
    report = collect(unjudged.node)
    assert report.state == "failed"
    assert report.ending.startswith(said)


def test_a_campaign_without_any_step_has_a_page(unjudged):
    node = orm.WorkChainNode(label="bare")
    node.set_process_label("ActiveLearningWorkChain")
    node.set_process_state("finished")
    node.set_exit_status(201)
    node.set_exit_message("the starting structures cannot be used: fused")
    node.base.links.add_incoming(unjudged.node.inputs.campaign, link_type=_input(), link_label="campaign")
    node.store()
    report = collect(node)
    assert report.iterations == ()
    assert "No job ran" in render(report)


def _input():
    from aiida.common.links import LinkType

    return LinkType.INPUT_WORK


def test_reasons_that_differ_in_a_figure_are_one():
    assert without_numbers("atoms 3 and 17 are 0.41 A apart") == without_numbers("atoms 5 and 8 are 1.2e-1 A apart")
