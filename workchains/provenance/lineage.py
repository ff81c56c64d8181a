"""Where a frame or a node comes from, and what was made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida import orm
from ase import Atoms

from alworkflows.frames import labels
from workchains.data.frames import FramesData
from workchains.provenance.event import KINDS, Event
from workchains.provenance.frames import FrameLocation, find_frame, resolve_frame
from workchains.provenance.labels import GATHER
from workchains.provenance.makers import maker_of_label, pk_of_uuid
from workchains.provenance.tree import campaign_of, earlier_campaign
from workchains.provenance.used import used_by
from workchains.steps.select import TEST

__all__ = ["FrameLineage", "frame_lineage"]


@dataclass(frozen=True)
class FrameLineage:
    """The way of one frame through one campaign: from the structure it grew from to the ensembles trained on it.

    Of a campaign that went on from another, ``campaign`` is the last that holds the frame.
    """

    id: str
    formula: str
    campaign: int | None
    campaign_label: str
    events: tuple[Event, ...]
    nodes: tuple[FrameLocation, ...]


def frame_lineage(text: str) -> list[FrameLineage]:
    """Return the lineage of a frame, one for each campaign that knows it, oldest first; one that went on is told as one.

    ``text`` and errors as those of :func:`~workchains.provenance.frames.resolve_frame`.
    """
    identity = resolve_frame(text)
    groups: dict[int | None, list[FrameLocation]] = {}
    campaigns: dict[int | None, orm.ProcessNode | None] = {}
    for place in find_frame(identity):
        campaign = campaign_of(orm.load_node(place.pk))
        key = _first(campaign).pk if campaign is not None else None
        groups.setdefault(key, []).append(place)
        campaigns[key] = campaign
    return [_lineage(identity, campaigns[key], places) for key, places in groups.items()]


def _first(campaign: orm.ProcessNode) -> orm.ProcessNode:
    """Return the campaign that others went on from until one became this: what they made of a frame is one story."""
    earlier = earlier_campaign(campaign)
    return campaign if earlier is None else _first(earlier)


def _frames(pk: int) -> FramesData:
    node = orm.load_node(pk)
    assert isinstance(node, FramesData)
    return node


def _lineage(identity: str, campaign: orm.ProcessNode | None, places: list[FrameLocation]) -> FrameLineage:
    events: list[Event] = []
    formula = ""
    for place in places:
        node = _frames(place.pk)
        frame = node.get_frames()[place.index]
        formula = frame.get_chemical_formula()
        events += _made(node, frame)
        events += used_by(node, identity, place.index)
    order = {kind: number for number, kind in enumerate(KINDS)}
    distinct = {(event.kind, event.pk, event.node): event for event in events}
    ordered = sorted(distinct.values(), key=lambda event: (order[event.kind], event.pk or 0))
    label = (campaign.label or str(campaign.process_label)) if campaign is not None else ""
    return FrameLineage(identity, formula, campaign.pk if campaign is not None else None, label, tuple(ordered), tuple(places))


# ------------------------------------------------------------------------------------------------ how it was made


def _made(node: FramesData, frame: Atoms) -> list[Event]:
    """Return what the creation of a node says of a frame in it."""
    creator = node.creator
    if creator is None:
        return [Event("label" if node.engine else "structure", None, "stored by hand", node.pk, _origin(frame))]
    makers = {
        "build_structures": _structure,
        "SampleJob": _sample,
        "select_frames": _select,
        "reuse_labels": _taken_over,
    }
    if creator.process_label in makers:
        return makers[creator.process_label](creator, node, frame)
    # what puts nodes together tells nothing new of a frame; whatever else makes labels is an engine's job or conversion
    return _label(creator, node, frame) if node.engine and creator.process_label not in GATHER else []


def _origin(frame: Atoms) -> dict[str, Any]:
    return {key: value for key, value in frame.info.get("origin", {}).items() if key != "chosen"}


def _structure(creator: orm.ProcessNode, node: FramesData, frame: Atoms) -> list[Event]:
    name = frame.info.get("origin", {}).get("structure", "unnamed")
    settings = creator.inputs.settings.get_dict()["structures"].get(name, {})
    given = {key: value for key, value in settings.items() if value is not None}
    if settings.get("miller") is None:
        given = {key: value for key, value in given.items() if key not in ("layers", "vacuum")}
    return [Event("structure", creator.pk, str(creator.process_label), node.pk, {"structure": name, **given})]


def _sample(creator: orm.ProcessNode, node: FramesData, frame: Atoms) -> list[Event]:
    origin = _origin(frame)
    start = creator.inputs.structures
    by_name = {atoms.info.get("origin", {}).get("structure"): atoms for atoms in start.get_frames()}
    known = origin.get("structure") in by_name and start.creator is not None
    events = _made(start, by_name[origin["structure"]]) if known else []
    facts = {**origin, "settings": creator.inputs.sampler.pk, "structures": start.pk}
    if "ensemble" in creator.inputs:
        facts["driven_by_ensemble"] = creator.inputs.ensemble.pk
    return [*events, Event("sample", creator.pk, str(creator.process_label), node.pk, facts)]


def _select(creator: orm.ProcessNode, node: FramesData, frame: Atoms) -> list[Event]:
    note = frame.info["origin"]["chosen"]
    facts = {"as": "test frame, never trained on" if note["use"] == TEST else "frame to train on", **note}
    facts["seed"] = creator.inputs.seed.value
    judged = creator.inputs.deviation.creator if "deviation" in creator.inputs else None
    if judged is not None and "ensemble" in judged.inputs:
        facts["committee"] = judged.inputs.ensemble.pk
    return [Event("select", creator.pk, str(creator.process_label), node.pk, facts)]


def _label(creator: orm.ProcessNode, node: FramesData, frame: Atoms) -> list[Event]:
    """Return the label of a frame; a conversion names the process whose result it read."""
    facts = _facts(node, frame)
    note = frame.info.get("origin", {}).get("label", {})
    if "process" in note:
        facts["computed_by"] = pk_of_uuid(note["process"])
    facts.update({name: note[name] for name in ("remedy", "remedies", "restarts", "seconds", "cores") if note.get(name)})
    if note.get("seconds"):
        facts["core_hours"] = _hours(note)
    return [Event("label", creator.pk, str(creator.process_label), node.pk, facts)]


def _taken_over(creator: orm.ProcessNode, node: FramesData, frame: Atoms) -> list[Event]:
    """Return the label of a frame that a twin of it had: from which node and frame, and what had made it."""
    source = frame.info["origin"]["label"]["reused_from"]
    facts = _facts(node, frame)
    if frame.info["origin"]["label"].get("seconds"):
        # it costs nothing here; what it took where it was made is told all the same
        facts["paid_before_core_hours"] = _hours(frame.info["origin"]["label"])
    facts["taken_over_from"] = pk_of_uuid(source["node"])
    facts["of_frame"] = source["frame"]
    maker = maker_of_label(source["node"], source["frame"])
    if maker is not None:
        facts["computed_by"] = maker.pk
        campaign = campaign_of(maker)
        if campaign is not None:
            facts["in_campaign"] = campaign.pk
    return [Event("label", creator.pk, str(creator.process_label), node.pk, facts)]


def _hours(note: dict[str, Any]) -> float:
    return float(note["seconds"] * (note.get("cores") or 1) / 3600.0)


def _facts(node: FramesData, frame: Atoms) -> dict[str, Any]:
    stored = labels(frame)
    facts: dict[str, Any] = {"engine": node.engine}
    if stored.energy is not None:
        facts["energy_eV"] = stored.energy
        facts["energy_per_atom_eV"] = stored.energy / len(frame)
    if stored.forces is not None:
        facts["largest_force_eV_per_A"] = float(np.linalg.norm(stored.forces, axis=1).max())
    return facts
