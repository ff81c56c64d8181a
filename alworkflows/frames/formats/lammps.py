"""Dumps and data files of LAMMPS: read by ASE, with names for types, which ASE takes for atomic numbers."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers, chemical_symbols

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.formats.with_ase import read_with_ase
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_data", "read_dump"]

_NAMES_WANTED = (
    "atom types are numbers here, and nothing says which elements they are: give them in the order of the types, "
    "such as --types Zn,O"
)


def read_dump(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the frames of a text dump; what is between them, or cut off, is told."""
    columns, units, faults, places = _scan_dump(path, name)
    _require_units(units, name)
    if "type" in columns and "element" not in columns and not settings.types:
        raise InputError(f"{name}: {_NAMES_WANTED}, or write the column 'element' in LAMMPS")
    if "element" not in columns and "type" not in columns:
        raise InputError(f"{name}: expected a column 'element' or 'type', got {', '.join(sorted(columns)) or 'none'}")
    least, most = _types(path) if settings.types else (1, 0)
    if least < 1:
        raise InputError(f"{name}: atom types begin with 1 in LAMMPS, got {least}")
    if "type" in columns and settings.types and most > len(settings.types):
        raise InputError(f"{name}: atom types up to {most}, and names for {len(settings.types)}: {', '.join(settings.types)}")
    if any(fault.kind is not FaultKind.TRUNCATED for fault in faults):
        yield from faults
        return
    options = {"specorder": list(settings.types)} if settings.types and "element" not in columns else {}
    source = path if not faults else _without_last(path)
    try:
        for frame in read_with_ase(source, name, settings, "lammps-dump-text", units=units, **options):
            if isinstance(frame, RawFrame):
                # ASE sets the energy of every frame to 0; a dump has none
                frame.labels.pop("energy", None)
                frame.place = f"line {places[frame.index]}"
            yield frame
    finally:
        if source != path:
            source.unlink()
    yield from faults


def _scan_dump(path: Path, name: str) -> tuple[set[str], str, list[Fault], list[int]]:
    """Return the columns of a dump, its units, what is wrong with it, and the first line of each frame."""
    columns: set[str] = set()
    units, faults, places = "metal", list[Fault](), list[int]()
    expected = rows = 0
    counting = False
    with open(path, errors="replace") as handle:
        lines = enumerate(handle, start=1)
        for number, line in lines:
            if not line.startswith("ITEM:"):
                # a row without an end is cut off, maybe within a number
                rows += counting and bool(line.strip()) and line.endswith("\n")
                continue
            if counting and rows != expected:
                faults.append(_rows_fault(name, len(places) - 1, expected, rows, places[-1]))
            counting = False
            if line.startswith("ITEM: UNITS"):
                units = next(lines, (0, ""))[1].strip()
            elif line.startswith("ITEM: TIMESTEP"):
                places.append(number)
            elif line.startswith("ITEM: NUMBER OF ATOMS"):
                expected = int(next(lines, (0, "0"))[1].split()[0])
            elif line.startswith("ITEM: ATOMS"):
                own = set(line.split()[2:])
                if columns and ("element" in own) != ("element" in columns):
                    reason = "expected the column 'element' in each frame or in none: others have types only"
                    faults.append(Fault(FaultKind.SPECIES, name, len(places) - 1, reason, f"line {number}"))
                columns |= own
                counting, rows = True, 0
    if counting and rows < expected:
        reason = f"expected {expected} atoms, the file ends after {rows}"
        faults.append(Fault(FaultKind.TRUNCATED, name, len(places) - 1, reason, f"line {places[-1]}"))
    elif counting and rows > expected:
        faults.append(_rows_fault(name, len(places) - 1, expected, rows, places[-1]))
    elif places and not counting:
        faults.append(Fault(FaultKind.TRUNCATED, name, len(places) - 1, "the file ends before its atoms", f"line {places[-1]}"))
    return columns, units, faults, places


def _rows_fault(name: str, index: int, expected: int, rows: int, line: int) -> Fault:
    return Fault(FaultKind.UNREAD, name, index, f"expected {expected} rows of atoms, got {rows}", f"line {line}")


def _types(path: Path) -> tuple[int, int]:
    """Return the smallest and the largest type in a dump."""
    smallest, largest = 1, 0
    column: int | None = None
    with open(path, errors="replace") as handle:
        for line in handle:
            if line.startswith("ITEM:"):
                names = line.split()[2:]
                column = names.index("type") if line.startswith("ITEM: ATOMS") and "type" in names else None
            elif column is not None:
                words = line.split()
                if len(words) > column and words[column].lstrip("-").isdigit():
                    smallest, largest = min(smallest, int(words[column])), max(largest, int(words[column]))
    return smallest, largest


def _without_last(path: Path) -> Path:
    """Return a copy of a dump without its last frame, which is cut off."""
    lines = path.read_text(errors="replace").splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if line.startswith("ITEM: TIMESTEP"))
    with tempfile.NamedTemporaryFile("w", suffix=path.suffix, delete=False) as handle:
        handle.writelines(lines[:last])
    return Path(handle.name)


def read_data(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the structure of a data file; types are named by the user, by labels there, or by masses of one element only."""
    text = path.read_text(errors="replace")
    names = _type_labels(text)
    masses = _masses(text)
    told: list[str | None] = [_by_mass(masses[number]) for number in sorted(masses)]
    if names and all(symbol in atomic_numbers for symbol in names):
        told = list(names)
    symbols = list(settings.types) or told
    if not symbols or None in symbols:
        raise InputError(f"{name}: {_NAMES_WANTED}")
    numbers = {number: atomic_numbers[symbol] for number, symbol in enumerate(symbols, start=1) if symbol is not None}
    units = _units(path)
    _require_units(units, name)
    with tempfile.TemporaryDirectory() as folder:
        source = path
        if names:
            source = Path(folder) / "numbered.data"
            source.write_text(_numbered(text, names))
        yield from read_with_ase(source, name, settings, "lammps-data", Z_of_type=numbers, units=units, **_style(text))


def _section(text: str, title: str) -> re.Match[str] | None:
    """Return a section of a data file, its rows in the group ``rows``."""
    return re.search(rf"^[ \t]*{title}[ \t]*(?:#.*)?\n\s*\n(?P<rows>(?:[ \t]*\S.*(?:\n|$))+)", text, re.MULTILINE)


def _type_labels(text: str) -> list[str]:
    """Return the names that the file has for its types, in their order."""
    section = _section(text, "Atom Type Labels")
    rows = sorted((int(line.split()[0]), line.split()[1]) for line in section["rows"].splitlines()) if section else []
    return [label for _, label in rows]


def _numbered(text: str, names: list[str]) -> str:
    """Return a data file with numbers for its types' names: ASE puts atoms into order, and not their names."""
    number = {label: str(place) for place, label in enumerate(names, start=1)}
    for title, first in (("Masses", 0), ("Atoms", 1)):
        section = _section(text, title)
        if section is None:
            continue
        rows = []
        for line in section["rows"].splitlines():
            words = line.split()
            # the type is the second word, or the third after the molecule
            place = next((place for place in range(first, min(first + 2, len(words))) if words[place] in number), None)
            if place is not None:
                words[place] = number[words[place]]
            rows.append(" ".join(words))
        text = text[: section.start("rows")] + "\n".join(rows) + "\n" + text[section.end("rows") :]
    labels = _section(text, "Atom Type Labels")
    return text if labels is None else text[: labels.start()] + text[labels.end() :]


def _units(path: Path) -> str:
    """Return the units that the first line of a data file tells, as LAMMPS writes it; else those that are usual."""
    with open(path, errors="replace") as handle:
        match = re.search(r"units = (\w+)", handle.readline())
    return match[1] if match else "metal"


def _require_units(units: str, name: str) -> None:
    """Raise an :class:`InputError` if lengths are in no unit that there is."""
    if units not in ("real", "metal", "si", "cgs", "electron"):
        known = "real, metal, si, cgs, electron"
        raise InputError(f"{name}: units '{units}' of LAMMPS: lengths and energies mean nothing without others; known: {known}")


def _style(text: str) -> dict[str, str]:
    """Return the style of atoms that the file names; ASE guesses where it does not."""
    match = re.search(r"^\s*Atoms\s*#\s*(\w+)", text, re.MULTILINE)
    return {"atom_style": match[1]} if match else {}


def _masses(text: str) -> dict[int, float]:
    """Return the masses of the types in a data file."""
    section = _section(text, "Masses")
    rows = [line.split() for line in section["rows"].splitlines()] if section else []
    return {int(row[0]) if row[0].isdigit() else place: float(row[1]) for place, row in enumerate(rows, start=1)}


def _by_mass(mass: float) -> str | None:
    """Return the element of a mass (u), if it is within 0.1 u of one and no other is within 0.5 u."""
    distances = np.abs(atomic_masses[1:104] - mass)
    near = np.argsort(distances)[:2]
    return str(chemical_symbols[near[0] + 1]) if distances[near[0]] < 0.1 and distances[near[1]] > 0.5 else None
