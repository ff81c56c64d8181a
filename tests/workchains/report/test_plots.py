"""The plots, from plain data: they show the numbers they are given."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import synthetic

from alworkflows.plotting import svg
from workchains.report import plots
from workchains.report.costs import bars
from workchains.report.data import Iteration, Job
from workchains.report.flights import counts, in_flight, peak
from workchains.report.labelling import Costs
from workchains.report.style import group_style, stage_style
from workchains.report.timing import gaps, lanes, sums, timing


@pytest.fixture(scope="module")
def report():
    return synthetic.report()


def test_error_lines_hold_the_errors_of_each_stage_and_of_all(report):
    left, right = plots.errors(report.evaluation, report.iterations, report.stages).axes
    lines = {line.get_label(): line.get_ydata() for line in left.lines}
    assert set(lines) == {"melt", "surface", "quench", "all stages"}
    np.testing.assert_allclose(lines["quench"], [report.evaluation.errors[n]["quench"] for n in range(1, 6)])
    np.testing.assert_array_equal(left.lines[0].get_xdata(), [row.trained_on for row in report.iterations])
    last = [line.get_ydata()[-1] for line in right.lines]
    assert last[0] == pytest.approx(100 * 0.20 / 2.6)
    assert last[-1] == pytest.approx(10)


def test_an_iteration_without_ensemble_has_no_point(report):
    rows = (*report.iterations, Iteration(6, "quench", "stopped"))
    left, _ = plots.errors(report.evaluation, rows, report.stages).axes
    assert len(left.lines[0].get_xdata()) == 5


def test_a_stage_keeps_its_colour_where_another_has_no_test_frames(report):
    some = replace(report.evaluation, groups=("melt", "quench"), group=report.evaluation.group // 2)
    colours = {line.get_label(): line.get_color() for line in plots.errors(some, report.iterations, report.stages).axes[0].lines}
    assert colours["quench"] == stage_style(2)["color"]


def test_levels_stack_to_the_number_of_candidates(report):
    axis = plots.levels(report.iterations).axes[0]
    right_ends = {}
    for bar in axis.patches:
        place = round(bar.get_y() + bar.get_height() / 2)
        right_ends[place] = max(right_ends.get(place, 0), bar.get_x() + bar.get_width())
    for place, row in enumerate(report.iterations):
        assert right_ends[place] == sum(row.counts[name] for name in ("accurate", "candidate", "failed", "refused"))


def test_parity_has_a_panel_a_stage_and_counts_every_component(report):
    figure = plots.parity(report.evaluation)
    panels = [axis for axis in figure.axes if axis.get_title(loc="left")]
    assert [axis.get_title(loc="left").split("\n")[0] for axis in panels] == list(synthetic.STAGES)
    counted = sum(item.get_array().sum() for axis in panels for item in axis.collections)
    assert counted == report.evaluation.reference.size


def test_calibration_draws_both_levels_and_skips_what_has_no_logarithm(report):
    judged = replace(report.evaluation, disagreement=np.where(np.arange(36) == 0, 0.0, report.evaluation.disagreement))
    axis = plots.calibration(judged, report.stages, (0.05, 0.6)).axes[0]
    assert sum(len(item.get_offsets()) for item in axis.collections) == 35
    assert sorted(line.get_xdata()[0] for line in axis.lines if len(set(line.get_xdata())) == 1) == [0.05, 0.6]


def test_rank_correlation_is_one_for_any_monotone_relation_and_none_without_one():
    values = np.array([0.1, 0.4, 0.2, 0.9])
    assert plots.rank_correlation(values, np.exp(3 * values)) == pytest.approx(1)
    assert plots.rank_correlation(values, -values) == pytest.approx(-1)
    assert plots.rank_correlation(values, np.ones(4)) is None
    assert plots.rank_correlation(values[:2], values[:2]) is None


def test_map_shows_every_frame_once(report):
    axis = plots.frame_map(report.frame_map).axes[0]
    assert sum(len(item.get_offsets()) for item in axis.collections) == len(report.frame_map.points)


def test_descriptor_bars_add_up(report):
    left, right = plots.descriptors(report.terms).axes
    assert sum(bar.get_height() for bar in left.patches) == sum(sum(member.values()) for member in report.terms.per_member)
    assert sum(bar.get_height() for bar in right.patches) == len(report.terms.chosen)


def at(seconds):
    return synthetic.START + timedelta(seconds=seconds)


def job(number, start, end, step="sample"):
    return Job(number, step, "", at(start), None if end is None else at(end))


def test_lanes_keep_jobs_that_overlap_apart_and_use_as_few_as_ran_at_once():
    jobs = [job(number, *times) for number, times in enumerate([(0, 10), (2, 4), (5, 9), (10, 12), (3, None)])]
    rows = lanes(jobs, at(12))
    assert max(rows) == 2
    for one in range(5):
        for other in range(one):
            first, second = jobs[one], jobs[other]
            if first.start < (second.end or at(12)) and second.start < (first.end or at(12)):
                assert rows[one] != rows[other]


def test_gaps_and_jobs_fill_the_wall_time():
    jobs = [job(1, 1, 5), job(2, 3, 6, "label"), job(3, 8, None, "fit")]
    assert gaps(jobs, at(0), at(10)) == [(at(0), at(1)), (at(6), at(8))]
    assert gaps(jobs[:2], at(0), at(10)) == [(at(0), at(1)), (at(6), at(10))]
    assert gaps([], at(0), at(10)) == [(at(0), at(10))]
    assert sums(jobs, at(10)) == {"sample": (1, 4.0), "label": (1, 3.0), "fit": (1, 2.0)}


def test_jobs_in_flight_are_counted_from_their_making_to_their_end():
    edges, open_ = counts([(at(0), at(10)), (at(2), at(4)), (at(4), at(6))], at(0))
    np.testing.assert_array_equal(edges, [0, 2, 4, 6, 10])
    np.testing.assert_array_equal(open_, [1, 2, 2, 1, 0])
    one = replace(job(1, 5, 6), made=at(1), gone=at(8))
    other = replace(job(2, 7, None), made=at(7))
    assert peak([one, other], at(9)) == 2
    assert peak([replace(one, gone=at(7)), other], at(9)) == 1


def test_label_jobs_are_drawn_with_the_cap_and_the_time_of_each_label(report):
    jobs = [item for item in report.jobs if item.step == "label"]
    left, right = in_flight(jobs, report.started, report.ended, report.labelling).axes
    (running,) = [line for line in left.lines if line.get_label() == "running"]
    assert max(running.get_ydata()) == 2
    assert [line.get_ydata()[0] for line in left.lines if "cap" in str(line.get_label())] == [4]
    assert sum(len(item.get_offsets()) for item in right.collections) == len(report.labelling.costs.seconds)


def test_core_hours_count_all_cores():
    costs = Costs(np.array([3600.0, 1800.0]), np.array([2.0, 4.0]), np.array([10, 10]), np.array([0, 1]))
    assert costs.core_hours() == pytest.approx(4)
    assert costs.core_hours(1) == pytest.approx(2)


def test_a_job_that_still_runs_is_drawn_to_now():
    figure = timing([Job(1, "sample", "", at(1), None, "running", 1)], at(0), at(10))
    assert max(bar.get_x() + bar.get_width() for bar in figure.axes[0].patches) == pytest.approx(10)


def test_the_same_figure_gives_the_same_text(report):
    one, two = (svg(plots.levels(report.iterations), "levels") for _ in range(2))
    assert one == two
    assert one.rstrip().endswith("</svg>")


def test_cost_bars_add_up_to_all_core_hours(report):
    left, right = bars(report.costs).axes
    assert sum(bar.get_height() for bar in left.patches) == pytest.approx(report.costs.total.core_hours)
    assert sum(bar.get_width() for bar in right.patches) == pytest.approx(report.costs.total.core_hours)
    assert [text.get_text() for text in left.get_xticklabels()] == ["1", "2", "3", "4", "end"]


def test_given_test_frames_are_a_group_of_no_stage(report):
    groups = ("melt", "given")
    errors = {number: {**of, "given": 0.5} for number, of in report.evaluation.errors.items()}
    judged = replace(report.evaluation, groups=groups, group=report.evaluation.group % 2, errors=errors)
    stages = {stage_style(index)["color"] for index in range(len(report.stages))}
    lines = {line.get_label(): line for line in plots.errors(judged, report.iterations, report.stages).axes[0].lines}
    assert lines["given"].get_color() not in stages
    assert len(plots.calibration(judged, report.stages, None).axes[0].collections) == 2
    assert group_style("melt", report.stages) == stage_style(0)
