"""What made a model, a set of frames or an error figure, what it cost, and what used it: the answers in one piece each.

:func:`frame_lineage` tells the same of a single frame. All of it is read from links, so it holds in other campaigns, too: of a
label that was taken over it tells the campaign that paid for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.links import LinkType

from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.processes.naming import in_order, numbered
from workchains.provenance.costs import core_hours_of
from workchains.provenance.facts import facts_of
from workchains.provenance.makers import maker_of_label
from workchains.provenance.places import told_of
from workchains.provenance.tree import campaign_of, is_campaign, outputs_of, pk_of
from workchains.provenance.versions import check_version

__all__ = ["Lineage", "Use", "figure_lineage", "frames_lineage", "label_cost", "model_lineage", "node_lineage", "place_of"]


#: of the frames of a node, where each comes from
Origins = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Use:
    """One process that a node went into, or one node that it was made from: PK, what it did or is, and figures."""

    pk: int
    what: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lineage:
    """Where a node comes from and what became of it.

    Attributes
    ----------
    kind
        ``model``, ``labels``, ``frames`` or ``error``.
    pk, uuid
        Of the node.
    campaign, iteration, stage
        In which it was made; None outside of campaigns, or of what belongs to no iteration.
    made_by
        PK of the process, None if it was stored by hand.
    facts
        What is to be known of it, by name; units are in the names.
    core_hours
        What it cost: of a model its fit; of labels those that were made for it.
    sources
        What it was made from.
    uses
        What used it.
    """

    kind: str
    pk: int
    uuid: str
    campaign: int | None
    iteration: str | None
    stage: str | None
    made_by: int | None
    facts: dict[str, Any]
    core_hours: float | None
    sources: tuple[Use, ...]
    uses: tuple[Use, ...]


def node_lineage(node: orm.Node) -> Lineage | None:
    """Return the lineage of a model, of frames or of an error figure; None for other nodes."""
    if isinstance(node, EnsembleData):
        return model_lineage(node)
    if isinstance(node, FramesData):
        return frames_lineage(node)
    if isinstance(node, orm.Dict) and node.creator is not None and node.creator.process_label in ("FitJob", "EvaluateJob"):
        return figure_lineage(node)
    return None


def model_lineage(node: EnsembleData) -> Lineage:
    """Return what an ensemble was trained on and what that cost, its errors, and what it was used for.

    The facts have ``labels_core_hours`` (of the labels made for the campaigns it was trained in) and ``taken_over`` (labels that
    had been paid for before).
    """
    fit = node.creator
    facts: dict[str, Any] = {name: node.base.attributes.get(name, None) for name in ("members", "classes", "terms")}
    sources: list[Use] = []
    if fit is not None:
        facts.update(_fitted(fit))
        sources = _trained_on(fit)
        labels = [source.facts for source in sources if source.what != "tested on"]
        facts["labels_core_hours"] = sum(item["core_hours"] for item in labels)
        facts["taken_over"] = sum(item["taken_over"] for item in labels)
    return Lineage("model", *_who(node), facts, _cost(fit), tuple(sources), tuple(_uses_of_model(node)))


def frames_lineage(node: FramesData) -> Lineage:
    """Return what a set of frames was made by, why its frames were chosen, what its labels cost, and which fits used it."""
    origins = node.get_origins()
    facts: dict[str, Any] = {"frames": len(origins), "engine": node.engine, **_chosen(origins)}
    hours = None
    if node.engine is not None:
        facts.update(label_cost(origins))
        hours = facts.pop("core_hours")
        if facts["taken_over"]:
            facts["taken_over_from_campaigns"] = _paid_by(origins)
    return Lineage("labels" if node.engine else "frames", *_who(node), facts, hours, (), tuple(_uses_of_frames(node)))


def figure_lineage(node: orm.Dict) -> Lineage:
    """Return of which models on which frames the errors in a report are, and what was decided by them."""
    job = node.creator
    assert job is not None  # a report is what a job made
    values = node.get_dict()
    facts: dict[str, Any] = _fitted(job)
    if job.process_label == "EvaluateJob":
        facts = {"groups": values["groups"], "force_rmse_eV_per_A": [errors["all"]["force_rmse"] for errors in values["errors"]]}
    return Lineage("error", *_who(node), facts, _cost(job), tuple(_trained_on(job)), tuple(_uses_of_figure(node)))


# ------------------------------------------------------------------------------------------------ where it was made


def place_of(node: orm.Node) -> tuple[orm.ProcessNode | None, str | None, str | None]:
    """Return the campaign in which a node was made, and key and stage of the iteration, if it belongs to one.

    Raises
    ------
    InputError
        If another version made the campaign: see :func:`~workchains.provenance.versions.check_version`.
    """
    process = node if isinstance(node, orm.ProcessNode) else node.creator
    key = stage = None
    while process is not None and not is_campaign(process):
        if process.process_label == "IterationWorkChain":
            place = told_of([pk_of(process)])[pk_of(process)]
            key, stage = numbered("iteration", place["iteration"]), place["name"]
        process = process.caller
    if process is not None:
        check_version(process)
    return process, key, stage


def _who(node: orm.Data) -> tuple[int, str, int | None, str | None, str | None, int | None]:
    """Return PK, UUID, campaign, iteration, stage and maker."""
    campaign, key, stage = place_of(node)
    creator = node.creator
    return (
        pk_of(node),
        node.uuid,
        campaign.pk if campaign is not None else None,
        key,
        stage,
        creator.pk if creator is not None else None,
    )


def _cost(process: orm.ProcessNode | None) -> float | None:
    if not isinstance(process, orm.CalcJobNode):
        return None
    return core_hours_of([pk_of(process)])[pk_of(process)]


# ------------------------------------------------------------------------------------------------ what is in it


def _fitted(fit: orm.ProcessNode) -> dict[str, Any]:
    report = fit.outputs.report.get_dict() if "report" in fit.outputs else {}
    return {
        "training_frames": report.get("training_frames"),
        "test_frames": report.get("test_frames"),
        "held_out_force_rmse_eV_per_A": (report.get("fit") or {}).get("held_out_rmse"),
        "test_force_rmse_eV_per_A": (report.get("test") or {}).get("force_rmse"),
    }


def _trained_on(job: orm.ProcessNode) -> list[Use]:
    """Return the frames, and of a judgement the ensembles, that went into a job."""
    words = {"batches": "trained on", "tests": "tested on", "transfers": "transfer set", "ensembles": "judged"}
    uses = []
    links = {link.link_label: link.node for link in job.base.links.get_incoming(link_type=LinkType.INPUT_CALC).all()}
    for label in in_order(links):
        what, node = words.get(label.partition("__")[0]), links[label]
        facts: dict[str, Any] = {"as": label.partition("__")[2]}
        if isinstance(node, FramesData):
            origins = node.get_origins()
            facts.update(frames=len(origins), **label_cost(origins))
        if what is not None:
            uses.append(Use(pk_of(node), what, facts))
    return uses


def label_cost(origins: Origins) -> dict[str, Any]:
    """Return core-hours of the labels that were made for a set, and how many were taken over; those were paid for before."""
    labels = [origin.get("label", {}) for origin in origins]
    hours = [(label.get("seconds") or 0.0) * (label.get("cores") or 1) / 3600.0 for label in labels]
    taken = ["reused_from" in label for label in labels]
    return {
        "core_hours": sum(value for value, was in zip(hours, taken, strict=True) if not was),
        "taken_over": sum(taken),
        "paid_before_core_hours": sum(value for value, was in zip(hours, taken, strict=True) if was),
    }


def _chosen(origins: Origins) -> dict[str, Any]:
    """Return by which criterion and at which level frames were chosen."""
    notes = [origin.get("chosen", {}) for origin in origins]
    if not any(notes):
        return {}
    values = [note["disagreement"] for note in notes if note.get("disagreement") is not None]
    return {
        "chosen_by": dict(Counter(note.get("criterion", "unknown") for note in notes).most_common()),
        "levels": dict(Counter(note.get("level", "unknown") for note in notes).most_common()),
        "mean_disagreement_eV_per_A": float(np.mean(values)) if values else None,
    }


def _paid_by(origins: Origins) -> dict[str, int]:
    """Return how many labels were taken over from which campaign, by its PK."""
    counts: Counter[str] = Counter()
    known: dict[tuple[str, str], str] = {}
    for origin in origins:
        source = origin.get("label", {}).get("reused_from")
        if source is None:
            continue
        key = (source["node"], source["frame"])
        if key not in known:
            maker = maker_of_label(*key)
            campaign = campaign_of(maker) if maker is not None else None
            known[key] = str(campaign.pk) if campaign is not None else "no campaign"
        counts[known[key]] += 1
    return dict(counts.most_common())


# ------------------------------------------------------------------------------------------------ what used it


def _inputs_to(node: orm.Data, labels: Iterable[str]) -> list[tuple[orm.ProcessNode, str]]:
    """Return the calculations that a node went into, of some classes, with the link's label, oldest first."""
    query = orm.QueryBuilder().append(orm.Data, filters={"id": node.pk}, tag="node")
    query.append(
        orm.ProcessNode,
        with_incoming="node",
        edge_filters={"type": LinkType.INPUT_CALC.value},
        edge_project="label",
        filters={"attributes.process_label": {"in": list(labels)}},
        project="*",
        tag="process",
    )
    return [(process, link) for process, link in query.order_by({"process": {"id": "asc"}}).all()]


def _uses_of_model(node: EnsembleData) -> list[Use]:
    words = {"SampleJob": "drove sampling", "DescribeJob": "judged candidates", "EvaluateJob": "was judged"}
    uses = []
    for process, link in _inputs_to(node, words):
        _, key, _ = place_of(process)
        facts: dict[str, Any] = {"iteration": key} if key else {}
        if process.process_label == "EvaluateJob" and process.is_finished_ok:
            report = process.outputs.report
            names = in_order(process.inputs.ensembles)
            facts["force_rmse_eV_per_A"] = report["errors"][names.index(link.partition("__")[2])]["all"]["force_rmse"]
            facts["report"] = report.pk
        uses.append(Use(pk_of(process), words[str(process.process_label)], facts))
    return uses


def _uses_of_frames(node: FramesData) -> list[Use]:
    words = {"DescribeJob": "described", "select_frames": "chosen from", "LabelJob": "labelled", "FitJob": "trained on"}
    uses, jobs = [], _inputs_to(node, (*words, "EvaluateJob"))
    outputs = outputs_of([pk_of(process) for process, _ in jobs if process.process_label == "FitJob"])
    figures = facts_of(links["report"] for links in outputs.values() if "report" in links)
    for process, link in jobs:
        role = link.partition("__")[0]
        what = {"tests": "tested on", "transfers": "transfer set"}.get(role) or words[str(process.process_label)]
        facts: dict[str, Any] = {}
        if process.process_label == "FitJob":
            links = outputs[pk_of(process)]
            fitted = figures.get(links.get("report", 0), {})
            facts = {"ensemble": links.get("ensemble"), "test_force_rmse_eV_per_A": fitted.get("test_rmse")}
        elif process.process_label == "EvaluateJob" and process.is_finished_ok:
            facts = {"report": process.outputs.report.pk, "ensembles": len(process.inputs.ensembles)}
        uses.append(Use(pk_of(process), what, facts))
    return uses


def _uses_of_figure(node: orm.Dict) -> list[Use]:
    words = {"find_trust_levels": "trust levels", "decide_convergence": "whether the stage has converged"}
    uses = []
    for process, _ in _inputs_to(node, words):
        campaign, key, _ = place_of(process)
        said = process.outputs.result["sentence"] if process.is_finished_ok else None
        facts = {"iteration": key, "campaign": campaign.pk if campaign is not None else None, "sentence": said}
        uses.append(Use(pk_of(process), words[str(process.process_label)], facts))
    return uses
