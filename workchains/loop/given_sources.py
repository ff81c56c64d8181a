"""Labelled frames to begin with, looked for before the launch: in a file, in an earlier campaign, in an AiiDA archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.models.batches import batch_hash
from alworkflows.models.linear.isolated import isolated_energies, with_isolated_atoms
from alworkflows.settings import Campaign, GivenData, LinearSettings, ModelSettings
from workchains.data.frames import FramesData
from workchains.loop.given import GIVEN
from workchains.loop.given_apart import require_once
from workchains.processes.naming import in_order, numbered

__all__ = ["find_given", "with_energies_of_atoms"]


def find_given(campaign: Campaign, base: Path) -> tuple[dict[str, FramesData], dict[str, dict[str, Any]]]:
    """Return the labelled frames that a campaign begins with, by key, and what each is for: ``use`` and ``test_share``.

    An archive is imported into the profile.

    Parameters
    ----------
    base
        Folder that relative paths start from.

    Raises
    ------
    InputError
        If a source is missing, holds no labels or other species, its labels are those of another engine than another's, or a
        frame is given twice, in whatever formats.
    """
    entries: dict[int, dict[str, FramesData]] = {}
    uses: dict[str, dict[str, Any]] = {}
    for number, source in enumerate(campaign.start):
        where = f"start.{number}"
        entries[number] = {}
        for part, (use, node) in enumerate(_read(source, base, campaign, where)):
            key = numbered(numbered(GIVEN, number), part)
            entries[number][key], uses[key] = node, {"use": use, "test_share": source.test_share}
            _check(node, campaign, where)
    sources = {key: node for nodes in entries.values() for key, node in nodes.items()}
    frames_io.require_one_engine({key: node.engine for key, node in sources.items()}, "start")
    for key, notes in require_once(entries, uses).items():
        _note(sources[key], notes)
    return sources, uses


def _note(node: FramesData, notes: list[str]) -> None:
    """Add what a person should know to the record of reading a file; a node that is stored already stays what it is."""
    if notes and not node.is_stored:
        record = node.base.attributes.get("reading")
        node.base.attributes.set("reading", {**record, "lines": [*record["lines"], *notes]})


def with_energies_of_atoms(campaign: Campaign, sources: Mapping[str, FramesData]) -> Campaign:
    """Return a campaign whose linear models have the energies of isolated atoms among its given data, where that is asked for."""
    frames = [frame for node in sources.values() for frame in node.get_frames() if len(frame) == 1]
    groups = [
        with_isolated_atoms(group, campaign.species, frames) if isinstance(group, LinearSettings) else group
        for group in campaign.model.groups
    ]
    return campaign.model_copy(update={"model": ModelSettings.of(*groups)})


def _read(source: GivenData, base: Path, campaign: Campaign, where: str) -> list[tuple[str, FramesData]]:
    if source.file is not None:
        return [("divide", _read_file(source, base, campaign, where))]
    if source.archive is not None:
        _import(base / source.archive, where)
    from workchains.provenance import is_campaign, load_node

    node = load_node(str(source.node))
    if isinstance(node, FramesData):
        return [("divide", node)]
    if is_campaign(node):
        outputs = {name: dict(node.outputs[name]) for name in ("batches", "tests") if name in node.outputs}
        batches, tests = outputs.get("batches", {}), outputs.get("tests", {})
        if not batches:
            raise InputError(f"{where}.node: the campaign {node.pk} has no labelled frames")
        return [("train", batches[key]) for key in in_order(batches)] + [("test", tests[key]) for key in in_order(tests)]
    raise InputError(f"{where}.node: expected a campaign or labelled frames (FramesData), got {type(node).__name__} <{node.pk}>")


def _read_file(source: GivenData, base: Path, campaign: Campaign, where: str) -> FramesData:
    path = base / str(source.file)
    # a limit that someone set for the campaign's own labels holds for given ones
    own = campaign.label.largest_force if "largest_force" in campaign.label.model_fields_set else None
    limit = source.largest_force or own
    try:
        reading = frames_io.read_files([str(path)], source.model_copy(update={"largest_force": limit}), ("energy", "forces"))
    except InputError as error:
        raise InputError(f"{where}.file: {error}") from error
    for file in reading.files:
        for number, frame in zip(file.numbers, file.frames, strict=True):
            origin = {"structure": Path(file.path).stem, "sampler": "given", "index": number}
            frame.info["origin"] = {**origin, **frame.info.get("origin", {})}
    frames = reading.frames
    if repeated := frames_io.duplicates(frames):
        more = f"{len(repeated)} of {len(frames)} frames stand there more than once (first: frame {repeated[0]})"
        raise InputError(f"{where}.file: {path}: {more}; give each frame once")
    if alone := isolated_energies(reading.frames):
        told = ", ".join(f"{symbol} {energy:.4f} eV" for symbol, energy in alone.items())
        reading.report.notes.append(f"isolated atoms, the reference energies if there is one of each species: {told}")
    engine = reading.engine or {frames_io.GIVEN: path.name, "sha256": batch_hash(frames)[:16]}
    node = FramesData.from_frames(frames, {"engine": engine, "reading": reading.report.as_dict()})
    node.label = f"given: {path.name}"
    return node


def _import(path: Path, where: str) -> None:
    """Bring an archive into the profile."""
    from aiida.tools.archive import import_archive

    if not path.is_file():
        raise InputError(f"{where}.archive: {path}: no such file")
    try:
        import_archive(path, create_group=False)
    except Exception as error:  # whatever a broken archive or a database of garbage raises, nothing of it is in the profile
        told = str(error).strip().splitlines() or [""]
        raise InputError(f"{where}.archive: {path}: cannot be imported: {type(error).__name__}: {told[0]:.300}") from error


def _check(node: FramesData, campaign: Campaign, where: str) -> None:
    if node.engine is None:
        raise InputError(f"{where}: expected labelled frames, got {len(node)} frames without labels")
    strangers = sorted(set(node.base.attributes.get("species")) - set(campaign.species))
    if strangers:
        raise InputError(f"{where}: expected the species {', '.join(campaign.species)}, got also {', '.join(strangers)}")
