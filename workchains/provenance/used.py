"""What was made of a frame: it was judged, labelled in vain, trained on, tested on, and went into errors."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.common.links import LinkType

from workchains.data.frames import FramesData
from workchains.processes.naming import in_order
from workchains.provenance.event import Event
from workchains.provenance.facts import facts_of
from workchains.provenance.outliers import outlier_of, outliers_of
from workchains.provenance.tree import ending, outputs_of

__all__ = ["used_by"]


def used_by(node: FramesData, identity: str, index: int) -> list[Event]:
    """Return what was made of a frame that a node holds, by its id and its index there."""
    query = orm.QueryBuilder()
    query.append(FramesData, filters={"id": node.pk}, tag="frames")
    query.append(
        orm.ProcessNode,
        with_incoming="frames",
        edge_filters={"type": LinkType.INPUT_CALC.value},
        edge_project="label",
        filters={"attributes.process_label": {"in": ["DescribeJob", "FitJob", "EvaluateJob", "tell_failures"]}},
        project=["id", "attributes.process_label"],
    )
    rows = sorted(query.all())
    events = _failed_in_jobs(node, identity) + _fits({pk: link for pk, name, link in rows if name == "FitJob"}, identity)
    for pk, _, link in [row for row in rows if row[1] != "FitJob"]:
        process = orm.load_node(pk)
        assert isinstance(process, orm.ProcessNode)
        if process.process_label == "DescribeJob" and process.is_finished_ok:
            events.append(_describe(process, index))
        elif process.process_label == "EvaluateJob" and process.is_finished_ok:
            events.append(_evaluate(process, link))
        elif process.process_label == "tell_failures" and link == "frames":
            events += _attempts(process, identity)
    return events


def _describe(process: orm.ProcessNode, index: int) -> Event:
    deviation = process.outputs.deviation
    value = float(deviation.get_array("disagreement")[index])
    facts: dict[str, Any] = {"disagreement_eV_per_A": value if np.isfinite(value) else None}
    if "ensemble" in process.inputs:
        ensemble = process.inputs.ensemble
        facts["ensemble"] = ensemble.pk
        facts["reference_disagreement_eV_per_A"] = ensemble.base.attributes.get("reference_disagreement", None)
    reason = deviation.base.attributes.get("refused")[index]
    if reason:
        facts["refused"] = reason
    return Event("describe", process.pk, str(process.process_label), deviation.pk, facts)


def _fits(used: dict[int, str], identity: str) -> list[Event]:
    """Return the fits that used a frame; ``used``: the label of the link by which its node went in, by the PK of the job.

    A batch goes into every later fit: they are read together.
    """
    outputs = outputs_of(list(used))
    facts_by = facts_of(links["report"] for links in outputs.values() if "report" in links)
    off_by = outliers_of(links["report"] for links in outputs.values() if "report" in links)
    events = []
    for pk, link in used.items():
        kind = "train" if link.startswith("batches") else "test"  # a transfer set is never trained on either
        facts: dict[str, Any] = {"batch": link.partition("__")[2]}
        results = outputs[pk]
        if "ensemble" in results:
            figures = facts_by.get(results.get("report", 0), {})
            facts.update(training_frames=figures.get("training_frames"), report=results.get("report"))
            if figures.get("test_rmse") is not None:
                facts["test_force_error_eV_per_A"] = figures["test_rmse"]
            facts.update(_off(off_by.get(results.get("report", 0)), identity))
        else:
            process = orm.load_node(pk)
            assert isinstance(process, orm.ProcessNode)
            facts["failed" if process.is_terminated else "running"] = ending(process)
        events.append(Event(kind, pk, "FitJob", results.get("ensemble"), facts))
    return events


def _off(outliers: dict[str, Any] | None, identity: str) -> dict[str, Any]:
    """Return what a fit found to be off in a frame's label, if anything."""
    found = outlier_of(outliers, identity) if outliers is not None else None
    if found is None:
        return {}
    words, frame = found
    weight = {"weight": frame["weight"]} if "weight" in frame else {}
    return {"contradiction": words, "off": frame["off"], "nearest": frame["nearest"], **weight}


def _evaluate(process: orm.ProcessNode, link: str) -> Event:
    """Return the errors that a test frame went into: of each ensemble, on all frames of its group."""
    report, group = process.outputs.report, process.inputs.groups[link.partition("__")[2]]
    names = in_order(process.inputs.ensembles)
    errors = {name: judged[group]["force_rmse"] for name, judged in zip(names, report["errors"], strict=True)}
    facts = {"group": group, "force_rmse_eV_per_A": errors}
    return Event("evaluate", process.pk, str(process.process_label), report.pk, facts)


def _attempts(process: orm.ProcessNode, identity: str) -> list[Event]:
    """Return the failed attempts at a frame's label, as the labelling step wrote them down at its end."""
    chain = process.caller
    keys: dict[str, tuple[int | None, str]] = {}
    if chain is not None:
        links = chain.base.links.get_outgoing(link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK))
        wanted = {item["job"] for item in process.inputs.log["attempts"] if item["id"] == identity}
        keys = {
            link.link_label: (link.node.pk, str(getattr(link.node, "process_label", "")))
            for link in links.all()
            if link.link_label in wanted
        }
    events = []
    for item in process.inputs.log["attempts"]:
        if item["id"] == identity:
            pk, name = keys.get(item["job"], (None, item["job"]))
            facts = {"failed": item["reason"], "kind": item["kind"], "with_remedy": item["remedy"]}
            events.append(Event("label", pk, name, None, facts))
    return events


def _failed_in_jobs(node: FramesData, identity: str) -> list[Event]:
    """Return what jobs report of a frame that failed in them, also before the labelling step came to its end."""
    query = orm.QueryBuilder()
    query.append(FramesData, filters={"id": node.pk}, tag="frames")
    filters = {"attributes.process_label": "LabelJob"}
    query.append(orm.CalcJobNode, with_incoming="frames", filters=filters, project="id", tag="job")
    edge = {"type": LinkType.CREATE.value, "label": {"in": ["report", "progress"]}}
    query.append(orm.Dict, with_incoming="job", edge_filters=edge, project="attributes.failures")
    events = []
    for pk, failures in query.all():
        for item in failures or ():
            if item["id"] == identity:
                events.append(Event("label", pk, "LabelJob", None, {"failed": item["reason"], "kind": item["kind"]}))
    return events
