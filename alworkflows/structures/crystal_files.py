"""Structures in files, and what a file must say itself: species, full occupation, which of several structures is meant."""

from __future__ import annotations

import contextlib
import lzma
import re
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames.constraints import hold
from alworkflows.frames.formats.vasp import require_species_line
from alworkflows.frames.sources import opened

__all__ = ["bare", "read_structure", "require_full_sites", "require_species"]

#: lines from which the kind of a file is told
_HEAD = 64
#: ASE, of two sites in a CIF that symmetry makes one
_EQUIVALENT = re.compile(r"scaled_positions (\d+) and (\d+) are equivalent")
#: of an occupancy
_ROUNDING = 1e-6


def bare(atoms: Atoms) -> Atoms:
    """Return the configuration with its constraints; labels and whatever else there was are dropped."""
    copy = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    copy.set_constraint([constraint.copy() for constraint in atoms.constraints])
    return copy


def read_structure(path: Path) -> Atoms:
    """Return the last structure of a file that ASE or, failing that, pymatgen reads.

    Labels are dropped, constraints kept; ``info['notes']`` says which structure was taken where a file holds several crystals.

    Raises
    ------
    InputError
        If there is no such file, neither can read it (both reasons are given), it does not name its species, or its sites are
        partly occupied.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    require_species(path)
    import ase.io

    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="scaled_positions")  # a note says it
            # a name says nothing of a POSCAR that is called otherwise
            structure = ase.io.read(path, format="vasp" if _is_poscar(_head(path)) else None)
    except Exception as error:  # ASE's readers raise anything; pymatgen gets its turn
        structure = _read_with_pymatgen(path, error)
    else:
        notes = _notes_of_cif(path)
    assert isinstance(structure, Atoms)
    require_full_sites(structure, str(path))
    atoms = bare(structure)
    if notes:
        atoms.info["notes"] = notes
    return atoms


def require_species(path: Path) -> None:
    """Raise if a file gives its atoms as types or counts alone, for which readers make names up.

    Raises
    ------
    InputError
        If it is a POSCAR without a line of species, or a dump or data file of LAMMPS without element names.
    """
    head = _head(path)
    if _is_poscar(head):
        if head[5].split()[0].isdigit():
            raise InputError(
                f"{path}: no species line: expected the symbols on line 6, above the counts, got '{head[5].strip()}'; "
                "add a line such as 'Zn O'"
            )
        with opened(str(path)) as plain:
            require_species_line(plain, str(path))
    for line in head:
        if line.startswith("ITEM: ATOMS"):
            if "element" not in line.split():
                raise InputError(
                    f"{path}: atoms have types and no names: expected the column 'element', got '{line[12:].strip()}'; "
                    "write it with dump_modify element"
                )
            return
    if _is_lammps_data(head):
        raise InputError(
            f"{path}: a data file of LAMMPS, whose atoms have types and no names; convert it to extended XYZ with the symbols"
        )


def require_full_sites(atoms: Atoms, where: str) -> None:
    """Raise if a reader found sites that are partly occupied, or shared.

    Raises
    ------
    InputError
        The first three are named.
    """
    shares = atoms.info.get("occupancy")
    partly: list[str] = []
    if isinstance(shares, Mapping):
        for label, site in shares.items():
            values = {symbol: _share(value) for symbol, value in site.items()}
            if len(values) > 1 or any(abs(value - 1.0) > _ROUNDING for value in values.values()):
                partly.append(f"site {label} ({', '.join(f'{symbol} {value:g}' for symbol, value in values.items())})")
    elif "occupancy" in atoms.arrays:
        # programs that know of no occupancy write 0 for all
        values_of_atoms = np.asarray(atoms.arrays["occupancy"], dtype=float)
        if values_of_atoms.any():
            partly = [
                f"atom {index} ({atoms.symbols[index]} {values_of_atoms[index]:g})"
                for index in np.flatnonzero(np.abs(values_of_atoms - 1.0) > _ROUNDING)
            ]
    _require_none(partly, where)


def _require_none(partly: list[str], where: str) -> None:
    if partly:
        more = f" and {len(partly) - 3} more" if len(partly) > 3 else ""
        raise InputError(
            f"{where}: expected fully occupied sites, got partial occupancies: {', '.join(partly[:3])}{more}; "
            "choose an ordered structure, such as a supercell"
        )


def _share(value: Any) -> float:
    """Return an occupancy as a number; one that is not known counts as full, as readers take it."""
    with contextlib.suppress(ValueError):
        return float(value)
    return 1.0


def _read_with_pymatgen(path: Path, reason: Exception) -> Atoms:
    from pymatgen.core import Structure

    try:
        structure = Structure.from_file(str(path))
    except Exception as error:
        raise InputError(
            f"{path}: neither ASE ({type(reason).__name__}: {reason}) "
            f"nor pymatgen ({type(error).__name__}: {error}) reads this file"
        ) from error
    partly = [f"site {index} ({site.species_string})" for index, site in enumerate(structure) if not site.is_ordered]
    _require_none(partly, str(path))
    atoms = Atoms(
        numbers=list(structure.atomic_numbers), positions=structure.cart_coords, cell=structure.lattice.matrix, pbc=True
    )
    moves = structure.site_properties.get("selective_dynamics")
    if moves is not None:
        hold(atoms, ~np.array(moves, dtype=bool).reshape(-1, 3))
    return atoms


def _notes_of_cif(path: Path) -> list[str]:
    """Return which block of a CIF with several structures was taken, and that sites given twice were merged.

    Raises
    ------
    InputError
        If two species share a site that has no occupancies: the reader keeps the first.
    """
    from ase.io.cif import parse_cif
    from ase.io.formats import open_with_compression

    if ".cif" not in path.name.lower():
        return []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with open_with_compression(str(path), "r") as handle:
            blocks = [block for block in parse_cif(handle) if block.has_structure()]
        if not blocks:
            return []
        blocks[-1].get_atoms()
    notes = []
    if len(blocks) > 1:
        names = [block.name for block in blocks]
        notes.append(f"{path.name}: holds {len(names)} structures ({', '.join(names[:5])}); the last, '{names[-1]}', was taken")
    given = blocks[-1].get_unsymmetrized_structure().get_chemical_symbols()
    merged = [(int(one), int(other)) for warning in said for one, other in _EQUIVALENT.findall(str(warning.message))]
    for one, other in merged:
        if given[one] != given[other]:
            raise InputError(
                f"{path}: sites {other} ({given[other]}) and {one} ({given[one]}) are the same by symmetry, of two species; "
                "expected one, or occupancies"
            )
    if merged:
        notes.append(f"{path.name}: {len(merged)} of its {len(given)} sites are others' by symmetry: each was taken once")
    return notes


def _head(path: Path) -> list[str]:
    """Return the first lines of a file, compressed or not; of one that is no text, none."""
    from ase.io.formats import open_with_compression

    with (
        contextlib.suppress(UnicodeDecodeError, OSError, EOFError, lzma.LZMAError, zlib.error),
        open_with_compression(str(path), "r") as handle,
    ):
        return list(_first(handle))
    return []


def _first(handle: Any) -> Iterator[str]:
    for _, line in zip(range(_HEAD), handle, strict=False):
        yield line


def _is_poscar(head: list[str]) -> bool:
    """Return whether lines begin a POSCAR: a title, a scale, three lattice vectors; trajectories begin so too, and are none."""
    return (
        len(head) > 6
        and _numbers(head[1]) in (1, 3)
        and all(_numbers(line) == 3 for line in head[2:5])
        and bool(head[5].split())
        and not any("configuration=" in line for line in head[6:9])
    )


def _is_lammps_data(head: list[str]) -> bool:
    """Return whether lines begin a data file of LAMMPS: counts of atoms and of their types, after a title."""
    words = [line.split("#")[0].split() for line in head[1:]]
    return any(row[1:] == ["atoms"] for row in words) and any(row[1:] == ["atom", "types"] for row in words)


def _numbers(line: str) -> int:
    """Return how many numbers a line begins with."""
    count = 0
    for word in line.split():
        try:
            float(word)
        except ValueError:
            break
        count += 1
    return count
