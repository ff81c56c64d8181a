"""What was paid for labels that did not come, and what was saved by labels that were there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida import orm

from workchains.data.frames import FramesData
from workchains.provenance.labels import LabelTally
from workchains.provenance.timeline import Interval
from workchains.provenance.tree import Step, created_by

__all__ = ["failed_core_seconds", "saved_core_hours"]


def failed_core_seconds(jobs: Iterable[Interval], tasks: dict[int, Step], alive: set[int]) -> float:
    """Return the core-seconds of attempts that gave no label."""
    jobs = [job for job in jobs if job.pk not in alive]
    by_job = _told_by_jobs([job.pk for job in jobs if job.process == "LabelJob"])
    refused = {step.key.removeprefix("read_") for step in tasks.values() if _refused(step)}
    lost = 0.0
    for job in jobs:
        task = tasks.get(job.pk)
        if job.process == "LabelJob":
            # many frames share a job: those that failed say what they took; one without any label is lost as a whole
            seconds, labelled = by_job.get(job.pk, (0.0, False))
            lost += min(seconds * job.cores, job.core_seconds) if labelled else job.core_seconds
        elif task is not None and (not task.ok or str(task.pk) in refused):
            lost += job.core_seconds
    return lost


def _refused(step: Step) -> bool:
    """Whether a calcfunction found no label in what a program left."""
    return step.kind == "function" and step.ended and not step.ok


def _told_by_jobs(jobs: list[int]) -> dict[int, tuple[float, bool]]:
    """Return, for each job of many frames, the seconds of those that failed, and whether any has a label."""
    by_job: dict[int, tuple[float, bool]] = {}
    for job, failures, link in created_by(jobs, "attributes.failures", ["report", "progress", "labelled"]):
        seconds, labelled = by_job.get(job, (0.0, False))
        seconds += sum(item.get("seconds") or 0.0 for item in failures or ())
        by_job[job] = (seconds, labelled or link == "labelled")
    return by_job


def saved_core_hours(tally: LabelTally, per_label: float | None, chains: list[int]) -> float | None:
    """Return the core-hours that labels taken over would have cost."""
    if not tally.reused:
        return 0.0
    if per_label is not None:
        return tally.reused * per_label
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={"id": {"in": chains}}, tag="chain")
    filters = {"attributes.process_label": "reuse_labels"}
    query.append(orm.CalcFunctionNode, with_incoming="chain", filters=filters, tag="taken")
    query.append(FramesData, with_incoming="taken", edge_filters={"label": "reused"})
    labels: list[dict[str, Any]] = [
        frame.info.get("origin", {}).get("label", {}) for node in query.all(flat=True) for frame in node.get_frames()
    ]
    known = [label["seconds"] * (label.get("cores") or 1) for label in labels if label.get("seconds")]
    return sum(known) / 3600.0 if known else None
