"""Frames into files: exact ``.npz``, or extended XYZ that loses no digit and says what made the labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from ase import Atoms
from ase.io.extxyz import key_val_dict_to_str
from ase.stress import voigt_6_to_full_3x3_stress

from alworkflows.atomic import replacing
from alworkflows.frames.identity import frame_id
from alworkflows.frames.kept import KEPT, encode, kept_arrays
from alworkflows.frames.labels import labels
from alworkflows.frames.storage import save

__all__ = ["write", "write_extended_xyz"]

#: columns of an extended XYZ file, by the names of :func:`.kept.kept_arrays`
_COLUMNS = {"initial_magmoms": "initial_magmoms", "magmoms": "magmoms", "energies_of_atoms": "energies"}


def write(path: str | os.PathLike[str], frames: Sequence[Atoms], engine: dict[str, Any] | None = None) -> None:
    """Write frames: ``.npz``, or else extended XYZ.

    Parameters
    ----------
    engine
        What made the labels; stands in the header of an ``.npz``, and beside each frame of an extended XYZ file.
    """
    path = Path(path)
    if path.suffix == ".npz":
        save(path, frames, {"engine": engine} if engine else None)
        return
    with replacing(path) as part, open(part, "w") as handle:
        write_extended_xyz(handle, frames, engine)


def write_extended_xyz(handle: TextIO, frames: Sequence[Atoms], engine: dict[str, Any] | None = None) -> None:
    """Write frames as extended XYZ with as many digits as numbers have, so that they are read back to the last bit.

    ASE's own writer rounds columns to 8 decimals. Keys: ``energy``, ``forces``, ``stress`` (ASE's sign), ``frame_id``, ``origin``
    and ``engine`` (JSON), and what :data:`.kept.KEPT` names.
    """
    for frame in frames:
        stored = labels(frame)
        info: dict[str, Any] = {key: frame.info[key] for key in KEPT if key in frame.info}
        info["frame_id"] = frame_id(frame)
        if frame.info.get("origin"):
            info["origin"] = encode(frame.info["origin"])
        if engine:
            info["engine"] = encode(engine)
        if stored.energy is not None:
            info["energy"] = float(stored.energy)
        if stored.stress is not None:
            info["stress"] = voigt_6_to_full_3x3_stress(stored.stress)
        info["pbc"] = frame.pbc
        columns: list[tuple[str, np.ndarray]] = [("pos:R:3", frame.positions)]
        kept = kept_arrays(frame)
        for name, column in _COLUMNS.items():
            if name in kept:
                width = 1 if kept[name].ndim == 1 else kept[name].shape[1]
                columns.append((f"{column}:R:{width}", kept[name].reshape(len(frame), -1)))
        if stored.forces is not None:
            columns.append(("forces:R:3", stored.forces))
        fixed = kept.get("fixed")
        properties = ":".join(["species:S:1", *(name for name, _ in columns), *(["move_mask:L:3"] if fixed is not None else [])])
        lattice = f'Lattice="{" ".join(map(repr, frame.cell.array.ravel().tolist()))}" ' if frame.cell.array.any() else ""
        handle.write(f"{len(frame)}\n{lattice}Properties={properties} {key_val_dict_to_str(info)}\n")
        table = np.concatenate([values for _, values in columns], axis=1).tolist()
        for index, (symbol, row) in enumerate(zip(frame.get_chemical_symbols(), table, strict=True)):
            cells = [f"{symbol:2s}", *(repr(value) for value in row)]
            if fixed is not None:
                cells += ["F" if held else "T" for held in fixed[index]]
            handle.write(" ".join(cells) + "\n")
