"""Where the wall time went: jobs on a time axis, sums by step, and the time in which no job runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from alworkflows.plotting import INK, figure, styled
from workchains.report.data import Job
from workchains.report.style import STEP_COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["gaps", "lanes", "sums", "timing", "unit_of_time"]


def lanes(jobs: Sequence[Job], now: datetime) -> list[int]:
    """Return the row of each job, such that jobs in one row do not overlap; as few rows as jobs ran at once."""
    free: list[datetime] = []
    rows = [0] * len(jobs)
    for index in sorted(range(len(jobs)), key=lambda i: (jobs[i].start, jobs[i].pk)):
        job = jobs[index]
        end = job.end or now
        row = next((number for number, until in enumerate(free) if until <= job.start), len(free))
        if row == len(free):
            free.append(end)
        free[row] = end
        rows[index] = row
    return rows


def gaps(jobs: Sequence[Job], started: datetime, ended: datetime) -> list[tuple[datetime, datetime]]:
    """Return the spans between start and end in which no job runs."""
    spans, reached = [], started
    for start, end in sorted((job.start, job.end or ended) for job in jobs):
        if start > reached:
            spans.append((reached, min(start, ended)))
        reached = max(reached, end)
    if reached < ended:
        spans.append((reached, ended))
    return spans


def sums(jobs: Sequence[Job], now: datetime) -> dict[str, tuple[int, float]]:
    """Return, for each step, how many jobs it had and their time in all, s."""
    totals: dict[str, tuple[int, float]] = {}
    for job in jobs:
        count, seconds = totals.get(job.step, (0, 0.0))
        totals[job.step] = (count + 1, seconds + ((job.end or now) - job.start).total_seconds())
    return totals


@styled
def timing(jobs: Sequence[Job], started: datetime, ended: datetime) -> Figure:
    """Draw every job over wall time, coloured by step, the spans without any below; beside it the sums by step."""
    rows = lanes(jobs, ended)
    depth = max(rows, default=0) + 1
    fig, (left, right) = figure(max(3.0, 1.7 + 0.26 * depth), (2.6, 1))
    scale, unit = unit_of_time((ended - started).total_seconds())

    def at(moment: datetime) -> float:
        return (moment - started).total_seconds() / scale

    for job, row in zip(jobs, rows, strict=True):
        broken = job.state not in ("finished", "running")
        left.barh(
            row + 1, at(job.end or ended) - at(job.start), left=at(job.start), height=0.78, color=_colour(job.step),
            edgecolor=INK if broken else "white", linewidth=1.2 if broken else 0.5, hatch="xx" if broken else "",
        )  # fmt: skip
    for start, end in gaps(jobs, started, ended):
        left.barh(0, at(end) - at(start), left=at(start), height=0.5, color=INK)
    for number, start in _iteration_starts(jobs).items():
        left.axvline(at(start), color="#4d4d4d", linewidth=0.8, linestyle=":")
        mark = left.annotate(
            f"{number}",
            (at(start), 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -2),
            textcoords="offset points",
            fontsize=9.5,
            va="top",
        )
        mark.set_in_layout(False)
    ticks = range(1, depth + 1) if depth <= 10 else range(5, depth + 1, 5)
    left.set_yticks([0, *ticks], ["no job", *map(str, ticks)])
    left.set_ylim(-0.5, depth + 1.1)
    left.set_xlim(0, at(ended) or 1)
    left.set(xlabel=f"wall time since the start ({unit})", ylabel="jobs at once")
    left.grid(axis="y", visible=False)
    totals = sums(jobs, ended)
    names = [name for name in STEP_COLOURS if name in totals] + sorted(set(totals) - set(STEP_COLOURS))
    bars = right.barh(names, [totals[name][1] / scale for name in names], color=[_colour(name) for name in names], height=0.7)
    right.bar_label(bars, [f"{totals[n][1] / scale:.1f} ({totals[n][0]})" for n in names], padding=3, fontsize=9.5)
    right.invert_yaxis()
    right.margins(x=0.45)
    right.set(xlabel=f"time in jobs ({unit}), jobs in ( )")
    right.grid(axis="y", visible=False)
    return fig


def _iteration_starts(jobs: Sequence[Job]) -> dict[int, datetime]:
    starts: dict[int, datetime] = {}
    for job in jobs:
        if job.iteration is not None:
            starts[job.iteration] = min(job.start, starts.get(job.iteration, job.start))
    return starts


def _colour(step: str) -> str:
    return STEP_COLOURS.get(step, STEP_COLOURS["other"])


def unit_of_time(seconds: float) -> tuple[float, str]:
    """Return the seconds in the unit in which a wall time is drawn, and its name."""
    for limit, scale, unit in ((600, 1.0, "s"), (4 * 3600, 60.0, "min"), (4 * 86400, 3600.0, "h")):
        if seconds < limit:
            return scale, unit
    return 86400.0, "days"
