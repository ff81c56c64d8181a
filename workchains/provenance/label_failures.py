"""Frames without a label while a labelling step runs: what jobs report, and what processes of one frame each came to."""

from __future__ import annotations

from typing import Any

from aiida import orm

from workchains.labelling.single_point import STATUS
from workchains.provenance.tree import Step, created_by

__all__ = ["failures_of", "single_failures"]


def single_failures(children: list[Step], marks: dict[int, list[str]], makers: set[int]) -> list[tuple[Step, str, str]]:
    """Return frames that failed in processes of one frame each, which write no report: process, key of the frame, kind.

    Frames are told apart by their content's key; one that is tried again right now, or has its label by now, is not among them.
    """
    reading = {child.key: child for child in children if child.kind == "function"}
    tries: dict[tuple[int, str], list[Step]] = {}
    settled = set()
    for child in children:
        if child.process == "LabelJob" or len(marks.get(child.pk, ())) != 1:
            continue
        frame = (child.parent, marks[child.pk][0])
        read = reading.get(f"read_{child.pk}")
        if not child.ended or (read is not None and read.pk in makers):
            settled.add(frame)
        tries.setdefault(frame, []).append(read if read is not None and read.ended else child)
    kinds = {status: str(kind) for kind, status in STATUS.items()}
    last = {frame: tried[-1] for frame, tried in tries.items() if frame not in settled}
    return [(step, key, kinds.get(step.exit_status or 0, "crash")) for (_, key), step in last.items()]


def failures_of(processes: list[int]) -> list[tuple[int, list[dict[str, Any]]]]:
    """Return the failures that jobs, and the screening before them, report."""
    rows = created_by(processes, ["attributes.failures", "attributes.refused"], ["report", "progress", "result"], kind=orm.Dict)
    return [(process, failures or refused) for process, failures, refused, _ in rows if failures or refused]
