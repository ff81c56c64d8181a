"""What each iteration of a campaign did, or does: read from its children, so it holds while the campaign runs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiida import orm

from workchains.provenance.labels import LabelTally, is_labelling, label_tallies, together
from workchains.provenance.tree import Step, outputs_of, pk_of, steps_below

__all__ = ["IterationRecord", "evaluation", "iterations", "stages_by_iteration"]

_KEY = re.compile(r"(iteration_(\d+))_(sample|deviate|select|label|label_test|train)")

#: the steps of an iteration, and what a person calls them while they run
STEPS = {
    "sample": "sampling",
    "deviate": "describing",
    "select": "selecting",
    "label": "labelling",
    "label_test": "labelling",
    "train": "training",
}


@dataclass(frozen=True)
class IterationRecord:
    """One iteration of a campaign; what has not come yet is None (counts of labels: 0).

    Attributes
    ----------
    key, number
        ``iteration_01`` and 1.
    stage, sampler
        Names.
    state
        ``sampling``, ``describing``, ``selecting``, ``labelling``, ``training``; ``done``; or ``stopped`` if a step failed.
    candidates
        Frames that were sampled.
    counts
        Of the candidates: ``accurate``, ``candidate``, ``failed``, ``refused`` (geometry), ``known``.
    window
        Lower and upper trust level, eV/A; None without an ensemble.
    strategy
        That picked the frames.
    accurate_share
        Of the candidates with a valid geometry; None without an ensemble.
    chosen, test
        Frames picked to train on, and at random to test on.
    labels, test_labels
        How many of them have labels.
    labelling
        What became of the frames of both, new labels and those taken over, failures by kind; None before labels are asked for.
        It counts while labels are made, so its labels may be more than those in ``labels`` and ``test_labels``.
    failed_labels
        How many of both have none; ``failures`` counts them by reason.
    training_frames
        Labels of all iterations so far, on which this one's ensemble was trained.
    terms
        Mean number of terms of the ensemble's members.
    held_out_error, test_error
        RMS force error (eV/A) on frames that members left out, and on the test frames there were.
    final_error
        RMS force error (eV/A) of this iteration's ensemble on the final test set, all stages; known at the end.
    jobs_done, jobs
        That ended, and in all so far.
    seconds
        From its first step to its last, or until now.
    steps
        PK of each of its children, by the name of the step.
    nodes
        PK of what it made: candidates, selected, test, selection, batch, tests, ensemble, report.
    """

    key: str
    number: int
    stage: str
    sampler: str
    state: str
    candidates: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    window: tuple[float, float] | None = None
    strategy: str | None = None
    accurate_share: float | None = None
    chosen: int | None = None
    test: int | None = None
    labels: int = 0
    test_labels: int = 0
    labelling: LabelTally | None = None
    failed_labels: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    training_frames: int | None = None
    terms: float | None = None
    held_out_error: float | None = None
    test_error: float | None = None
    final_error: float | None = None
    jobs_done: int = 0
    jobs: int = 0
    seconds: float = 0.0
    steps: dict[str, int] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)


def iterations(node: orm.ProcessNode, steps: list[Step] | None = None) -> list[IterationRecord]:
    """Return what each iteration of a campaign did, oldest first.

    Parameters
    ----------
    node
        The campaign.
    steps
        What :func:`~workchains.provenance.steps_below` returned, if it was called already.
    """
    steps = steps_below(node) if steps is None else steps
    children = _by_iteration(steps, pk_of(node))
    outputs = outputs_of([step.pk for group in children.values() for step in group.values()])
    final = _final_errors(node)
    chains = [step for group in children.values() for step in group.values() if is_labelling(step)]
    tallies = label_tallies(chains, steps)
    jobs: dict[str, list[Step]] = {key: [] for key in children}
    for step in steps:
        match = _KEY.match(step.path)
        if step.kind == "job" and match is not None:
            jobs.setdefault(match.group(1), []).append(step)
    records = []
    for key, group in sorted(children.items()):
        record = _record(key, group, outputs, jobs[key], node)
        own = [tallies[step.pk] for step in group.values() if step.pk in tallies]
        if own:
            record = _with(record, labelling=together(own))
        records.append(record if key not in final else _with(record, final_error=final[key]))
    return records


def stages_by_iteration(node: orm.ProcessNode, steps: list[Step]) -> dict[str, str]:
    """Return the name of the stage of each iteration of a campaign; nothing of any other process."""
    children = _by_iteration(steps, pk_of(node))
    return {key: _stage(group, node)["name"] for key, group in children.items()}


def _by_iteration(steps: list[Step], parent: int) -> dict[str, dict[str, Step]]:
    """Return the campaign's children by iteration and step; of several with one key, the last that did not crash counts."""
    groups: dict[str, dict[str, Step]] = {}
    for step in steps:
        match = _KEY.fullmatch(step.path)
        if match is None or step.parent != parent:
            continue
        group = groups.setdefault(match.group(1), {})
        if match.group(3) not in group or step.state != "excepted":
            group[match.group(3)] = step
    return groups


def _record(
    key: str, group: dict[str, Step], outputs: dict[int, dict[str, int]], jobs: list[Step], node: orm.ProcessNode
) -> IterationRecord:
    stage = _stage(group, node)
    nodes = _nodes(group, outputs)
    values: dict[str, Any] = {
        "stage": stage["name"],
        "sampler": stage["sampler"],
        "candidates": _attribute(nodes.get("candidates"), "n_frames"),
        "labels": _attribute(nodes.get("batch"), "n_frames") or 0,
        "test_labels": _attribute(nodes.get("tests"), "n_frames") or 0,
        "jobs": len(jobs),
        "jobs_done": sum(job.ended for job in jobs),
        "seconds": _seconds(group),
        "steps": {name: step.pk for name, step in group.items()},
        "nodes": nodes,
    }
    if "selection" in nodes:
        values.update(_selection(_values(nodes["selection"])))
    values.update(_failures(group, outputs))
    if "report" in nodes:
        values.update(_training(_values(nodes["report"]), nodes))
    return IterationRecord(key=key, number=int(key.rsplit("_", 1)[1]), state=_state(group, node), **values)


def _stage(group: dict[str, Step], node: orm.ProcessNode) -> dict[str, str]:
    """Return name and sampler of the stage; the campaign's label of the sampling step names it."""
    stages = {stage["name"]: stage["sampler"]["name"] for stage in node.inputs.campaign["stages"]}
    sample = group.get("sample")
    name = sample.label.partition(": ")[2].partition(",")[0] if sample else ""
    return {"name": name or "?", "sampler": stages.get(name, "?")}


def _nodes(group: dict[str, Step], outputs: dict[int, dict[str, int]]) -> dict[str, int]:
    wanted = {
        ("sample", "candidates"): "candidates",
        ("deviate", "deviation"): "deviation",
        ("select", "selected"): "selected",
        ("select", "test"): "test",
        ("select", "selection"): "selection",
        ("label", "batch"): "batch",
        ("label_test", "batch"): "tests",
        ("train", "ensemble"): "ensemble",
        ("train", "report"): "report",
    }
    found = {}
    for (step, link), name in wanted.items():
        if step in group and link in outputs[group[step].pk]:
            found[name] = outputs[group[step].pk][link]
    return found


def _attribute(pk: int | None, name: str) -> Any:
    return None if pk is None else orm.load_node(pk).base.attributes.get(name, None)


def _values(pk: int) -> dict[str, Any]:
    node = orm.load_node(pk)
    assert isinstance(node, orm.Dict)
    return node.get_dict()


def _selection(values: dict[str, Any]) -> dict[str, Any]:
    return {
        "counts": values["counts"],
        "window": tuple(values["window"]) if values["window"] else None,
        "strategy": values["strategy"],
        "accurate_share": values["accurate_share"],
        "chosen": values["chosen"],
        "test": values["test"],
    }


def _failures(group: dict[str, Step], outputs: dict[int, dict[str, int]]) -> dict[str, Any]:
    reasons: Counter[str] = Counter()
    for name in ("label", "label_test"):
        pk = outputs[group[name].pk].get("failures") if name in group else None
        if pk is not None:
            reasons.update(_without_numbers(item["reason"]) for item in _values(pk)["failures"])
    return {"failed_labels": sum(reasons.values()), "failures": dict(reasons.most_common())}


def _without_numbers(reason: str) -> str:
    """Return a reason with its decimal numbers masked, so that those which differ in a figure are counted together."""
    return re.sub(r"\d+\.\d+(?:e[-+]?\d+)?", "…", reason.strip().splitlines()[0] if reason.strip() else "no reason given")


def _training(values: dict[str, Any], nodes: dict[str, int]) -> dict[str, Any]:
    terms = _attribute(nodes.get("ensemble"), "terms") or []
    return {
        "training_frames": values.get("training_frames"),
        "terms": sum(terms) / len(terms) if terms else None,
        "held_out_error": values["fit"].get("held_out_rmse"),
        "test_error": (values.get("test") or {}).get("force_rmse"),
    }


def _seconds(group: dict[str, Step]) -> float:
    import datetime as dt

    start = min(step.created for step in group.values())
    running = any(not step.ended for step in group.values())
    end = dt.datetime.now(tz=start.tzinfo) if running else max(step.modified for step in group.values())
    return (end - start).total_seconds()


def _state(group: dict[str, Step], node: orm.ProcessNode) -> str:
    for name, word in STEPS.items():
        if name in group and not group[name].ended:
            return word
    if any(not step.ok for name, step in group.items() if name != "label_test") or (node.is_terminated and "train" not in group):
        # an iteration that found nothing to learn is done without training
        empty = "select" in group and group["select"].ok and "label" not in group
        return "done" if empty else "stopped"
    last = next(name for name in reversed(STEPS) if name in group)
    return "done" if last == "train" or node.is_terminated else STEPS[last]


def evaluation(node: orm.ProcessNode) -> dict[str, Any] | None:
    """Return the campaign's final judgement: ``groups``, ``errors`` (one an ensemble, oldest first); None before its end."""
    return node.outputs.evaluation.get_dict() if "evaluation" in node.base.links.get_outgoing().all_link_labels() else None


def _final_errors(node: orm.ProcessNode) -> dict[str, float]:
    """Return the error of each iteration's ensemble on the final test set."""
    judged = evaluation(node)
    if judged is None:
        return {}
    keys = sorted(node.outputs.ensembles)
    return {key: errors["all"]["force_rmse"] for key, errors in zip(keys, judged["errors"], strict=True)}


def _with(record: IterationRecord, **values: Any) -> IterationRecord:
    from dataclasses import replace

    return replace(record, **values)
