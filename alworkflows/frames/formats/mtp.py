"""Configurations of MLIP, the program of moment tensor potentials: ``.cfg`` files, read and written.

Format: mlip-2's manual, "cfg files". Energies in eV, forces in eV/A; ``PlusStress`` (``Virial`` in older files) is minus the
stress times the volume, in eV, in the order xx yy zz yz xz xy that its line names; ``Stress`` has the other sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.formats.text_blocks import Block, divided
from alworkflows.frames.labels import labels
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_mtp", "write_mtp"]

_POSITIONS = ("cartes_x", "cartes_y", "cartes_z")
_FRACTIONAL = ("direct_x", "direct_y", "direct_z")
_FORCES = ("fx", "fy", "fz")
#: of the lines before six numbers of stress times volume, the sign that makes a virial of it
_SIGNS = {"PlusStress:": 1.0, "Virial:": 1.0, "Stress:": -1.0}
#: where the parts of a symmetric matrix stand, by their names
_PLACES = {"xx": (0, 0), "yy": (1, 1), "zz": (2, 2), "yz": (1, 2), "xz": (0, 2), "xy": (0, 1)}
#: lists of species that some programs add as a feature, in the order of the types
_SPECIES = ("species", "elements", "symbols", "atom_types")

#: what a frame keeps as features
_FEATURES = ("weight", "config_type")


def read_mtp(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the configurations of a ``.cfg`` file.

    Raises
    ------
    InputError
        If types are numbers only, and nobody has named them.
    """
    for block in divided(path, name, "BEGIN_CFG", "END_CFG"):
        if isinstance(block, Fault):
            yield block
            continue
        try:
            yield _frame(block, name, settings)
        except InputError:
            raise
        except (ValueError, IndexError, KeyError) as error:
            yield Fault(FaultKind.UNREADABLE, name, block.index, f"cannot be read: {error}", block.place)


def _frame(block: Block, name: str, settings: ReadSettings) -> RawFrame:
    """Return the frame between BEGIN_CFG and END_CFG."""
    cell = np.zeros((3, 3))
    periodic = 0
    size: int | None = None
    columns: list[str] = []
    rows: list[list[str]] = []
    stored: dict[str, Any] = {}
    features: dict[str, str] = {}
    lines = iter(block.lines)
    for line in lines:
        words = line.split()
        head = words[0]
        if head == "Size":
            size = int(next(lines, "").split()[0])
        elif head.lower() == "supercell":
            continue
        elif head in ("AtomData:", "Atomic_data:"):
            columns = words[1:]
            if size is None:
                raise ValueError("expected 'Size' before the atoms")
            rows = [row.split() for row in _next(lines, size, "rows of atoms")]
        elif head == "Energy":
            stored["energy"] = float(words[1] if len(words) > 1 else next(lines, "").split()[0])
        elif head in _SIGNS:
            stored["virial"] = _SIGNS[head] * _symmetric(words[1:], next(lines, "").split(), head)
        elif head == "Feature":
            features[words[1]] = " ".join(words[2:])
        elif not columns and periodic < 3 and len(words) == 3:
            cell[periodic] = [float(word) for word in words]
            periodic += 1
        else:
            raise ValueError(f"expected a section of a .cfg file, got '{line.strip()[:60]}'")
    table = _table(columns, rows)
    species = _species(table, features, name, settings)
    atoms = Atoms(species, cell=cell, pbc=[number < periodic for number in range(3)])
    if all(column in table for column in _POSITIONS):
        atoms.positions[:] = _numbers(table, _POSITIONS)
    elif all(column in table for column in _FRACTIONAL):
        atoms.positions[:] = _numbers(table, _FRACTIONAL) @ cell
    else:
        raise ValueError(f"expected columns {' '.join(_POSITIONS)} or {' '.join(_FRACTIONAL)}, got {' '.join(columns)}")
    if all(column in table for column in _FORCES):
        stored["forces"] = _numbers(table, _FORCES)
    if "site_en" in table:
        stored["energies"] = _numbers(table, ("site_en",))[:, 0]
    if "weight" in features:
        atoms.info["weight"] = features["weight"]
    if kind := features.get("config_type") or features.get("type"):
        atoms.info["config_type"] = kind
    return RawFrame(atoms, stored, block.index, block.place)


def _next(lines: Iterator[str], number: int, what: str) -> list[str]:
    rows = list(islice(lines, number))
    if len(rows) < number:
        raise ValueError(f"expected {number} {what}, got {len(rows)}")
    return rows


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Return the columns of the atoms by their names."""
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            raise ValueError(f"atom {number}: expected {len(columns)} columns ({' '.join(columns)}), got {len(row)}")
    if "id" in columns and [row[columns.index("id")] for row in rows] != [str(number + 1) for number in range(len(rows))]:
        raise ValueError(f"expected atoms with id 1 to {len(rows)} in their order")
    return {column: [row[place] for row in rows] for place, column in enumerate(columns)}


def _numbers(table: dict[str, list[str]], columns: Sequence[str]) -> np.ndarray:
    return np.array([[float(word) for word in table[column]] for column in columns]).T.reshape(-1, len(columns))


def _symmetric(names: Sequence[str], words: Sequence[str], head: str) -> np.ndarray:
    """Return the matrix of six numbers by the names above them."""
    if sorted(names) != sorted(_PLACES) or len(words) != 6:
        raise ValueError(f"{head} expected xx yy zz yz xz xy and six numbers, got {' '.join(names)} and {len(words)} numbers")
    matrix = np.zeros((3, 3))
    for name, word in zip(names, words, strict=True):
        row, column = _PLACES[name]
        matrix[row, column] = matrix[column, row] = float(word)
    return matrix


def _species(table: dict[str, list[str]], features: dict[str, str], name: str, settings: ReadSettings) -> list[str]:
    """Return the chemical symbols: as the user names the types, as the file does, or as its column has them."""
    types = table.get("type")
    if types is None:
        raise ValueError("expected a column 'type'")
    if all(word in atomic_numbers for word in types):
        return types
    listed = next((features[key] for key in _SPECIES if key in features), "").replace(",", " ").split()
    symbols = list(settings.types) or [symbol for symbol in listed if symbol in atomic_numbers]
    if not symbols:
        raise InputError(
            f"{name}: atom types are numbers here, and nothing says which elements they are: "
            "give them in the order of the types, beginning with that of type 0, such as --types Zn,O"
        )
    numbers = [int(word) for word in types]
    if numbers and (min(numbers) < 0 or max(numbers) >= len(symbols)):
        raise InputError(f"{name}: atom types 0 to {max(numbers)}, and names for {len(symbols)}: {', '.join(symbols)}")
    return [symbols[number] for number in numbers]


def write_mtp(handle: TextIO, frames: Sequence[Atoms]) -> None:
    """Write frames as a ``.cfg`` file, with as many digits as numbers have.

    Types are numbers in the order of the symbols' alphabet; each configuration names them in ``Feature species``.

    Raises
    ------
    InputError
        If a frame is periodic along some directions and not along those before: the format has no place for that.
    """
    species = sorted({symbol for frame in frames for symbol in frame.get_chemical_symbols()})
    for index, frame in enumerate(frames):
        periodic = int(frame.pbc.sum())
        if not frame.pbc[:periodic].all():
            raise InputError(f"frame {index}: a .cfg file cannot say that a frame is periodic along {_axes(frame)} only")
        stored = labels(frame)
        lines = ["BEGIN_CFG", " Size", f"    {len(frame)}"]
        if periodic:
            lines += [" Supercell", *(f"    {_row(vector)}" for vector in frame.cell.array[:periodic])]
        columns = ["id", "type", *_POSITIONS, *(_FORCES if stored.forces is not None else ())]
        lines.append(f" AtomData:  {' '.join(columns)}")
        values = frame.positions if stored.forces is None else np.hstack([frame.positions, stored.forces])
        lines += [
            f"    {number} {species.index(symbol)} {_row(row)}"
            for number, (symbol, row) in enumerate(zip(frame.get_chemical_symbols(), values, strict=True), start=1)
        ]
        if stored.energy is not None:
            lines += [" Energy", f"    {float(stored.energy)!r}"]
        if stored.stress is not None:
            lines += [f" PlusStress:  {' '.join(_PLACES)}", f"    {_row(-np.asarray(stored.stress) * frame.get_volume())}"]
        lines.append(f" Feature   species {','.join(species)}")
        lines += [f" Feature   {key} {' '.join(str(frame.info[key]).split())}" for key in _FEATURES if key in frame.info]
        handle.write("\n".join([*lines, "END_CFG", "", ""]))


def _row(values: np.ndarray) -> str:
    return " ".join(map(repr, np.asarray(values, dtype=float).tolist()))


def _axes(frame: Atoms) -> str:
    return " and ".join(axis for axis, repeats in zip("abc", frame.pbc, strict=True) if repeats)
