"""A starting structure from its settings: its source, then supercell or slab."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError, unknown
from alworkflows.frames.constraints import fixed_coordinates, hold
from alworkflows.settings.structures import MOST_ATOMS
from alworkflows.structures.cells import MIN_VACUUM, vacuum
from alworkflows.structures.crystal_files import bare, read_structure
from alworkflows.structures.geometry import check_cell
from alworkflows.structures.lattices import lattice
from alworkflows.structures.particles import dimer, particle
from alworkflows.structures.prototypes import crystal
from alworkflows.structures.slabs import slab

if TYPE_CHECKING:
    from alworkflows.settings import StructureSettings

__all__ = ["build", "build_all", "made", "read_frames", "shape"]


def build(settings: StructureSettings, name: str, base: Path | None = None) -> Atoms:
    """Return the structure that ``settings`` describes; a relative file name starts from the folder ``base``.

    Raises
    ------
    InputError
        If the prototype or file is unknown or unreadable, or a slab is asked to be repeated along its normal.
    """
    return build_all(settings, name, base)[-1]


def build_all(settings: StructureSettings, name: str, base: Path | None = None) -> list[Atoms]:
    """Return the structure that ``settings`` describes, or the frames of a file that it asks for.

    Raises
    ------
    InputError
        As :func:`build`.
    """
    source = made(settings, name)
    if source is not None:
        return [shape(source, settings, name)]
    assert settings.file is not None  # the settings hold exactly one source
    return [shape(frame, settings, name) for frame in read_frames((base or Path()) / settings.file, settings.frames)]


def made(settings: StructureSettings, name: str) -> Atoms | None:
    """Return the source of a structure that is made, not read; None for a file.

    Raises
    ------
    InputError
        If no prototype has that name, or a symbol is no element.
    """
    from ase.data import atomic_numbers

    symbols = (*(settings.crystal.species if settings.crystal else ()), *(settings.particle.species if settings.particle else ()))
    for symbol in (*symbols, *(settings.dimer or ())):
        if symbol not in atomic_numbers or symbol == "X":
            raise unknown(f"{name}: chemical symbol", symbol, list(atomic_numbers)[1:])
    if settings.prototype is not None:
        return crystal(settings.prototype)
    if settings.crystal is not None:
        return lattice(settings.crystal)
    if settings.particle is not None:
        return particle(settings.particle, settings.vacuum)
    if settings.dimer is not None:
        return dimer(*settings.dimer, settings.vacuum)
    return None


def read_frames(path: Path, frames: str | None) -> list[Atoms]:
    """Return the last structure of a file, or the frames that a slice names; labels are dropped, constraints kept.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read, or it holds no such frames.
    """
    if frames is None:
        return [read_structure(path)]
    from alworkflows.frames import read

    return [bare(frame) for frame in read(path, frames)]


def shape(source: Atoms, settings: StructureSettings, name: str) -> Atoms:
    """Return the supercell or slab of ``source``, its atoms held as there.

    ``info['origin']`` names it, and for a slab its surface and polarity; ``info['notes']`` are sentences for who asked for it.

    Raises
    ------
    InputError
        If a slab is asked to be repeated along its normal, or cut from something that is not a crystal; a structure is asked to
        be repeated where it does not repeat; or its constraints are not understood.
    """
    origin: dict[str, object] = {"structure": name}
    notes = list(source.info.get("notes", ()))
    atoms, fixed = bare(source), fixed_coordinates(source, name)
    if settings.miller is not None:
        atoms = _cut(atoms, settings, name)
        origin |= {"miller": list(settings.miller), "polar": atoms.info["polar"]}
        if atoms.info["conventional"]:
            notes.append("miller: indices of the conventional cell, which is not the cell that was given")
        if fixed.any():
            notes.append("constraints of the crystal are not those of a slab, and were dropped")
            fixed = np.zeros((len(atoms), 3), dtype=bool)
    elif settings.supercell != (1, 1, 1):
        _require_repeats(atoms, settings.supercell, name)
    polar = atoms.info.get("polar")
    if (total := len(atoms) * math.prod(settings.supercell)) > MOST_ATOMS:
        raise InputError(f"{name}: expected a structure of at most {MOST_ATOMS} atoms, got {total} in its supercell")
    atoms = atoms.repeat(settings.supercell)
    hold(atoms, np.tile(fixed, (int(np.prod(settings.supercell)), 1)))
    atoms.info = {"origin": origin} if polar is None else {"origin": origin, "polar": polar}
    if notes:
        atoms.info["notes"] = notes
    return atoms


def _cut(crystal: Atoms, settings: StructureSettings, name: str) -> Atoms:
    """Return the slab that the settings ask for."""
    assert settings.miller is not None
    if settings.supercell[2] != 1:
        raise InputError(f"{name}: a slab is repeated in its plane only; set 'layers' for its thickness, not supercell[2]")
    check_cell(crystal, name)
    if not crystal.pbc.all():
        raise InputError(f"{name}: a slab is cut from a crystal that repeats in all directions, got pbc {crystal.pbc.tolist()}")
    if (empty := vacuum(crystal)) >= MIN_VACUUM:
        raise InputError(
            f"{name}: a slab is cut from a crystal, got one with {empty:.1f} A of vacuum already; leave 'miller' out"
        )
    try:
        return slab(crystal, settings.miller, settings.layers, settings.vacuum)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _require_repeats(atoms: Atoms, supercell: tuple[int, int, int], name: str) -> None:
    """Raise an ``InputError`` if a structure is to be repeated along a direction in which it does not."""
    check_cell(atoms, name)
    for axis, number in enumerate(supercell):
        if number != 1 and not atoms.pbc[axis]:
            raise InputError(
                f"{name}: expected supercell 1 along {'abc'[axis]}, where nothing repeats, got {number} "
                f"(pbc {atoms.pbc.tolist()})"
            )
