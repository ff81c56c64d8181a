"""Before any label is paid for: frames that are not worth one, and frames that have one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida.engine import calcfunction
from aiida.orm import Dict, ProcessNode, QueryBuilder
from ase import Atoms

from alworkflows.frames import attach_labels, frame_id, labels
from alworkflows.frames.twins import coarse_key, coarse_keys, pair_up
from alworkflows.settings import GeometryLimits, parse
from workchains.data.frames import FramesData
from workchains.labelling.bought import bought
from workchains.processes.queueing import ENDED, MARK

__all__ = ["find_labelled", "find_underway", "newest_frames", "reuse_labels", "screen_frames"]


@calcfunction
def screen_frames(frames: FramesData, geometry: Dict) -> Dict:
    """Return the frames that must not be labelled, each with its kind of failure and the reason.

    ``geometry``: limits, and ``tolerance`` (A) within which two frames are the same configuration.
    """
    from alworkflows.structures import geometry_flags

    values = geometry.get_dict()
    tolerance = values.pop("tolerance")
    given = frames.get_frames()
    refused = []
    seen: dict[str, list[int]] = {}
    for index, reason in enumerate(geometry_flags(given, parse(GeometryLimits, values, "geometry"))):
        kind = "geometry"
        if reason is None:
            earlier = (other for key in coarse_keys(given[index], tolerance) for other in seen.get(key, ()))
            twin = next((other for other in earlier if pair_up(given[index], given[other], tolerance) is not None), None)
            if twin is None:
                seen.setdefault(coarse_key(given[index]), []).append(index)
                continue
            kind, reason = "duplicate", f"the same configuration as frame {twin} ({frame_id(given[twin])}) of this batch"
        refused.append({"index": index, "id": frame_id(given[index]), "kind": kind, "reason": reason})
    return Dict({"refused": refused})


def find_labelled(frames: Sequence[Atoms], key: str, tolerance: float, since: int = 0) -> list[FramesData]:
    """Return nodes that may hold bought labels of these frames' twins, made with the same engine and settings; oldest first.

    A query or two, whatever the number of frames; only nodes that share a key with a frame are returned, and no more than are
    needed.
    ``since``: PK above which to look.
    """
    wanted = [coarse_keys(frame, tolerance) for frame in frames]
    open_ = set(range(len(frames)))
    pks = []
    for pk, contents in bought(key, "contents", since).items():
        held = set(contents or ())
        covered = {index for index in open_ if wanted[index] & held}
        if covered:
            pks.append(pk)
            open_ -= covered
    if not pks:
        return []
    nodes = QueryBuilder().append(FramesData, filters={"id": {"in": pks}}, tag="frames").order_by({"frames": {"id": "asc"}})
    return nodes.all(flat=True)


def newest_frames() -> int:
    """Return the PK of the newest node of frames."""
    query = QueryBuilder().append(FramesData, project="id", tag="frames").order_by({"frames": {"id": "desc"}}).limit(1)
    return int((query.all(flat=True) or [0])[0])


def find_underway(frames: Sequence[Atoms], key: str, tolerance: float, without: set[int]) -> dict[int, list[int]]:
    """Return the processes that label a twin of a frame right now, with the same engine and settings: {index: PKs}."""
    query = QueryBuilder()
    filters = {f"extras.{MARK}.engine": key, "attributes.process_state": {"!in": ENDED}}
    query.append(ProcessNode, filters=filters, project=["id", f"extras.{MARK}.contents"])
    underway = [(pk, set(contents or ())) for pk, contents in query.all() if pk not in without]
    pks: dict[int, list[int]] = {}
    if underway:
        for index, frame in enumerate(frames):
            keys = coarse_keys(frame, tolerance)
            shared = [pk for pk, contents in underway if keys & contents]
            if shared:
                pks[index] = shared
    return pks


@calcfunction
def reuse_labels(frames: FramesData, wanted: Dict, **sources: FramesData) -> dict[str, Any]:
    """Return the labels that twins of frames have in ``sources``, in the order of each frame's own atoms.

    ``wanted``: ``indices`` of the frames, ``tolerance`` (A). Returns ``hits`` ({index: source and frame}) and, if there is any,
    ``reused`` (frames with labels, their origin naming the source).
    """
    values = wanted.get_dict()
    tolerance = float(values["tolerance"])
    given = frames.get_frames()
    pool: dict[str, list[tuple[str, Atoms]]] = {}
    for name in sorted(sources):
        for frame in sources[name].get_frames():
            pool.setdefault(coarse_key(frame), []).append((sources[name].uuid, frame))
    copies, hits = [], {}
    for index in values["indices"]:
        frame = given[index]
        near = [entry for key in sorted(coarse_keys(frame, tolerance)) for entry in pool.get(key, ())]
        for uuid, other in near:
            order = pair_up(frame, other, tolerance)
            stored = labels(other)
            if order is None or stored.forces is None:
                continue
            copy = attach_labels(frame, stored.energy, stored.forces[order], stored.stress)
            copy.info["origin"] = {
                **frame.info.get("origin", {}),
                "label": {**_earlier(other), "reused_from": {"node": uuid, "frame": frame_id(other)}},
            }
            copies.append(copy)
            hits[str(index)] = {"node": uuid, "frame": frame_id(other)}
            break
    result: dict[str, Any] = {"hits": Dict({"hits": hits})}
    if copies:
        engine = next(iter(sources.values())).engine
        result["reused"] = FramesData.from_frames(copies, {"engine": engine})
        result["reused"].label = f"{len(copies)} labels that were there"
    return result


def _earlier(frame: Atoms) -> dict[str, Any]:
    """Return what the first labelling said of itself, whoever took it over since."""
    known: dict[str, Any] = frame.info.get("origin", {}).get("label", {})
    return {name: value for name, value in known.items() if name != "reused_from"}
