"""How a campaign stands, in rows and in sentences: what ``status`` prints and the live display shows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alworkflows.commands.output import number
from workchains.cli.common import duration, state_of

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from workchains.provenance import IterationRecord

__all__ = ["COLUMNS", "Standing", "rows", "standing"]

COLUMNS = ("#", "stage", "a/c/f/r", "chosen", "labels", "lost", "terms", "held-out", "test", "time")

LEGEND = (
    "a/c/f/r: candidates that are accurate, worth a label, beyond trust, refused for their geometry; labels: to train on + to "
    "test; lost: failed labels; held-out, test: RMS force error in eV/A (* on the final test set)."
)


@dataclass(frozen=True)
class Standing:
    """A campaign at one moment."""

    pk: int
    name: str
    state: str
    sentence: str
    advice: tuple[str, ...]
    exit_status: int | None
    exit_message: str | None
    seconds: float
    labels: int
    jobs_done: int
    jobs: int
    failures: dict[str, int]
    iterations: tuple[IterationRecord, ...]


def standing(node: ProcessNode) -> Standing:
    """Return how a campaign stands."""
    from workchains.provenance import iterations, span, steps_below
    from workchains.provenance.tree import pk_of

    steps = steps_below(node)
    records = tuple(iterations(node, steps))
    begin, end = span(node, [step for step in steps if step.parent == node.pk])
    jobs = [step for step in steps if step.kind == "job"]
    failures: Counter[str] = Counter()
    for record in records:
        failures.update(record.failures)
    for job in jobs:
        if job.ended and not job.ok:
            failures[f"job {job.label or job.process}: {job.exit_message or job.state}"] += 1
    values: dict[str, Any] = {
        "seconds": (end - begin).total_seconds(),
        "labels": sum(record.labels + record.test_labels for record in records),
        "jobs_done": sum(job.ended for job in jobs),
        "jobs": len(jobs),
    }
    return Standing(
        pk=pk_of(node),
        name=node.label,
        state=state_of(node),
        sentence=_sentence(node, records, values),
        advice=_advice(node, bool(failures)),
        exit_status=node.exit_status,
        exit_message=node.exit_message,
        failures=dict(failures.most_common()),
        iterations=records,
        **values,
    )


def rows(records: tuple[IterationRecord, ...]) -> list[tuple[Any, ...]]:
    """Return the rows of the table of iterations."""
    return [
        (
            record.number,
            record.stage,
            "/".join(str(record.counts.get(level, 0)) for level in ("accurate", "candidate", "failed", "refused"))
            if record.counts
            else (f"{record.candidates} frames" if record.candidates else record.state),
            record.chosen,
            f"{record.labels}+{record.test_labels}" if record.labels or record.test_labels else "",
            record.failed_labels or "",
            number(record.terms, 0) if record.terms is not None else "",
            number(record.held_out_error) if record.held_out_error is not None else "",
            _test_error(record),
            duration(record.seconds).replace(" min ", ":").removesuffix(" s") + ("" if record.seconds >= 60 else " s"),
        )
        for record in records
    ]


def _test_error(record: IterationRecord) -> str:
    if record.final_error is not None:
        return f"{record.final_error:.3f}*"
    return number(record.test_error) if record.test_error is not None else ""


def _sentence(node: ProcessNode, records: tuple[IterationRecord, ...], values: dict[str, Any]) -> str:
    took = duration(values["seconds"])
    if not node.is_terminated:
        return _now(node, records, values, took)
    got = f"{values['labels']} labels, {took}"
    error = next(
        (record for record in reversed(records) if record.final_error is not None or record.test_error is not None), None
    )
    if error is not None:
        value = error.final_error if error.final_error is not None else error.test_error
        got += f"; force error {number(value)} eV/A on test frames"
    if node.is_finished_ok:
        return f"Done: {got}."
    if node.is_finished and (node.exit_status or 0) >= 700:
        return f"Ended with a warning [{node.exit_status}]: {node.exit_message}. {got[0].upper()}{got[1:]}."
    reason = f"[{node.exit_status}]: {node.exit_message}" if node.is_finished else f"({state_of(node)})"
    if node.is_excepted and node.exception:
        reason = f"(crashed): {node.exception.strip().splitlines()[-1]}"
    return f"Ended early {reason}. What it has is kept: {got}."


def _now(node: ProcessNode, records: tuple[IterationRecord, ...], values: dict[str, Any], took: str) -> str:
    most = sum(stage["iterations"] for stage in node.inputs.campaign["stages"])
    jobs = f"{values['jobs_done']} of {values['jobs']} jobs done"
    if not records:
        return f"{state_of(node).capitalize()}: nothing has begun yet ({took})."
    last = records[-1]
    doing = last.state if last.state not in ("done", "stopped") else "finishing"
    return (
        f"{state_of(node).capitalize()}: iteration {last.number} of at most {most} (stage {last.stage}), {doing}; "
        f"{jobs}, {values['labels']} labels, {took}."
    )


def _advice(node: ProcessNode, failures: bool) -> tuple[str, ...]:
    made_ensemble = any(label.startswith("ensemble") for label in node.base.links.get_outgoing().all_link_labels())
    if not node.is_terminated:
        return (f"alworkflows status {node.pk} --wait      to watch it",)
    lines = []
    if made_ensemble:
        lines += [f"alworkflows report {node.pk} -o report/   a page with plots", f"alworkflows export {node.pk} -o potential/"]
    if not node.is_finished_ok or failures:
        lines.append(f"verdi process report {node.pk}        all messages")
    return tuple(lines)
