"""Calcfunctions: what changes data without a job. Arithmetic only, since they run inside the daemon."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida.engine import ExitCode, calcfunction
from aiida.orm import ArrayData, Dict, Int

from alworkflows.errors import InputError
from alworkflows.settings import GeometryLimits, SelectionSettings, StructureSettings, parse
from workchains.base import link_key
from workchains.data.frames import FramesData

__all__ = ["build_structures", "merge_frames", "select_frames"]


@calcfunction
def build_structures(settings: Dict, **files: FramesData) -> FramesData | ExitCode:
    """Build the starting structures of a campaign.

    ``settings``: ``structures`` ({name: structure settings}), ``species`` and ``geometry`` (limits); ``files``: {name as a link
    label: the frames as read from its file}.
    """
    from alworkflows.structures import check, made, shape

    values = settings.get_dict()
    limits = parse(GeometryLimits, values["geometry"], "geometry")
    built = []
    try:
        for name, data in values["structures"].items():
            spec = parse(StructureSettings, data, f"structures.{name}")
            source = made(spec, name)
            if source is None and link_key(name) not in files:
                raise InputError(f"structures.{name}: expected the structure read from {spec.file} under files.{name}, got none")
            for given in [source] if source is not None else files[link_key(name)].get_frames():
                atoms = shape(given, spec, name)
                allowed = limits.in_a_box() if spec.isolated else limits
                check(atoms, tuple(values["species"]), allowed, name, slab=spec.miller is not None)
                built.append(atoms)
    except InputError as error:
        return ExitCode(210, str(error))
    node = FramesData.from_frames(built)
    node.label = "starting structures"
    node.description = ", ".join(values["structures"])
    return node


@calcfunction
def merge_frames(**parts: FramesData) -> FramesData:
    """Return the frames of all parts, in the order of their keys, each frame once; labels of two engines are an error."""
    nodes = [parts[key] for key in sorted(parts)]
    engines = [node.engine for node in nodes]
    if any(engine != engines[0] for engine in engines):
        raise InputError(
            f"labels of two engines or settings in one batch: {engines[0]} and {next(e for e in engines if e != engines[0])}"
        )
    merged, seen = [], set()
    for node in nodes:
        for identity, frame in zip(node.ids, node.get_frames(), strict=True):
            if identity not in seen:
                seen.add(identity)
                merged.append(frame)
    return FramesData.from_frames(merged, {"engine": engines[0]} if engines and engines[0] else None)


@calcfunction
def select_frames(
    candidates: FramesData, deviation: ArrayData, settings: Dict, seed: Int, **known: Any
) -> dict[str, Any] | ExitCode:
    """Choose the frames to label and the random test frames.

    ``settings``: the selection's settings, with ``budget`` and ``reference`` (eV/A or null: the ensemble's disagreement on
    its own held-out frames). ``known``: earlier outputs ``fingerprints`` of this function, whose frames are not chosen again.

    Returns ``selected`` and ``test`` (frames; absent if empty), ``selection`` (counts, levels, reasons), ``fingerprints`` (of the
    selected; attribute ``ids``: of both).
    """
    from alworkflows.selection import select

    values = settings.get_dict()
    budget, reference = values.pop("budget_now"), values.pop("reference")
    disagreement = deviation.get_array("disagreement")
    fingerprints = deviation.get_array("fingerprints")
    earlier = [known[key] for key in sorted(known)]
    known_ids = [identity for node in earlier for identity in node.base.attributes.get("ids")]
    known_fingerprints = (
        np.concatenate([node.get_array("fingerprints") for node in earlier]) if earlier else np.zeros((0, fingerprints.shape[1]))
    )
    ids = candidates.ids
    refused = deviation.base.attributes.get("refused")
    try:
        outcome = select(
            ids=ids,
            disagreement=None if np.isnan(disagreement).all() else disagreement,
            refused=refused,
            fingerprints=fingerprints,
            known_fingerprints=known_fingerprints,
            known_ids=known_ids,
            settings=parse(SelectionSettings, values, "selection"),
            budget=budget,
            reference=reference,
            seed=seed.value,
        )
    except InputError as error:
        return ExitCode(210, str(error))
    frames = candidates.get_frames()
    result: dict[str, Any] = {}
    for name, choices in (("selected", outcome.chosen), ("test", outcome.test)):
        for choice in choices:
            origin = frames[choice.index].info.get("origin", {})
            frames[choice.index].info["origin"] = {**origin, "chosen": {**choice.as_dict(), "selected_from": candidates.uuid}}
        if choices:
            result[name] = FramesData.from_frames([frames[choice.index] for choice in choices])
            result[name].label = f"{len(choices)} {name} frames"
    marks = ArrayData()
    # diversity starts from what is trained on; test frames must not push it away, but are never chosen again
    marks.set_array("fingerprints", fingerprints[[choice.index for choice in outcome.chosen]])
    marks.base.attributes.set("ids", [ids[choice.index] for choice in (*outcome.chosen, *outcome.test)])
    result["fingerprints"] = marks
    summary = outcome.summary()
    if outcome.window is None:
        summary["accurate_share"] = None  # nobody has been asked yet
    # why each frame was chosen travels with the frame; here are the numbers
    summary["chosen"], summary["test"] = len(outcome.chosen), len(outcome.test)
    result["selection"] = Dict({**summary, "refused": {ids[index]: reason for index, reason in enumerate(refused) if reason}})
    return result
