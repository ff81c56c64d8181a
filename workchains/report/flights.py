"""How the queue was filled: label jobs in flight over wall time, and how long single labels took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from alworkflows.plotting import INK, figure, styled
from workchains.report.data import Job
from workchains.report.style import STEP_COLOURS, stage_style
from workchains.report.timing import unit_of_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workchains.report.labelling import Costs, Labelling

__all__ = ["counts", "in_flight", "peak"]


def counts(spans: Sequence[tuple[datetime, datetime]], started: datetime) -> tuple[np.ndarray, np.ndarray]:
    """Return at which times (s after the start) how many spans are open changes, and to how many."""
    steps = [((begin - started).total_seconds(), 1) for begin, _ in spans]
    steps += [((end - started).total_seconds(), -1) for _, end in spans]
    times, changes = (np.array(column) for column in zip(*sorted(steps), strict=True)) if steps else (np.zeros(0), np.zeros(0))
    edges, first = np.unique(times, return_index=True)
    totals = np.add.reduceat(changes, first) if len(edges) else np.zeros(0)
    return edges, np.cumsum(totals).astype(int)


def peak(jobs: Sequence[Job], now: datetime) -> int:
    """Return the most jobs in flight at once."""
    _, open_ = counts(_flights(jobs, now), min(job.start for job in jobs))
    return int(open_.max(initial=0))


def _flights(jobs: Sequence[Job], now: datetime) -> list[tuple[datetime, datetime]]:
    """Return from when to when each job took a slot: from its making to its end, queue and fetching included."""
    return [(job.made or job.start, job.gone or job.end or now) for job in jobs]


@styled
def in_flight(jobs: Sequence[Job], started: datetime, ended: datetime, labelling: Labelling) -> Figure:
    """Draw the label jobs in flight and those that ran, over wall time; beside it the times of single labels."""
    from matplotlib.ticker import MaxNLocator

    costs = labelling.costs
    fig, axes = figure(3.6, (2.4, 1) if costs is not None else (1,))
    scale, unit = unit_of_time((ended - started).total_seconds())
    axis = axes[0]
    running = [(job.start, job.end or ended) for job in jobs]
    for spans, fill, label in ((_flights(jobs, ended), True, "in flight"), (running, False, "running")):
        edges, open_ = counts(spans, started)
        times, values = np.concatenate([[0.0], edges / scale]), np.concatenate([[0], open_])
        if fill:
            axis.fill_between(times, values, step="post", color=STEP_COLOURS["label"], alpha=0.45, linewidth=0, label=label)
        else:
            axis.step(times, values, where="post", color=INK, linewidth=1.2, label=label)
    top = peak(jobs, ended)
    if labelling.cap is not None and labelling.cap <= 3 * top:
        axis.axhline(labelling.cap, color=INK, linestyle="--", linewidth=1.2, label=f"cap of {labelling.cap}")
        top = max(top, labelling.cap)
    axis.set_xlim(0, (ended - started).total_seconds() / scale or 1)
    axis.set_ylim(0, 1.3 * top + 0.2)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel=f"wall time since the start ({unit})", ylabel="label jobs")
    axis.legend(loc="upper left", ncols=3)
    if costs is not None:
        _times(axes[1], costs)
    return fig


def _times(axis: Axes, costs: Costs) -> None:
    """Draw the seconds of each label against the atoms of its frame."""
    for stage in np.unique(costs.stage):
        mask = costs.stage == stage
        look = stage_style(int(stage))
        axis.scatter(
            costs.atoms[mask], costs.seconds[mask], s=22, alpha=0.6, linewidths=0, c=look["color"], marker=look["marker"]
        )
    axis.set_ylim(0, 1.15 * costs.seconds.max())
    # frames of one size would stand on a spine
    middle, reach = (costs.atoms.max() + costs.atoms.min()) / 2, max(np.ptp(costs.atoms), 0.2 * costs.atoms.max(), 2)
    axis.set_xlim(middle - 0.65 * reach, middle + 0.65 * reach)
    axis.set(xlabel="atoms of the frame", ylabel="time of a label (s)")
