"""A starting structure from its settings: its source, then supercell or slab."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError, unknown
from alworkflows.settings.structures import MOST_ATOMS
from alworkflows.structures.lattices import lattice
from alworkflows.structures.particles import dimer, particle
from alworkflows.structures.prototypes import crystal
from alworkflows.structures.slabs import slab

if TYPE_CHECKING:
    from alworkflows.settings import StructureSettings

__all__ = ["build", "build_all", "made", "read_frames", "read_structure", "shape"]


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
    """Return the last structure of a file, or the frames that a slice names; labels are dropped.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read, or it holds no such frames.
    """
    if frames is None:
        return [read_structure(path)]
    from alworkflows.frames import read

    images = read(path, frames)
    return [Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc) for frame in images]


def shape(source: Atoms, settings: StructureSettings, name: str) -> Atoms:
    """Return the supercell or slab of ``source``; ``info['origin']`` names it, and for a slab its surface and polarity.

    Raises
    ------
    InputError
        If a slab is asked to be repeated along its normal, or cut from something that is not a crystal.
    """
    origin: dict[str, object] = {"structure": name}
    atoms = Atoms(numbers=source.numbers, positions=source.positions, cell=source.cell, pbc=source.pbc)
    if settings.miller is not None:
        if settings.supercell[2] != 1:
            raise InputError(f"{name}: a slab is repeated in its plane only; set 'layers' for its thickness, not supercell[2]")
        if atoms.cell.rank < 3:
            raise InputError(f"{name}: a slab needs a crystal with three lattice vectors, got {np.asarray(atoms.cell).tolist()}")
        atoms = slab(atoms, settings.miller, settings.layers, settings.vacuum)
        origin |= {"miller": list(settings.miller), "polar": atoms.info["polar"]}
    polar = atoms.info.get("polar")
    if (total := len(atoms) * math.prod(settings.supercell)) > MOST_ATOMS:
        raise InputError(f"{name}: expected a structure of at most {MOST_ATOMS} atoms, got {total} in its supercell")
    atoms = atoms.repeat(settings.supercell)
    atoms.info = {"origin": origin} if polar is None else {"origin": origin, "polar": polar}
    return atoms


def read_structure(path: Path) -> Atoms:
    """Return the last structure of a file that ASE or, failing that, pymatgen reads; labels and constraints are dropped.

    Raises
    ------
    InputError
        If there is no such file, neither can read it (both reasons are given), or its sites are partly occupied.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    import ase.io

    try:
        structure = ase.io.read(path)
    except Exception as error:  # ASE's readers raise anything; pymatgen gets its turn
        structure = _read_with_pymatgen(path, error)
    assert isinstance(structure, Atoms)
    if "occupancy" in structure.info and any(
        share < 1 - 1e-6 for site in structure.info["occupancy"].values() for share in site.values()
    ):
        raise InputError(f"{path}: expected fully occupied sites, got partial occupancies")
    return Atoms(numbers=structure.numbers, positions=structure.positions, cell=structure.cell, pbc=structure.pbc)


def _read_with_pymatgen(path: Path, reason: Exception) -> Atoms:
    from pymatgen.core import Structure

    try:
        structure = Structure.from_file(str(path))
    except Exception as error:
        raise InputError(
            f"{path}: neither ASE ({type(reason).__name__}: {reason}) "
            f"nor pymatgen ({type(error).__name__}: {error}) reads this file"
        ) from error
    if not structure.is_ordered:
        raise InputError(f"{path}: expected fully occupied sites, got partial occupancies")
    return Atoms(numbers=list(structure.atomic_numbers), positions=structure.cart_coords, cell=structure.lattice.matrix, pbc=True)
