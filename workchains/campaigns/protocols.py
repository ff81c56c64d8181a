"""From a material and a protocol, or a user's file, to a checked campaign.

A material's YAML file has four blocks: ``title``, ``default_inputs``, ``default_protocol`` and ``protocols``. The ``inputs`` of a
protocol are laid over the default ones, and a user's own keys over those. Mappings are merged key by key; anything else replaces;
stages are merged by name where they come as a mapping ``{stage: changes}``, and replaced where they come as a list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alworkflows.errors import InputError, unknown
from alworkflows.settings import Campaign, Settings, parse, read_yaml

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Protocol", "inputs", "load", "materials", "overlay", "protocols", "read_files", "resolve"]

FOLDER = Path(__file__).parent


class Protocol(Settings):
    """One of a material's protocols."""

    description: str
    inputs: dict[str, Any]


class MaterialFile(Settings):
    """The blocks of a material's file."""

    title: str
    default_inputs: dict[str, Any]
    default_protocol: str
    protocols: dict[str, Protocol]


def materials() -> dict[str, str]:
    """Return the built-in materials: name and title."""
    return {path.stem: _material(path.stem).title for path in sorted(FOLDER.glob("*.yaml"))}


def protocols(material: str) -> dict[str, Protocol]:
    """Return a material's protocols by name, its default one first.

    Raises
    ------
    InputError
        If the material is unknown.

    """
    blocks = _material(material)
    names = sorted(blocks.protocols, key=lambda name: name != blocks.default_protocol)
    return {name: blocks.protocols[name] for name in names}


def inputs(material: str, protocol: str | None = None, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a campaign's inputs, merged but not checked.

    Parameters
    ----------
    material
        A built-in material.
    protocol
        None: the material's default one.
    overrides
        Any part of a campaign file.

    Raises
    ------
    InputError
        If the material, protocol, or a stage in ``overrides`` is unknown.

    """
    blocks = _material(material)
    name = protocol or blocks.default_protocol
    if name not in blocks.protocols:
        raise unknown(f"protocol of {material}", name, blocks.protocols)
    return overlay(overlay(blocks.default_inputs, blocks.protocols[name].inputs), overrides or {})


def resolve(material: str, protocol: str | None = None, overrides: Mapping[str, Any] | None = None) -> Campaign:
    """Return the checked campaign of a material and protocol, with overrides laid over it.

    Raises
    ------
    InputError
        If a name is unknown, or what results is not a valid campaign.

    """
    where = " ".join(filter(None, [material, protocol, "with overrides" if overrides else None]))
    return parse(Campaign, inputs(material, protocol, overrides), where)


def load(path: str | Path, allow_import: bool = False) -> Campaign:
    """Read a campaign file.

    A complete file stands for itself. One with ``material`` (and ``protocol``) holds changes to that material's protocol.

    Parameters
    ----------
    path
        The file.
    allow_import
        Whether a person allows what its calculator runs that is neither ours nor ASE's.

    Raises
    ------
    InputError
        If the file cannot be read, names an unknown material or protocol, is not a valid campaign, or its calculator would run
        code that is not allowed.

    """
    # slow to import, and a template needs neither
    from alworkflows.calculators import refuse_written, with_permission

    data = read_yaml(path)
    refuse_written(data, str(path))
    material, protocol = data.pop("material", None), data.pop("protocol", None)
    if material is None and protocol is not None:
        raise InputError(f"{path}: 'protocol: {protocol}' needs 'material', one of {', '.join(materials())}")
    if material is not None:
        try:
            data = inputs(str(material), None if protocol is None else str(protocol), data)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    campaign = parse(Campaign, data, str(path))
    return campaign.model_copy(update={"label": with_permission(campaign.label, allow_import, str(path))})


def read_files(campaign: Campaign, base: Path, skip: Collection[str] = ()) -> dict[str, list[Atoms]]:
    """Return the structures that come from files, as read, by name, but for some; relative paths start from ``base``.

    Raises
    ------
    InputError
        If a file is missing or cannot be read.

    """
    from alworkflows.structures import read_frames

    used = {name for stage in campaign.stages for name in stage.structures}
    frames = {}
    for name, spec in campaign.structures.items():
        if spec.file is not None and name in used and name not in skip:
            try:
                frames[name] = read_frames(base / spec.file, spec.frames)
            except InputError as error:
                raise InputError(f"structures.{name}: {error}") from error
    return frames


# ------------------------------------------------------------------------------------------------ layers


def _material(name: str) -> MaterialFile:
    path = FOLDER / f"{name}.yaml"
    known = {entry.stem for entry in FOLDER.glob("*.yaml")}
    if name not in known:
        raise unknown("material", name, known)
    return parse(MaterialFile, read_yaml(path), str(path))


def overlay(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``over`` laid over it, at the top of a campaign."""
    merged = dict(base)
    for key, value in over.items():
        if key == "stages" and isinstance(value, Mapping):
            merged[key] = _overlay_stages(base.get(key, []), value)
        else:
            merged[key] = _overlay_value(base.get(key), value)
    return merged


def _overlay_stages(base: Any, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the list of stages with changes laid over those they name."""
    names = [stage["name"] for stage in base]
    for name in changes:
        if name not in names:
            error = unknown("stage", name, names)
            raise InputError(f"stages: {error}; a new stage is given with all others, as a list")
    return [_overlay_value(stage, changes.get(stage["name"], {})) for stage in base]


def _overlay_value(base: Any, over: Any) -> Any:
    """Merge mappings key by key, but replace one whose ``name`` changes: settings of another sampler or calculator do not mix."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    if "name" in over and "name" in base and over["name"] != base["name"]:
        return dict(over)
    return {**base, **{key: _overlay_value(base.get(key), value) for key, value in over.items()}}
