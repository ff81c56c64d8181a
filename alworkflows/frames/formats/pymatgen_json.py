"""JSON with structures of pymatgen and their labels: entries, trajectories, and data sets of the Materials Project's style.

A structure is a mapping with ``lattice`` and ``sites``. Labels stand beside it under the names of :data:`_NAMES`, also one level
below in ``outputs``, ``data`` or ``result``; a list of structures beside lists of labels is a frame each. Energies are in eV,
forces in eV/A. The stress has no unit there, and is taken as all such data sets have it: as VASP writes it, in kbar with the sign
of a pressure, and where six numbers are called ``virial_stress`` in VASP's order; ``--unit stress=...`` names another unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.formats.fitsnap import load_commented
from alworkflows.frames.formats.with_ase import raw_frame
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_pymatgen"]

#: names of a label in such files, the first that is there taken; corrections of energies are for phase diagrams, not for forces
_NAMES = {
    "energy": ("uncorrected_total_energy", "uncorrected_energy", "energy", "energies", "final_energy", "e_0_energy"),
    "forces": ("forces", "force"),
    "stress": ("stress", "stresses", "virial_stress"),
    "magmoms": ("magmoms", "magmom"),
}
_BELOW = ("outputs", "output", "data", "result", "results")
#: of what may say which kind of configuration it is
_KINDS = ("config_type", "group", "tags")


def read_pymatgen(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the structures in a JSON file, with the labels beside them.

    Raises
    ------
    InputError
        If there is none.
    """
    index = 0
    for entry, place in _entries(load_commented(path, name), ""):
        try:
            frames = list(_frames(entry, index, name, place))
        except Exception as error:  # pymatgen raises anything about structures that are none
            yield Fault(FaultKind.UNREADABLE, name, index, f"cannot be read ({type(error).__name__}: {error})", place)
            index += 1
            continue
        yield from frames
        index += len(frames)
    if index == 0:
        raise InputError(f"{name}: expected structures of pymatgen ('lattice' and 'sites') in this JSON, got none")


def _is_structure(value: Any) -> bool:
    return isinstance(value, dict) and "sites" in value and isinstance(value["sites"], list)


def _entries(content: Any, place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield what holds a structure or several, at whatever depth, and where it stands."""
    if isinstance(content, dict):
        if _is_structure(content) or any(key in content for key in ("structure", "structures")) or _is_trajectory(content):
            yield content, place
            return
        for key, value in content.items():
            yield from _entries(value, f"{place}.{key}" if place else str(key))
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from _entries(value, f"{place}[{number}]")


def _is_trajectory(content: dict[str, Any]) -> bool:
    return content.get("@class") == "Trajectory" and "coords" in content


def _frames(entry: dict[str, Any], index: int, name: str, place: str) -> Iterator[RawFrame]:
    if _is_trajectory(entry):
        yield from _of_trajectory(entry, index, name, place)
        return
    if _is_structure(entry):
        yield _frame(entry, entry.get("properties") or {}, {}, index, name, place)
        return
    one = entry.get("structure")
    if isinstance(one, dict):
        yield _frame(one, entry, entry, index, name, place)
        return
    many = one if isinstance(one, list) else entry["structures"]
    for number, structure in enumerate(many):
        own = {key: _of_list(value, number, len(many), key) for key, value in _labels(entry).items()}
        yield _frame(structure, own, entry, index + number, name, f"{place}[{number}]")


def _of_list(values: Any, number: int, expected: int, key: str) -> Any:
    if not isinstance(values, list) or len(values) != expected:
        got = len(values) if isinstance(values, list) else "one"
        raise ValueError(f"{key}: expected {expected} of them, one for each structure, got {got}")
    return values[number]


def _of_trajectory(entry: dict[str, Any], index: int, name: str, place: str) -> Iterator[RawFrame]:
    from pymatgen.core.trajectory import Trajectory

    trajectory: Any = Trajectory.from_dict(entry)
    told = trajectory.frame_properties or [{} for _ in range(len(trajectory))]
    if len(told) != len(trajectory):
        raise ValueError(f"expected properties of {len(trajectory)} frames, got those of {len(told)}")
    for number in range(len(trajectory)):
        structure = trajectory[number].as_dict()
        yield _frame(structure, dict(told[number] or {}), {}, index + number, name, f"{place} step {number}".strip())


def _labels(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the labels of an entry by the names that it has for them."""
    found: dict[str, Any] = {}
    stores = [entry, *(entry[key] for key in _BELOW if isinstance(entry.get(key), dict))]
    for names in _NAMES.values():
        for store in stores:
            found.update({name: store[name] for name in names if store.get(name) is not None and name not in found})
    return found


def _frame(
    structure: dict[str, Any], labelled: dict[str, Any], entry: dict[str, Any], index: int, name: str, place: str
) -> RawFrame:
    from pymatgen.core import Molecule, Structure
    from pymatgen.io.ase import AseAtomsAdaptor

    made: Any = Structure.from_dict(structure) if "lattice" in structure else Molecule.from_dict(structure)
    if "lattice" in structure and not made.is_ordered:
        fault = Fault(FaultKind.OCCUPANCY, name, index, "expected fully occupied sites, got partial occupancies", place)
        from ase import Atoms

        return RawFrame(Atoms(), {}, index, place, fault=fault)
    atoms = AseAtomsAdaptor.get_atoms(made, msonable=False)
    raw = raw_frame(atoms, index, name, place)
    atoms.info.clear()
    there = _labels(labelled)
    stored: dict[str, Any] = {}
    for quantity, names in _NAMES.items():
        key = next((key for key in names if key in there), None)
        if key is not None:
            stored[quantity] = there[key]
    if "stress" in stored:
        raw.units = {"stress": "kbar"}
        stored["stress"] = -_stress(stored["stress"], key="virial_stress" if "virial_stress" in there else "stress")
    if "magmoms" in stored and np.shape(stored["magmoms"]) != (len(atoms),):
        del stored["magmoms"]
    raw.labels = {**raw.labels, **stored}
    if (kind := next((entry[key] for key in _KINDS if entry.get(key)), None)) is not None:
        atoms.info["config_type"] = kind if isinstance(kind, str) else ",".join(map(str, np.ravel(kind)))
    return raw


def _stress(value: Any, key: str) -> np.ndarray:
    """Return the matrix of a stress; six numbers are understood only where their order is known."""
    array = np.asarray(value, dtype=float)
    if array.shape == (6,) and key == "virial_stress":
        xx, yy, zz, xy, yz, xz = array
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    if array.shape != (3, 3):
        raise ValueError(f"{key}: expected 3 x 3 numbers, got {array.shape}: the order of six is not known here")
    return array
