"""When what ran in a campaign, and where the time went in which nothing did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from aiida import orm

from workchains.labelling.single_point import cores_asked
from workchains.provenance.tree import Kind, Step, created_by, steps_below

__all__ = ["IdleShare", "Interval", "idle_share", "intervals", "span", "timeline"]

#: what a scheduler calls a job that has not begun
WAITING = ("queued", "queued held")


class Interval(NamedTuple):
    """One job or calcfunction on the clock.

    ``start`` and ``end`` enclose the time in which it really ran: for a job, not its waiting to be submitted, fetched and
    parsed, which lie between ``created`` and ``start`` and between ``end`` and ``ended``. ``seconds`` is what the program
    measured itself (None for a job that left no report). ``end`` and ``ended`` of what still runs are the time of asking.
    ``cores`` are those that a job asked for, or those that its report says it kept busy, if they are more; 0 of a calcfunction.
    """

    label: str
    kind: Kind
    start: dt.datetime
    end: dt.datetime
    pk: int
    seconds: float | None
    created: dt.datetime
    ended: dt.datetime
    path: str
    process: str
    cores: int = 0

    @property
    def core_seconds(self) -> float:
        """Wall time of the job times its cores: what it cost, as costs are counted everywhere."""
        return (self.end - self.start).total_seconds() * self.cores

    @property
    def total(self) -> float:
        """Seconds from the making of the node to its last change."""
        return (self.ended - self.created).total_seconds()


@dataclass(frozen=True)
class IdleShare:
    """Where the wall time of a campaign went, in seconds.

    Attributes
    ----------
    total
        From the campaign's submission to its end, or until now.
    running
        While at least one job ran.
    share
        ``1 - running / total``: the share in which no job ran.
    parts
        Seconds in which no job ran, by what was going on meanwhile: ``functions`` (calcfunctions in the daemon), ``fetching``
        (a job was over, and its end not yet seen, fetched, parsed), ``submitting`` (a job was made, and did not yet run: upload,
        queue), ``start`` (before the first step), ``engine`` (work chains between their steps). What is named earlier wins; their
        sum is ``total - running``.
    """

    total: float
    running: float
    share: float
    parts: dict[str, float]


def timeline(node: orm.ProcessNode, steps: list[Step] | None = None) -> list[Interval]:
    """Return all jobs and calcfunctions below a campaign with the times at which they ran, in order of their start.

    A job starts when the scheduler says so (``dispatch_time``), else when its folder on the computer was complete, which for a
    scheduler without a queue is the same; it ends after the seconds its report names, else when its files had been fetched.
    """
    return intervals(steps_below(node) if steps is None else steps)


def intervals(steps: Sequence[Step]) -> list[Interval]:
    """Return jobs and calcfunctions with the times at which they ran, in order of their start; work chains are left out."""
    steps = [step for step in steps if step.kind != "workchain"]
    marks = _marks([step.pk for step in steps if step.kind == "job"])
    now = dt.datetime.now(tz=dt.UTC)
    ran = (_interval(step, marks.get(step.pk, {}), now) for step in steps)
    return sorted(ran, key=lambda interval: (interval.start, interval.pk))


class Mark(NamedTuple):
    """An output of a job: when it was made; of a report: the seconds and cores it tells of."""

    created: dt.datetime
    seconds: float | None
    cores: int | None


def _marks(jobs: list[int]) -> dict[int, dict[str, Mark]]:
    """Return, for each job, when its folder, files and report were made, and what the report says."""
    marks: dict[int, dict[str, Mark]] = {}
    wanted = ["ctime", "attributes.seconds", "attributes.cores"]
    for job, *values, link in created_by(jobs, wanted, ["remote_folder", "retrieved", "report"]):
        marks.setdefault(job, {})[link] = Mark(*values)
    return marks


def _interval(step: Step, marks: dict[str, Mark], now: dt.datetime) -> Interval:
    ended = step.modified if step.ended else now
    common: dict[str, Any] = {
        "label": step.label or step.process,
        "kind": step.kind,
        "pk": step.pk,
        "path": step.path,
        "process": step.process,
    }
    if step.kind == "function":
        took = (ended - step.created).total_seconds()
        return Interval(start=step.created, end=ended, seconds=took, created=step.created, ended=ended, **common)
    last = step.info.get("last_job_info") or {}
    # without a folder it never ran: an interval of length zero at its end
    start = marks["remote_folder"].created if "remote_folder" in marks else ended
    if isinstance(last, dict) and last.get("dispatch_time"):
        start = max(start, _time(last["dispatch_time"]))
    elif not step.ended and step.info.get("scheduler_state") in WAITING:
        start = now
    report = marks.get("report")
    seconds = report.seconds if report is not None else None
    latest = marks["retrieved"].created if "retrieved" in marks else ended
    end = latest if seconds is None else min(latest, start + dt.timedelta(seconds=seconds))
    cores = max(cores_asked(step.info.get("resources")), (report.cores if report is not None else None) or 0)
    return Interval(start=min(start, end), end=end, seconds=seconds, created=step.created, ended=ended, cores=cores, **common)


def _time(value: object) -> dt.datetime:
    """Return a time of a job's information, in which AiiDA stores ``{"date": iso, "timezone": name}`` or an ISO text."""
    text = value["date"] if isinstance(value, dict) else str(value)
    time = dt.datetime.fromisoformat(str(text))
    return time if time.tzinfo else time.astimezone()


def span(node: orm.ProcessNode, steps: list[Step] | None = None) -> tuple[dt.datetime, dt.datetime]:
    """Return when a campaign was made and when it ended, or now.

    The end is its last message or the end of its last step: the modification time of a finished node also changes when a user
    labels it.
    """
    if not node.is_terminated:
        return node.ctime, dt.datetime.now(tz=dt.UTC)
    steps = steps_below(node, depth=1) if steps is None else steps
    times = [step.modified for step in steps] + [log.time for log in orm.Log.collection.get_logs_for(node)]
    return node.ctime, max(times, default=node.mtime)


def idle_share(node: orm.ProcessNode) -> IdleShare:
    """Return the share of a campaign's wall time in which no job ran, and what was going on meanwhile."""
    steps = steps_below(node)
    begin, end = span(node, steps)
    intervals = timeline(node, steps)
    jobs = [item for item in intervals if item.kind == "job"]
    layers = [
        ("running", [(item.start, item.end) for item in jobs]),
        ("functions", [(item.start, item.end) for item in intervals if item.kind == "function"]),
        ("fetching", [(item.end, item.ended) for item in jobs]),
        ("submitting", [(item.created, item.start) for item in jobs]),
        ("start", [(begin, min((step.created for step in steps), default=end))]),
        ("engine", [(begin, end)]),
    ]
    parts = _attribute(layers, begin, end)
    running, total = parts.pop("running"), (end - begin).total_seconds()
    return IdleShare(total=total, running=running, share=1 - running / total if total else 0.0, parts=parts)


def _attribute(
    layers: list[tuple[str, list[tuple[dt.datetime, dt.datetime]]]], begin: dt.datetime, end: dt.datetime
) -> dict[str, float]:
    """Cut the time at every edge, and give each piece to the first layer that covers it."""
    length = (end - begin).total_seconds()

    def offsets(pairs: list[tuple[dt.datetime, dt.datetime]]) -> np.ndarray:
        values = [((first - begin).total_seconds(), (last - begin).total_seconds()) for first, last in pairs]
        return np.clip(np.array(values).reshape(-1, 2), 0, length)

    seconds = [(name, offsets(pairs)) for name, pairs in layers]
    edges = np.unique(np.concatenate([pairs.ravel() for _, pairs in seconds] + [[0.0, length]]))
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    free = np.ones(len(widths), dtype=bool)
    parts = {}
    for name, pairs in seconds:
        covered = np.zeros(len(widths), dtype=bool)
        for first, last in pairs:
            covered |= (middles > first) & (middles < last)
        parts[name] = float(widths[free & covered].sum())
        free &= ~covered
    return parts
