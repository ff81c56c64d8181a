"""From the record to plain data: what a report shows of one campaign, whatever state it is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from aiida import orm

from alworkflows.errors import InputError
from alworkflows.insight import Insight
from alworkflows.plotting.accuracy import path_rows
from alworkflows.settings import Campaign, Stage, parse
from workchains.data.frames import FramesData
from workchains.loop.active_learning import ActiveLearningWorkChain
from workchains.processes.naming import in_order
from workchains.provenance import (
    IterationRecord,
    Places,
    Step,
    costs,
    idle_share,
    iterations,
    outputs_of,
    span,
    steps_below,
    timeline,
)
from workchains.provenance.costs import steps_of_jobs
from workchains.provenance.outliers import last_outliers
from workchains.report.data import Evaluation, FrameMap, Iteration, Job, Report, Terms
from workchains.report.failures import failures
from workchains.report.labelling import labelling
from workchains.report.projection import project
from workchains.report.terms import look
from workchains.report.text import plural
from workchains.report.trust import trusts
from workchains.steps.select import TEST, TRAIN, ids_by_use

__all__ = ["collect"]

WHAT_WAS_MADE = "What was made before is kept and shown here."


def collect(node: orm.ProcessNode) -> Report:
    """Return all that the page shows of a campaign."""
    steps = steps_below(node)
    records = iterations(node, steps)
    started, ended = span(node, [step for step in steps if step.parent == node.pk])
    rows = tuple(_iteration(record) for record in records)
    evaluation = _evaluation(node, records, steps)
    terms, insight, unable = _model(records)
    stages = tuple(stage["name"] for stage in node.inputs.campaign["stages"])
    state, ending = _ending(node, records, steps)
    return Report(
        name=node.label or str(node.process_label),
        pk=int(node.pk or 0),
        uuid=node.uuid,
        description=node.description,
        state=state,
        ending=ending,
        started=started,
        ended=ended,
        versions=_versions(node),
        engine=_engine(records),
        stages=stages,
        iterations=rows,
        settings=_settings(node),
        evaluation=evaluation,
        frame_map=_frame_map(records, stages),
        terms=terms,
        insight=insight,
        path=_path(records),
        jobs=_jobs(node, steps),
        idle=idle_share(node).parts,
        failures=failures(node, records, steps),
        labelling=labelling(node, records, stages),
        costs=costs(node, steps),
        outliers=_outliers(records),
        trust=trusts(records),
        nodes=_nodes(node, steps),
        missing={**_missing(node, records), **unable},
    )


# ------------------------------------------------------------------------------------------------ head


def _ending(node: orm.ProcessNode, records: Sequence[IterationRecord], steps: Sequence[Step]) -> tuple[str, str]:
    """Return state and sentence: how the campaign ended, or what it does."""
    if not node.is_terminated:
        running = [step for step in steps if step.kind == "job" and not step.ended]
        if not records:
            return "running", "The first iteration has not begun."
        last = records[-1]
        busy = f"{last.state}, {plural(len(running), 'job')} under way"
        doing = busy if last.state not in ("done", "stopped") else "done; what comes next is on its way"
        return "running", f"Iteration {last.number} (stage {last.stage}): {doing}."
    if node.is_finished_ok:
        return "finished", f"All stages are done, after {plural(len(records), 'iteration')}. " + _stages(node, records)
    if node.is_finished:
        codes = {code.status: label for label, code in ActiveLearningWorkChain.spec().exit_codes.items()}
        name = codes.get(node.exit_status, "exit code")
        return "stopped", f"{name} ({node.exit_status}): {node.exit_message or 'no message'}. {WHAT_WAS_MADE}"
    if node.is_killed:
        return "failed", f"It was killed: {node.process_status or 'no reason recorded'}. {WHAT_WAS_MADE}"
    lines = (node.exception or "no reason recorded").strip().splitlines()
    return "failed", f"It broke off: {lines[-1]}. {WHAT_WAS_MADE}"


def _stages(node: orm.ProcessNode, records: Sequence[IterationRecord]) -> str:
    """Return, in a sentence, why each stage ended."""
    sentences = []
    for stage in node.inputs.campaign["stages"]:
        of_stage = [record for record in records if record.stage == stage["name"]]
        if not of_stage:
            continue
        share = of_stage[-1].accurate_share
        if share is not None and share >= (parse(Stage, stage, "stage").convergence.accurate_share or 2.0):
            sentences.append(f"{stage['name']} converged ({share:.0%} of its last candidates accurate)")
        else:
            sentences.append(f"{stage['name']} used its {plural(len(of_stage), 'iteration')}")
    return "Stages: " + "; ".join(sentences) + "." if sentences else ""


def _versions(node: orm.ProcessNode) -> dict[str, str]:
    stored = node.base.attributes.get("version", {})
    names = {"plugin": "alworkflows", "core": "aiida-core"}
    return {name: str(stored[key]) for key, name in names.items() if key in stored}


def _engine(records: Sequence[IterationRecord]) -> str | None:
    """Return what made the labels, in words."""
    for record in records:
        for name in ("batch", "test_batch", "transfer_batch"):
            if name in record.nodes:
                engine = orm.load_node(record.nodes[name]).engine or {}
                packages = ", ".join(f"{package} {version}" for package, version in engine.get("packages", {}).items())
                return f"{engine.get('calculator', engine.get('engine', 'unknown'))}" + (f" ({packages})" if packages else "")
    return None


def _settings(node: orm.ProcessNode) -> str:
    """Return the campaign as YAML, in the order of the schema where this version still reads it."""
    import yaml

    stored = node.inputs.campaign.get_dict()
    try:
        values = parse(Campaign, stored).model_dump(mode="json")
    except InputError:
        values = stored  # written by another version: what it said matters more than its order
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


def _missing(node: orm.ProcessNode, records: Sequence[IterationRecord]) -> dict[str, str]:
    """Return why sections may be empty, as sentences."""
    if not node.is_terminated:
        return {"evaluation": "The judgement of all ensembles on one final test set is made when the last stage is done."}
    reason = "the campaign ended before it"
    sampled = any(record.candidates for record in records)
    return {
        "evaluation": f"There is no judgement on the final test set: {reason}, or no test frame was labelled.",
        "selection": f"No selection was made: {reason}.",
        "trust": f"No ensemble was asked: {reason}.",
        "frame_map": "No candidates were described: " + (f"{reason}." if sampled else "none were sampled."),
        "terms": f"There is no ensemble: {reason} was fitted.",
        "iterations": f"No iteration was begun: {reason}.",
        "jobs": f"No job ran: {reason}.",
        "labels": f"No frame was to be labelled: {reason}.",
        "outliers": f"No fit looked at labels: {reason}.",
    }


# ------------------------------------------------------------------------------------------------ iterations


def _iteration(record: IterationRecord) -> Iteration:
    report = orm.load_node(record.nodes["report"]).get_dict() if "report" in record.nodes else {}
    test = report.get("test") or {}
    return Iteration(
        number=record.number,
        stage=record.stage,
        state=record.state,
        sampler=record.sampler,
        candidates=record.candidates,
        counts=record.counts,
        window=record.window,
        accurate_share=record.accurate_share,
        batch=record.labels if "label" in record.steps else None,
        tests=record.test_labels if "label" in record.steps else None,
        failed_labels=record.failed_labels if "label" in record.steps else None,
        trained_on=record.training_frames,
        tested_on=report.get("test_frames"),
        test_error=record.test_error,
        test_std=test.get("force_std"),
        terms=record.terms,
        seconds=record.seconds,
        nodes=record.nodes,
    )


def _evaluation(node: orm.ProcessNode, records: Sequence[IterationRecord], steps: Sequence[Step]) -> Evaluation | None:
    """Return the judgement on the final test set, from the job that made it."""
    evaluations = [step for step in steps if step.parent == node.pk and step.path == "evaluate" and step.ok]
    if not evaluations:
        return None
    job = orm.load_node(evaluations[-1].pk)
    report, arrays = job.outputs.report.get_dict(), job.outputs.evaluation
    number_of = {record.key: record.number for record in records}
    numbers = [number_of.get(key, 0) for key in in_order(job.inputs.ensembles)]  # 0: fitted to given data
    errors = {
        number: {name: summary["force_rmse"] for name, summary in judged.items()}
        for number, judged in zip(numbers, report["errors"], strict=True)
    }
    return Evaluation(
        groups=tuple(report["groups"]),
        errors=errors,
        stds={name: summary["force_std"] for name, summary in report["errors"][-1].items()},
        reference=arrays.get_array("reference_forces"),
        predicted=arrays.get_array("predicted_forces"),
        atoms=arrays.get_array("atoms"),
        group=arrays.get_array("group"),
        largest_error=arrays.get_array("largest_error"),
        disagreement=arrays.get_array("disagreement"),
    )


#: what the map calls frames that were chosen to train on, and to test on
USES = {TRAIN: "chosen", TEST: "test"}


def _frame_map(records: Sequence[IterationRecord], stages: tuple[str, ...]) -> FrameMap | None:
    """Return the map of all candidates with a sound geometry."""
    points, stage, use = [], [], []
    for record in records:
        if not {"candidates", "deviation"} <= set(record.nodes):
            continue
        ids = orm.load_node(record.nodes["candidates"]).ids
        deviation = orm.load_node(record.nodes["deviation"])
        node = orm.load_node(record.nodes["chosen"]) if "chosen" in record.nodes else None
        uses = ids_by_use(node) if isinstance(node, FramesData) else {}
        use_of = {identity: USES[name] for name, ids in uses.items() for identity in ids}
        refused = deviation.base.attributes.get("refused")
        for identity, fingerprint, reason in zip(ids, deviation.get_array("fingerprints"), refused, strict=True):
            if reason is None and np.isfinite(fingerprint).all():
                points.append(fingerprint)
                stage.append(stages.index(record.stage))
                use.append(use_of.get(identity, "candidate"))
    if len(points) < 3:
        return None
    projected, explained = project(np.array(points))
    return FrameMap(projected, explained, stages, np.array(stage), np.array(use))


#: frames on which terms are weighed and curves drawn; shares hardly change with more
WEIGHED = 12


def _model(records: Sequence[IterationRecord]) -> tuple[Terms | None, Insight | None, dict[str, str]]:
    """Return terms, shares and curves of the last ensemble, on test frames of all stages or, without any, training frames.

    Of what its members have not got, there is a sentence by section.
    """
    ensembles = [record.nodes["ensemble"] for record in records if "ensemble" in record.nodes]
    if not ensembles:
        return None, None, {}
    tests, batches = ([record.nodes[name] for record in records if name in record.nodes] for name in ("test_batch", "batch"))
    frames = [frame for pk in tests or batches for frame in orm.load_node(pk).get_frames()]
    few = [frames[index] for index in np.unique(np.linspace(0, len(frames) - 1, min(WEIGHED, len(frames))).astype(int))]
    ensemble = orm.load_node(ensembles[-1]).get_ensemble()
    return look(ensemble, few)


def _path(records: Sequence[IterationRecord]) -> tuple[list[dict[str, Any]], int] | None:
    """Return the path of the last fit."""
    for record in reversed(records):
        if "report" in record.nodes:
            report = orm.load_node(record.nodes["report"]).get_dict().get("fit") or {}
            paths = [group for group in report.get("groups", []) if group.get("path")]
            return path_rows(paths[0]) if paths else None
    return None


def _outliers(records: Sequence[IterationRecord]) -> dict[str, Any] | None:
    """Return what the last fit says of labels that are off."""
    found = last_outliers(records)
    return found[1] if found is not None else None


# ------------------------------------------------------------------------------------------------ jobs and nodes


def _jobs(node: orm.ProcessNode, steps: Sequence[Step]) -> tuple[Job, ...]:
    by_pk, places, named = {step.pk: step for step in steps}, Places(node, steps), steps_of_jobs(steps)
    jobs = []
    for item in timeline(node, list(steps)):
        if item.kind != "job":
            continue
        step, place = by_pk[item.pk], places.of(item.pk)
        state = "finished" if step.ok else "failed" if step.ended else "running"
        number = place.number if place is not None else None
        end, gone = (item.end, item.ended) if step.ended else (None, None)
        jobs.append(Job(item.pk, named[item.pk], item.label, item.start, end, state, number, item.created, gone))
    return tuple(jobs)


def _nodes(node: orm.ProcessNode, steps: Sequence[Step]) -> dict[str, int]:
    """Return what the campaign as a whole was given and made, by name."""
    nodes = {f"input {name}": node.inputs[name].pk for name in ("campaign", "code", "label_code") if name in node.inputs}
    assert node.pk is not None  # only stored nodes have a report
    links = outputs_of([node.pk])[node.pk]
    nodes.update({name: pk for name, pk in links.items() if "__" not in name})
    nodes.update({f"job {step.path}": step.pk for step in steps if step.parent == node.pk and step.path == "evaluate"})
    return nodes
