"""Frames into files: exact ``.npz``, extended XYZ that loses no digit and says its engine, and what other programs read."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from ase import Atoms
from ase.io.extxyz import key_val_dict_to_str
from ase.stress import voigt_6_to_full_3x3_stress

from alworkflows.atomic import filling, replacing
from alworkflows.errors import InputError
from alworkflows.frames.formats.deepmd import write_deepmd
from alworkflows.frames.formats.mtp import write_mtp
from alworkflows.frames.identity import frame_id
from alworkflows.frames.kept import KEPT, encode, kept_arrays
from alworkflows.frames.labels import labels
from alworkflows.frames.storage import save

__all__ = ["FORMATS", "left_behind", "write", "write_extended_xyz"]

#: what is written, by the name of the format
FORMATS = ("npz", "extxyz", "mtp-cfg", "deepmd")
#: of the formats of other programs, what they keep beside labels
_KEPT_BY = {"mtp-cfg": {"weight", "config_type"}, "deepmd": set[str]()}

#: columns of an extended XYZ file, by the names of :func:`.kept.kept_arrays`
_COLUMNS = {
    "initial_magmoms": "initial_magmoms",
    "initial_moment_vectors": "initial_magmoms",
    "magmoms": "magmoms",
    "energies_of_atoms": "energies",
}


def write(
    path: str | os.PathLike[str],
    frames: Sequence[Atoms],
    engine: dict[str, Any] | None = None,
    form: str | None = None,
    prefix: str = "",
) -> None:
    """Write frames.

    Parameters
    ----------
    engine
        What made the labels; stands in the header of an ``.npz``, and beside each frame of an extended XYZ file.
    form
        One of :data:`FORMATS`; none: ``.npz`` and ``.cfg`` by the ending, else extended XYZ.
    prefix
        Of the keys of labels in extended XYZ, such as ``REF_``.

    Raises
    ------
    InputError
        If a frame cannot be told in the format, or a folder is there already.
    """
    path = Path(path)
    form = form or format_of(path)
    if form == "npz":
        save(path, frames, {"engine": engine} if engine else None)
        return
    if form == "deepmd":
        if path.exists():
            raise InputError(f"{path}: exists; a folder of DeePMD is written as a new one")
        with filling(path) as folder:
            write_deepmd(folder, frames)
        return
    with replacing(path) as part, open(part, "w", encoding="utf-8") as handle:
        if form == "mtp-cfg":
            write_mtp(handle, frames)
        else:
            write_extended_xyz(handle, frames, engine, prefix)


def format_of(path: Path) -> str:
    """Return the format that a name means."""
    return {".npz": "npz", ".cfg": "mtp-cfg"}.get(path.suffix, "extxyz")


def left_behind(frames: Sequence[Atoms], engine: dict[str, Any] | None, form: str) -> list[str]:
    """Return what frames have and a file of a format has no place for, in words."""
    if form not in _KEPT_BY:
        return []
    there = {key for frame in frames for key in (*KEPT, "origin") if frame.info.get(key) is not None}
    there |= {name.replace("_", " ") for frame in frames for name in kept_arrays(frame)}
    return sorted((there | ({"engine"} if engine else set())) - _KEPT_BY[form])


def write_extended_xyz(handle: TextIO, frames: Sequence[Atoms], engine: dict[str, Any] | None = None, prefix: str = "") -> None:
    """Write frames as extended XYZ with as many digits as numbers have, so that they are read back to the last bit.

    ASE's own writer rounds columns to 8 decimals. Keys: ``energy``, ``forces``, ``stress`` (ASE's sign), each after ``prefix``,
    ``frame_id``, ``origin`` and ``engine`` (JSON), and what :data:`.kept.KEPT` names.
    """
    for frame in frames:
        stored = labels(frame)
        info: dict[str, Any] = {key: frame.info[key] for key in KEPT if key in frame.info}
        kind = _quoted("config_type", info.pop("config_type", None))
        info["frame_id"] = frame_id(frame)
        if frame.info.get("origin"):
            info["origin"] = encode(frame.info["origin"])
        if engine:
            info["engine"] = encode(engine)
        if stored.energy is not None:
            info[f"{prefix}energy"] = float(stored.energy)
        if stored.stress is not None:
            info[f"{prefix}stress"] = voigt_6_to_full_3x3_stress(stored.stress).ravel()
        info["pbc"] = frame.pbc
        columns: list[tuple[str, np.ndarray]] = [("pos:R:3", frame.positions)]
        kept = kept_arrays(frame)
        for name, column in _COLUMNS.items():
            if name in kept:
                width = 1 if kept[name].ndim == 1 else kept[name].shape[1]
                columns.append((f"{column}:R:{width}", kept[name].reshape(len(frame), -1)))
        if stored.forces is not None:
            columns.append((f"{prefix}forces:R:3", stored.forces))
        fixed = kept.get("fixed")
        properties = ":".join(["species:S:1", *(name for name, _ in columns), *(["move_mask:L:3"] if fixed is not None else [])])
        lattice = f'Lattice="{" ".join(map(repr, frame.cell.array.ravel().tolist()))}" ' if frame.cell.array.any() else ""
        handle.write(f"{len(frame)}\n{lattice}Properties={properties} {kind}{key_val_dict_to_str(info)}\n")
        table = np.concatenate([values for _, values in columns], axis=1).tolist()
        for index, (symbol, row) in enumerate(zip(frame.get_chemical_symbols(), table, strict=True)):
            cells = [f"{symbol:2s}", *(repr(value) for value in row)]
            if fixed is not None:
                cells += ["F" if held else "T" for held in fixed[index]]
            handle.write(" ".join(cells) + "\n")


def _quoted(key: str, text: str | None) -> str:
    """Return a text for the header, on one line and in quotes, since without them it may look like a number or two words."""
    if text is None:
        return ""
    line = re.sub(r"[\x00-\x1f\x7f]+", " ", str(text))
    return f'{key}="{line.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}" '
