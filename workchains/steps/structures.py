"""Calcfunctions: what changes data without a job. Arithmetic only, since they run inside the daemon."""

from __future__ import annotations

from aiida.engine import ExitCode, calcfunction
from aiida.orm import Dict
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames import require_one_engine
from alworkflows.settings import GeometryLimits, StructureSettings, parse
from workchains.data.frames import FramesData
from workchains.processes.exit_statuses import FunctionStatus
from workchains.processes.naming import link_key

__all__ = ["build_structures", "merge_frames"]


@calcfunction
def build_structures(settings: Dict, **files: FramesData) -> FramesData | ExitCode:
    """Build the starting structures of a campaign.

    ``settings``: ``structures`` ({name: structure settings}), ``species`` and ``geometry`` (limits); ``files``: {name as a link
    label: the frames as read from its file}.
    """
    from alworkflows.structures import check, made, shape
    from alworkflows.structures.distinct import require_distinct

    values = settings.get_dict()
    limits = parse(GeometryLimits, values["geometry"], "geometry")
    built: list[tuple[str, Atoms]] = []
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
                built.append((name, atoms))
        require_distinct(built)
    except InputError as error:
        return ExitCode(FunctionStatus.INPUT_REFUSED.value, str(error))
    node = FramesData.from_frames([atoms for _, atoms in built])
    node.label = "starting structures"
    node.description = ", ".join(values["structures"])
    return node


@calcfunction
def merge_frames(**parts: FramesData) -> FramesData:
    """Return the frames of all parts, in the order of their keys, each frame once; labels of two engines are an error."""
    nodes = [parts[key] for key in sorted(parts)]
    engine = require_one_engine({key: parts[key].engine for key in sorted(parts)}, vouched=False)
    merged, seen = [], set()
    for node in nodes:
        for identity, frame in zip(node.ids, node.get_frames(), strict=True):
            if identity not in seen:
                seen.add(identity)
                merged.append(frame)
    return FramesData.from_frames(merged, {"engine": engine} if engine else None)
