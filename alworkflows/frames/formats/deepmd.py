"""Folders of DeePMD-kit, read and written: ``type.raw``, ``type_map.raw`` and ``set.*/*.npy``, or ``*.raw`` texts; eV, A.

Format: docs.deepmodeling.com, "data/system". The virial there is that of QUIP: minus the stress times the volume. In mixed
systems each frame has its own ``real_atom_types``, where -1 stands for no atom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.stress import voigt_6_to_full_3x3_stress

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.labels import labels
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_deepmd", "write_deepmd"]

#: of each label its name in files, and how many numbers it has: of a frame, and of each atom
_LABELS = {"energy": ("energy", 1, 0), "forces": ("force", 0, 3), "virial": ("virial", 9, 0), "energies": ("atom_ener", 0, 1)}
#: what returns the rows of an array by its name and the number of columns, or None if there is none
Rows = Callable[[str, int], np.ndarray | None]


def read_deepmd(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the frames of one system, set by set.

    Raises
    ------
    InputError
        If an array is missing, is of another size or does not fit the others, or types are not named.
    """
    types = _types(path, name)
    symbols = _symbols(path, name, settings)
    periodic = not (path / "nopbc").exists()
    index = 0
    for source, rows in _sources(path, name):
        for atoms, stored, row in _frames(rows, f"{name}: {source}", types, symbols, periodic):
            yield RawFrame(atoms, stored, index, f"{source}, row {row}")
            index += 1


def _sources(path: Path, name: str) -> list[tuple[str, Rows]]:
    """Return what gives the arrays of each set, or of the texts."""
    sets = sorted(path.glob("set.*"))
    if sets:
        return [(folder.name, _binary(folder, name)) for folder in sets]
    if (path / "coord.raw").is_file():
        return [("coord.raw", _text(path, name))]
    raise InputError(f"{name}: expected folders 'set.*' or a file 'coord.raw', got neither")


def _frames(
    rows: Rows, where: str, types: np.ndarray, symbols: Sequence[str], periodic: bool
) -> Iterator[tuple[Atoms, dict[str, Any], int]]:
    """Yield each row of a set: its atoms, its labels, its number."""
    atoms = len(types)
    positions = rows("coord", 3 * atoms)
    if positions is None:
        raise InputError(f"{where}: no coordinates (coord)")
    cells = rows("box", 9) if periodic else None
    if periodic and cells is None:
        raise InputError(f"{where}: no lattice vectors (box), and no file 'nopbc' that says that nothing repeats")
    real = rows("real_atom_types", atoms)
    stored = {label: rows(file, size + each * atoms) for label, (file, size, each) in _LABELS.items()}
    for what, values in {"box": cells, "real_atom_types": real, **stored}.items():
        if values is not None and len(values) != len(positions):
            raise InputError(f"{where}: {len(positions)} rows of coord and {len(values)} of {what}")
    for number in range(len(positions)):
        own = types if real is None else real[number].astype(int)
        if own.size and (own.min() < (0 if real is None else -1) or own.max() >= len(symbols)):
            raise InputError(f"{where}: type {own.max()}, and there are names for {len(symbols)}: {', '.join(symbols)}")
        there = own >= 0
        frame = Atoms(
            [symbols[kind] for kind in own[there]],
            positions=positions[number].reshape(-1, 3)[there],
            cell=None if cells is None else cells[number].reshape(3, 3),
            pbc=periodic,
        )
        labelled: dict[str, Any] = {}
        for label, values in stored.items():
            if values is None:
                continue
            _, size, each = _LABELS[label]
            value = values[number].reshape(-1, each)[there] if each else values[number]
            labelled[label] = value.ravel() if each == 1 else float(value[0]) if size == 1 else value.reshape(-1, 3)
        yield frame, labelled, number


def _types(path: Path, name: str) -> np.ndarray:
    try:
        return np.atleast_1d(np.loadtxt(path / "type.raw", dtype=int, ndmin=1))
    except ValueError as error:
        raise InputError(f"{name}: type.raw: expected a whole number for each atom: {error}") from error


def _symbols(path: Path, name: str, settings: ReadSettings) -> list[str]:
    """Return the chemical symbols of the types: as the user names them, or as the folder does."""
    if settings.types:
        return list(settings.types)
    if not (path / "type_map.raw").is_file():
        raise InputError(
            f"{name}: no type_map.raw, so types are numbers only: name them, that of type 0 first, such as --types Zn,O"
        )
    symbols = (path / "type_map.raw").read_text().split()
    if foreign := [symbol for symbol in symbols if symbol not in atomic_numbers]:
        raise InputError(f"{name}: type_map.raw: '{foreign[0]}' is no element; name all in their order, such as --types Zn,O")
    return symbols


def _binary(folder: Path, name: str) -> Rows:
    def rows(what: str, columns: int) -> np.ndarray | None:
        file = folder / f"{what}.npy"
        if not file.is_file():
            return None
        try:
            array = np.load(file, allow_pickle=False)
            return np.asarray(array.reshape(len(array), columns), dtype=float)
        except (ValueError, EOFError, OSError, TypeError) as error:
            raise InputError(f"{name}: {folder.name}/{file.name}: expected rows of {columns} numbers: {error}") from error

    return rows


def _text(folder: Path, name: str) -> Rows:
    def rows(what: str, columns: int) -> np.ndarray | None:
        file = folder / f"{what}.raw"
        if not file.is_file():
            return None
        try:
            array = np.loadtxt(file, ndmin=2)
        except ValueError as error:
            raise InputError(f"{name}: {file.name}: expected rows of {columns} numbers: {error}") from error
        if (array.shape[1] == 1 and columns == 1) or array.shape[1] == columns:
            return array
        raise InputError(f"{name}: {file.name}: expected rows of {columns} numbers, got {array.shape[1]}")

    return rows


def write_deepmd(folder: Path, frames: Sequence[Atoms]) -> None:
    """Write frames as systems of DeePMD-kit, in double precision.

    Frames of the same atoms in the same order, with the same labels, are one system; if there are several, each is a folder
    below, and frames that lay apart come together.

    Raises
    ------
    InputError
        If a frame repeats along some directions only: the format has no place for that.
    """
    symbols = sorted({symbol for frame in frames for symbol in frame.get_chemical_symbols()})
    systems: dict[Any, list[Atoms]] = {}
    for index, frame in enumerate(frames):
        if frame.pbc.any() and not frame.pbc.all():
            raise InputError(f"frame {index}: a folder of DeePMD cannot say that a frame repeats along some directions only")
        stored = labels(frame)
        there = tuple(value is not None for value in (stored.energy, stored.forces, stored.stress))
        systems.setdefault((tuple(frame.numbers), bool(frame.pbc.any()), there), []).append(frame)
    for number, members in enumerate(systems.values()):
        formula = members[0].get_chemical_formula()
        _write_system(folder / f"{number:03d}_{formula}" if len(systems) > 1 else folder, members, symbols)


def _write_system(folder: Path, frames: Sequence[Atoms], symbols: Sequence[str]) -> None:
    target = folder / "set.000"
    target.mkdir(parents=True)
    first = frames[0]
    (folder / "type_map.raw").write_text("".join(f"{symbol}\n" for symbol in symbols))
    (folder / "type.raw").write_text("".join(f"{symbols.index(symbol)}\n" for symbol in first.get_chemical_symbols()))
    arrays: dict[str, list[Any]] = {"coord": [frame.positions.ravel() for frame in frames]}
    if first.pbc.all():
        arrays["box"] = [frame.cell.array.ravel() for frame in frames]
    else:
        (folder / "nopbc").touch()
    stored = [labels(frame) for frame in frames]
    if stored[0].energy is not None:
        arrays["energy"] = [one.energy for one in stored]
    if stored[0].forces is not None:
        arrays["force"] = [np.asarray(one.forces).ravel() for one in stored]
    if stored[0].stress is not None:
        arrays["virial"] = [
            -voigt_6_to_full_3x3_stress(one.stress).ravel() * frame.get_volume()
            for one, frame in zip(stored, frames, strict=True)
        ]
    for name, values in arrays.items():
        np.save(target / f"{name}.npy", np.array(values, dtype=float))
