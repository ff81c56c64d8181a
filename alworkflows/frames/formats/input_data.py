"""``input.data`` of RuNNer and n2p2: frames between ``begin`` and ``end``, in Bohr and Hartree unless the user says otherwise.

Format: compphysvienna.github.io/n2p2, "Configuration file". A row of an atom is ``atom x y z symbol charge energy fx fy fz``, or
with what follows the symbol as the line ``begin`` declares. Energies of atoms are placeholders there, and not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.formats.text_blocks import Block, divided
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_runner"]

_UNITS = {"length": "Bohr", "energy": "Hartree", "force": "Hartree/Bohr"}
#: what follows the symbol of an atom, with the number of columns; the last ones may be left out
_USUAL = (("charge", 1), ("energy", 1), ("forces", 3))
#: how else they are called
_NAMES = {"force": "forces", "charges": "charge", "initial_charge": "charge", "initial_charges": "charge"}
#: a declared column, such as ``forces(3)``
_COLUMN = re.compile(r"([\w-]+)(?:\((\d+)\))?")


def read_runner(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the frames of an ``input.data``."""
    for block in divided(path, name, "begin", "end"):
        if isinstance(block, Fault):
            yield block
            continue
        try:
            yield _frame(block)
        except (ValueError, IndexError) as error:
            yield Fault(FaultKind.UNREADABLE, name, block.index, f"cannot be read: {error}", block.place)


def _frame(block: Block) -> RawFrame:
    """Return the frame between ``begin`` and ``end``."""
    layout = _layout(block.header)
    cell: list[list[float]] = []
    species, positions = list[str](), list[list[float]]()
    columns: dict[str, list[list[float]]] = {}
    stored: dict[str, Any] = {}
    info: dict[str, Any] = {}
    for line in block.lines:
        head, *words = line.split()
        if head == "atom":
            if len(words) < 4 or words[3] not in atomic_numbers:
                raise ValueError(f"expected 'atom x y z symbol charge energy fx fy fz', got '{line.strip()[:80]}'")
            positions.append([float(word) for word in words[:3]])
            species.append(words[3])
            for name, values in _values(layout, words[4:], line):
                columns.setdefault(name, []).append(values)
        elif head == "lattice":
            cell.append([float(word) for word in words])
        elif head == "energy":
            stored["energy"] = float(words[0])
        elif head == "charge":
            info["charge"] = float(words[0])
        elif head in ("comment", "c"):
            info["comment"] = " ".join(words)
        else:
            raise ValueError(f"expected atom, lattice, energy, charge or comment, got '{line.strip()[:60]}'")
    if len(cell) not in (0, 3) or any(len(vector) != 3 for vector in cell):
        raise ValueError(f"expected three lines 'lattice' of three numbers, or none, got {len(cell)}")
    if short := next((name for name, rows in columns.items() if len(rows) != len(species)), None):
        raise ValueError(f"expected {short} of all {len(species)} atoms, got those of {len(columns[short])}")
    atoms = Atoms(species, positions=np.reshape(positions, (-1, 3)), cell=cell or None, pbc=bool(cell), info=info)
    if "charge" in columns and np.any(columns["charge"]):
        atoms.set_initial_charges(np.ravel(columns["charge"]))
    if "forces" in columns:
        stored["forces"] = np.array(columns["forces"])
    return RawFrame(atoms, stored, block.index, block.place, units=dict(_UNITS))


def _layout(header: str) -> tuple[tuple[str, int], ...]:
    """Return what follows the symbol of an atom: as the line ``begin`` declares after position and element, or as is usual."""
    declared = header.split()[3:]
    if not declared:
        return _USUAL
    matches = [_COLUMN.fullmatch(word) for word in declared]
    if None in matches:
        raise ValueError(f"expected columns such as 'forces(3)', got '{header.strip()[:60]}'")
    return tuple((_NAMES.get(match[1], match[1]), int(match[2] or 1)) for match in matches if match is not None)


def _values(layout: tuple[tuple[str, int], ...], words: list[str], line: str) -> Iterator[tuple[str, list[float]]]:
    """Yield what follows the symbol of an atom, by name."""
    place = 0
    for name, width in layout:
        if place == len(words) and layout == _USUAL:
            return
        if place + width > len(words):
            raise ValueError(f"expected {sum(width for _, width in layout)} columns after the symbol, got '{line.strip()[:80]}'")
        yield name, [float(word) for word in words[place : place + width]]
        place += width
    if place < len(words):
        raise ValueError(f"expected {place} columns after the symbol, got {len(words)}: '{line.strip()[:80]}'")
