"""How a campaign stands, in rows and in sentences: what ``status`` prints and the live display shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alworkflows.cli.output import number
from workchains.cli.common import core_hours, duration, state_of
from workchains.processes.exit_statuses import is_warning

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from workchains.cli.flights import Folders, Paused, Queue
    from workchains.provenance import Costs, IterationRecord, LabelTally, Step

__all__ = ["COLUMNS", "CampaignSummary", "Failed", "campaign_summary", "details", "rows", "size"]

COLUMNS = ("#", "stage", "a/c/f/r", "chosen", "labels", "lost", "terms", "held-out", "test", "time")

LEGEND = (
    "a/c/f/r: candidates that are accurate, worth a label, beyond trust, refused for their geometry; labels: to train on + to "
    "test, or those there so far of all; lost: failed labels; held-out, test: RMS force error in eV/A (* on the final test set)."
)


@dataclass(frozen=True)
class Failed:
    """What failed in one way: what (a kind of failed label, or a job), how often, and one reason."""

    what: str
    count: int
    example: str


@dataclass(frozen=True)
class CampaignSummary:
    """A campaign at one moment.

    Attributes
    ----------
    labels
        That there are, taken over or not, also those of a batch that is not complete.
    labelling
        What became of all frames to be labelled; None before any was.
    costs
        What its jobs cost until now.
    trust
        The last trust levels, and how good their calibration was, in words; None before there were any.
    outliers
        What the last fit says of training and test frames whose labels are off, in lines; none: nothing.
    question
        What it waits for a person to approve.
    queues, paused
        Jobs in flight and processes that wait to be played, while it lives.
    folders
        That its jobs left on machines.
    """

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
    failures: tuple[Failed, ...]
    iterations: tuple[IterationRecord, ...]
    labelling: LabelTally | None
    costs: Costs
    trust: str | None
    outliers: tuple[str, ...]
    question: dict[str, Any] | None
    queues: tuple[Queue, ...]
    paused: tuple[Paused, ...]
    folders: tuple[Folders, ...]


def campaign_summary(node: ProcessNode, disk: bool = False) -> CampaignSummary:
    """Return how a campaign stands; with ``disk`` its machines are asked what its folders take."""
    from workchains.cli.flights import disks, folders, paused, queues
    from workchains.loop.approval import open_question
    from workchains.provenance import costs, iterations, span, steps_below, together
    from workchains.provenance.tree import pk_of

    steps = steps_below(node)
    records = tuple(iterations(node, steps))
    begin, end = span(node, [step for step in steps if step.parent == node.pk])
    jobs = [step for step in steps if step.kind == "job"]
    tallies = [record.labelling for record in records if record.labelling is not None]
    labelling = together(tallies) if tallies else None
    failures = _failures(labelling, steps)
    question = open_question(node)
    values: dict[str, Any] = {
        "seconds": (end - begin).total_seconds(),
        "labels": labelling.labels if labelling is not None else 0,
        "jobs_done": sum(job.ended for job in jobs),
        "jobs": len(jobs),
    }
    return CampaignSummary(
        pk=pk_of(node),
        name=node.label,
        state=state_of(node),
        sentence=_sentence(node, records, values, question),
        advice=_advice(node, bool(failures), question is not None),
        exit_status=node.exit_status,
        exit_message=node.exit_message,
        failures=failures,
        iterations=records,
        labelling=labelling,
        costs=costs(node, steps),
        trust=_trust(records),
        outliers=_outliers(records),
        question=question,
        queues=() if node.is_terminated else queues(node, steps),
        # what asks is told as a question
        paused=paused([step for step in steps if question is None or step.pk != question["process"]]),
        folders=disks(steps) if disk else folders(steps),
        **values,
    )


def _trust(records: Sequence[IterationRecord]) -> str | None:
    """Return the trust levels of the last iteration that had any, in words."""
    from aiida.orm import Dict, load_node

    for record in reversed(records):
        if "trust_levels" in record.nodes:
            node = load_node(record.nodes["trust_levels"])
            assert isinstance(node, Dict)  # what find_trust_levels returns
            return f"iteration {record.number}, {node['sentence']}. Their calibration: {node['calibration']['sentence']}"
    return None


def _outliers(records: Sequence[IterationRecord]) -> tuple[str, ...]:
    """Return what the last fit says of labels that are off, in lines."""
    from workchains.cli.outliers import outlier_lines
    from workchains.provenance.outliers import last_outliers

    found = last_outliers(records)
    return tuple(outlier_lines(*found)) if found is not None else ()


def _failures(labelling: LabelTally | None, steps: Sequence[Step]) -> tuple[Failed, ...]:
    """Return failed labels by kind, and jobs that failed outside labelling, where the frames say what became of them."""
    from workchains.provenance.costs import steps_of_jobs

    failed = []
    if labelling is not None:
        failed += [
            Failed(f"label: {kind}", number, _short(labelling.examples.get(kind, ""))) for kind, number in labelling.kinds.items()
        ]
    died: Counter[str] = Counter()
    examples: dict[str, str] = {}
    step_of = steps_of_jobs(steps)
    for job in steps:
        if job.kind == "job" and job.ended and not job.ok and step_of[job.pk] != "label":
            died[job.process] += 1
            examples.setdefault(job.process, _short(f"{job.label}: {job.exit_message or job.state}"))
    return (*failed, *(Failed(f"job: {process}", number, examples[process]) for process, number in died.most_common()))


def _short(reason: str) -> str:
    return reason.strip().splitlines()[0] if reason.strip() else "no reason given"


def details(now: CampaignSummary) -> list[str]:
    """Return, in sentences, what else is to be known: labels, costs, jobs in flight, what is paused, folders that stay."""
    lines = []
    tally = now.labelling
    if tally is not None and tally.total:
        said = [f"{tally.done} new"]
        if tally.reused:
            said.append(f"{tally.reused} taken over from before")
        if tally.recovered:
            said.append(f"{tally.recovered} recovered at a second try")
        if tally.failed:
            said.append(f"{tally.failed} failed")
        coming = f"; {tally.in_flight} in flight, {tally.queued} queued" if tally.live else ""
        lines.append(f"Labels: {', '.join(said)}{coming}.")
    spent = now.costs.total
    if spent.jobs:
        each = now.costs.labels.per_label
        label = f"; a new label {core_hours(each)}" if each is not None else ""
        lines.append(f"Costs: {core_hours(spent.core_hours)} core-hours{label} (alworkflows costs {now.pk}).")
    if now.trust:
        lines.append(f"Trust levels: {now.trust}.")
    lines += now.outliers
    lines += [queue.line for queue in now.queues if queue.all or queue.cap is not None]
    if now.paused:
        pks = " ".join(str(item.pk) for item in now.paused[:10]) + (" ..." if len(now.paused) > 10 else "")
        first = now.paused[0]
        lines.append(
            f"Paused: {len(now.paused)} of its processes, such as {first.what} "
            f"<{first.pk}>: {first.why}. Once the cause is gone: verdi process play {pks}"
        )
    if now.folders and not any(item.disk for item in now.folders):
        left = ", ".join(f"{item.count} on {item.machine}" for item in now.folders)
        lines.append(f"Folders of jobs left: {left} (--disk: what they take).")
    return lines


def size(number: int | None) -> str:
    """Return bytes as a person says them: 12 MB."""
    if number is None:
        return "-"
    value, unit = float(number), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"


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
            _labels(record),
            (record.labelling.failed if record.labelling is not None else record.failed_labels) or "",
            number(record.terms, 0) if record.terms is not None else "",
            number(record.held_out_error) if record.held_out_error is not None else "",
            _test_error(record),
            duration(record.seconds).replace(" min ", ":").removesuffix(" s") + ("" if record.seconds >= 60 else " s"),
        )
        for record in records
    ]


def _labels(record: IterationRecord) -> str:
    live = record.labelling
    if live is not None and (live.live or live.labels > record.labels + record.test_labels):
        return f"{live.labels} of {live.total}"
    return f"{record.labels}+{record.test_labels}" if record.labels or record.test_labels else ""


def _test_error(record: IterationRecord) -> str:
    if record.final_error is not None:
        return f"{record.final_error:.3f}*"
    return number(record.test_error) if record.test_error is not None else ""


def _sentence(
    node: ProcessNode, records: tuple[IterationRecord, ...], values: dict[str, Any], question: dict[str, Any] | None
) -> str:
    took = duration(values["seconds"])
    if question is not None:
        asks = f"iteration {question['iteration']}: {question['text']}"
        return f"Waits for approval, {asks}; {values['labels']} labels so far, {took}."
    if not node.is_terminated:
        return _now(node, records, values, took)
    got = f"{values['labels']} labels, {took}"
    error = next(
        (record for record in reversed(records) if record.final_error is not None or record.test_error is not None), None
    )
    if error is not None:
        value = error.final_error if error.final_error is not None else error.test_error
        got += f"; force error {number(value)} eV/A on test frames"
    if records and (share := records[-1].accurate_share) is not None:
        got += f"; {share:.0%} of the last candidates accurate"
    if node.is_finished_ok:
        return f"Done: {got}."
    if node.is_finished and is_warning(node.exit_status):
        return f"Ended with a warning [{node.exit_status}]: {node.exit_message}. {got[0].upper()}{got[1:]}."
    reason = f"[{node.exit_status}]: {node.exit_message}" if node.is_finished else f"({state_of(node)})"
    if node.is_excepted and node.exception:
        reason = f"(crashed): {node.exception.strip().splitlines()[-1]}"
    return f"Ended early {reason}. What it has is kept: {got}."


def _now(node: ProcessNode, records: tuple[IterationRecord, ...], values: dict[str, Any], took: str) -> str:
    from workchains.provenance.tree import settings_of

    most = sum(stage["iterations"] for stage in settings_of(node)["stages"])
    jobs = f"{values['jobs_done']} of {values['jobs']} jobs done"
    if not records:
        doing = f"describing and fitting the given frames; {jobs}" if values["jobs"] else "nothing has begun yet"
        return f"{state_of(node).capitalize()}: {doing} ({took})."
    last = records[-1]
    doing = last.state if last.state not in ("done", "stopped") else "finishing"
    return (
        f"{state_of(node).capitalize()}: iteration {last.number} of at most {most} (stage {last.stage}), {doing}; "
        f"{jobs}, {values['labels']} labels, {took}."
    )


def _advice(node: ProcessNode, failures: bool, asked: bool) -> tuple[str, ...]:
    from workchains.provenance import outputs_of

    if asked:
        return (
            f"alworkflows approve {node.pk}            to pay for them",
            f"alworkflows approve {node.pk} --refuse   to end with what there is",
        )
    made_ensemble = any(label.startswith("ensemble") for label in outputs_of([int(node.pk or 0)])[int(node.pk or 0)])
    if not node.is_terminated:
        return (
            f"alworkflows status {node.pk} --wait      to watch it",
            f"alworkflows cancel {node.pk}             to end it; labels are kept",
        )
    lines = []
    if made_ensemble:
        lines += [f"alworkflows report {node.pk} -o report/   a page with plots", f"alworkflows export {node.pk} -o potential/"]
    if not node.is_finished_ok or failures:
        lines.append(f"verdi process report {node.pk}        all messages")
    return tuple(lines)
