"""What the campaign cost: core-hours of each iteration by step, and what a label costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alworkflows.plotting import figure, styled, svg
from workchains.report.captions import CAPTIONS
from workchains.report.section import Section, Table
from workchains.report.style import STEP_COLOURS
from workchains.report.text import percent, plural, significant

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workchains.provenance import Costs
    from workchains.report.data import Report

__all__ = ["bars", "costs"]


def costs(report: Report) -> Section:
    """What was spent on what."""
    anchor, title = "costs", "What it cost"
    costs = report.costs
    if costs is None or not costs.total.jobs:
        return Section(anchor, title, missing=report.missing.get("jobs", "No job has run yet."))
    by_step = ", ".join(f"{name} {significant(cost.core_hours)}" for name, cost in costs.steps.items())
    alt = f"{significant(costs.total.core_hours)} core-hours in {plural(costs.total.jobs, 'job')}: {by_step}"
    return Section(anchor, title, CAPTIONS["costs"], svg(bars(costs), "costs"), alt, [_steps(costs), _labels(costs)])


@styled
def bars(costs: Costs) -> Figure:
    """Draw the core-hours of each iteration, stacked by step; beside it the sums by step."""
    fig, (left, right) = figure(3.4, (2.2, 1))
    groups = list(costs.iterations)
    names = [name for name in STEP_COLOURS if name in costs.steps] + sorted(set(costs.steps) - set(STEP_COLOURS))
    base = [0.0] * len(groups)
    for name in names:
        values = [costs.iterations[group][name].core_hours if name in costs.iterations[group] else 0.0 for group in groups]
        left.bar(range(len(groups)), values, bottom=base, color=_colour(name), label=name, width=0.8)
        base = [below + value for below, value in zip(base, values, strict=True)]
    every = max(1, len(groups) // 15)
    shown = [index for index, group in enumerate(groups) if index % every == 0 or not group.isdigit()]
    left.set_xticks(shown, [_short(groups[index]) for index in shown])
    left.set(xlabel="iteration", ylabel="core-hours")
    left.set_ylim(0, 1.05 * max(base) or 1)
    left.grid(axis="x", visible=False)
    drawn = right.barh(
        names, [costs.steps[name].core_hours for name in names], color=[_colour(name) for name in names], height=0.7
    )
    right.bar_label(drawn, [significant(costs.steps[name].core_hours) for name in names], padding=3, fontsize=9.5)
    right.invert_yaxis()
    right.margins(x=0.3)
    right.set(xlabel="core-hours in all")
    right.grid(axis="y", visible=False)
    return fig


def _short(group: str) -> str:
    return group if group.isdigit() else "end"


def _colour(step: str) -> str:
    return STEP_COLOURS.get(step, STEP_COLOURS["other"])


def _steps(costs: Costs) -> Table:
    whole = costs.total.core_hours
    rows = [
        (name, str(cost.jobs), significant(cost.core_hours), percent(cost.core_hours / whole) if whole else "–",
         significant(cost.core_hours / costs.labels.accepted) if costs.labels.accepted else "–")
        for name, cost in [*costs.steps.items(), ("in all", costs.total)]
    ]  # fmt: skip
    heads = ("step", "jobs", "core-hours", "share", "core-hours per accepted frame")
    return Table(
        "Core-hours by step; a frame is accepted if it was chosen to train on and has a label", heads, rows, frozenset({0})
    )


def _labels(costs: Costs) -> Table:
    labels = costs.labels
    saved = "unknown" if labels.saved is None else significant(labels.saved)
    rows = [
        ("new labels", str(labels.new), significant(labels.core_hours - labels.failed_core_hours)),
        ("attempts that gave no label", "", significant(labels.failed_core_hours)),
        ("of one new label, failed attempts included", "1", significant(labels.per_label)),
        ("labels taken over: saved, not spent", str(labels.reused), saved),
    ]
    rows += [
        (f"labelled by {name}, in jobs", str(cost.jobs), significant(cost.core_hours)) for name, cost in costs.engines.items()
    ]
    return Table("What labels cost", ("what", "number", "core-hours"), rows, frozenset({0}))
