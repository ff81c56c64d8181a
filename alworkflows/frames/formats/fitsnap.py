"""JSON files of FitSNAP: one configuration each, in folders that are groups.

Format: fitsnap.github.io, "Data formats: JSON". The first line may be a comment. Lengths in A, energies in eV, forces in eV/A,
and the stress as LAMMPS has the pressure, so with the sign turned, in bar; a key such as ``StressStyle`` names another unit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.settings.reading import ReadSettings

__all__ = ["load_commented", "read_fitsnap"]

#: of the key that names a unit: the quantity, and the unit without it
_STYLES = {
    "PositionsStyle": ("length", "A"),
    "EnergyStyle": ("energy", "eV"),
    "ForcesStyle": ("force", "eV/A"),
    "StressStyle": ("stress", "bar"),
}
#: how FitSNAP writes units
_WORDS = {"angstrom": "A", "electronvolt": "eV", "electronvoltperangstrom": "eV/A", "bar": "bar", "kb": "kbar"}


def read_fitsnap(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the configurations of a file.

    Raises
    ------
    InputError
        If it is no JSON, or none of FitSNAP.
    """
    content = load_commented(path, name)
    data_set = content.get("Dataset") if isinstance(content, dict) else None
    if not isinstance(data_set, dict) or not isinstance(data_set.get("Data"), list):
        raise InputError(f"{name}: expected FitSNAP's 'Dataset' with a list 'Data'")
    units = {}
    for key, (quantity, usual) in _STYLES.items():
        written = str(data_set.get(key, usual))
        units[quantity] = _WORDS.get(written.lower(), written)
    for index, entry in enumerate(data_set["Data"]):
        try:
            yield _frame(entry, index, units, Path(name).absolute().parent.name, data_set)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            yield Fault(FaultKind.UNREADABLE, name, index, f"cannot be read: {reason}")


def _frame(entry: dict[str, Any], index: int, units: dict[str, str], group: str, data_set: dict[str, Any]) -> RawFrame:
    species = [str(symbol) for symbol in entry["AtomTypes"]]
    if foreign := [symbol for symbol in species if symbol not in atomic_numbers]:
        raise ValueError(f"AtomTypes: expected chemical symbols, got '{foreign[0]}'")
    if len(species) != len(entry["Positions"]) or entry.get("NumAtoms", len(species)) != len(species):
        raise ValueError(
            f"expected {entry.get('NumAtoms')} atoms, got {len(species)} types and {len(entry['Positions'])} positions"
        )
    atoms = Atoms(species, positions=entry["Positions"], cell=entry["Lattice"], pbc=True)
    atoms.info["config_type"] = str(data_set.get("Group", group))
    stored: dict[str, Any] = {}
    if "Energy" in entry:
        stored["energy"] = entry["Energy"]
    if "Forces" in entry:
        stored["forces"] = np.asarray(entry["Forces"])
    if "Stress" in entry:
        # the pressure's sign
        stored["stress"] = -np.asarray(entry["Stress"], dtype=float)
    return RawFrame(
        atoms, stored, index, units={key: unit for key, unit in units.items() if key != "stress" or "stress" in stored}
    )


def load_commented(path: Path, name: str) -> Any:
    """Return the content of a JSON file whose first line may be a comment.

    Raises
    ------
    InputError
        If it is no JSON; anything after its end counts.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    first, _, rest = text.partition("\n")
    try:
        return json.loads(text if first.lstrip()[:1] in ("{", "[") else rest)
    except ValueError as error:
        raise InputError(f"{name}: cannot be read as JSON: {error}") from error
