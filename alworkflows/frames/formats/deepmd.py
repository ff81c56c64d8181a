"""Folders of DeePMD-kit: ``type.raw``, ``type_map.raw`` and ``set.*/*.npy``; eV, A, and the virial in eV.

Format: docs.deepmodeling.com, "data/system". The virial there is that of QUIP: minus the stress times the volume.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_deepmd"]


def read_deepmd(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the frames of one system, set by set."""
    types = np.loadtxt(path / "type.raw", dtype=int, ndmin=1)
    symbols = _symbols(path, name, settings)
    if types.size and (types.min() < 0 or types.max() >= len(symbols)):
        raise InputError(f"{name}: type.raw has type {types.max()}, and there are names for {len(symbols)}: {', '.join(symbols)}")
    species = [symbols[number] for number in types]
    sets = sorted(path.glob("set.*"))
    if not sets:
        raise InputError(f"{name}: expected folders 'set.*', got none")
    periodic = not (path / "nopbc").exists()
    index = 0
    for folder in sets:
        positions = _rows(folder, "coord", name, (len(species), 3))
        if positions is None:
            raise InputError(f"{name}: {folder.name} has no coord.npy")
        cells = _rows(folder, "box", name, (3, 3)) if periodic else None
        stored = {
            "energy": _rows(folder, "energy", name, ()),
            "forces": _rows(folder, "force", name, (len(species), 3)),
            "virial": _rows(folder, "virial", name, (3, 3)),
            "energies": _rows(folder, "atom_ener", name, (len(species),)),
        }
        for what, rows in {"box": cells, **stored}.items():
            if rows is not None and len(rows) != len(positions):
                raise InputError(f"{name}: {folder.name} has {len(positions)} rows of coord and {len(rows)} of {what}")
        for number in range(len(positions)):
            atoms = Atoms(species, positions=positions[number], pbc=periodic)
            if cells is not None:
                atoms.set_cell(cells[number])
            labels: dict[str, Any] = {key: rows[number] for key, rows in stored.items() if rows is not None}
            yield RawFrame(atoms, labels, index, f"{folder.name}, row {number}")
            index += 1


def _symbols(path: Path, name: str, settings: ReadSettings) -> list[str]:
    """Return the chemical symbols of the types: as the user names them, or as the folder does."""
    if settings.types:
        return list(settings.types)
    if not (path / "type_map.raw").is_file():
        raise InputError(f"{name}: no type_map.raw, so types are numbers only: name them in their order, such as --types Zn,O")
    return (path / "type_map.raw").read_text().split()


def _rows(folder: Path, what: str, name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return a row a frame of one of the arrays, or None if it is not there."""
    file = folder / f"{what}.npy"
    if not file.is_file():
        return None
    try:
        rows: np.ndarray = np.load(file, allow_pickle=False)
        return rows.reshape(len(rows), *shape).astype(float)
    except (ValueError, EOFError, OSError, TypeError) as error:
        raise InputError(f"{name}: {folder.name}/{file.name}: expected rows of {int(np.prod(shape))} numbers: {error}") from error
