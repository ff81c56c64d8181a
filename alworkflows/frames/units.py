"""Units that files declare, and what they are in ours: A, eV, eV/A, eV/A^3.

Factors are those of :mod:`ase.units` (CODATA 2014).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ase.units import Bohr, GPa, Hartree, Rydberg, kcal, kJ, mol

__all__ = ["UNITS", "declared_units", "find_unit"]

_ENERGIES = {"eV": 1.0, "meV": 1e-3, "Hartree": Hartree, "Rydberg": Rydberg, "kcal/mol": kcal / mol, "kJ/mol": kJ / mol}
_LENGTHS = {"A": 1.0, "Bohr": Bohr, "nm": 10.0, "pm": 0.01}

#: of each quantity, by the name that messages use, in our unit
UNITS: dict[str, dict[str, float]] = {
    "length": _LENGTHS,
    "energy": _ENERGIES,
    "virial": _ENERGIES,
    "force": {f"{energy}/{length}": e / x for energy, e in _ENERGIES.items() for length, x in _LENGTHS.items()},
    "stress": {
        **{f"{energy}/{length}^3": e / x**3 for energy, e in _ENERGIES.items() for length, x in _LENGTHS.items()},
        "GPa": GPa,
        "MPa": 1e-3 * GPa,
        "kbar": 0.1 * GPa,
        "bar": 1e-4 * GPa,
        "Pa": 1e-9 * GPa,
    },
}

#: how the field writes them, in small letters
_SPELLINGS = {
    "ev": "eV",
    "electronvolt": "eV",
    "mev": "meV",
    "ha": "Hartree",
    "eh": "Hartree",
    "hartree": "Hartree",
    "hartrees": "Hartree",
    "a.u.": "Hartree",
    "au": "Hartree",
    "ry": "Rydberg",
    "ryd": "Rydberg",
    "rydberg": "Rydberg",
    "kcal/mol": "kcal/mol",
    "kcal": "kcal/mol",
    "kj/mol": "kJ/mol",
    "kj": "kJ/mol",
    "a": "A",
    "å": "A",
    "ang": "A",
    "angstrom": "A",
    "angstroms": "A",
    "ångström": "A",
    "bohr": "Bohr",
    "bohrs": "Bohr",
    "a0": "Bohr",
    "nm": "nm",
    "pm": "pm",
    "gpa": "GPa",
    "mpa": "MPa",
    "kbar": "kbar",
    "kb": "kbar",
    "bar": "bar",
    "pa": "Pa",
}
#: what "atomic units" means of each quantity
_ATOMIC = {
    "length": "Bohr",
    "energy": "Hartree",
    "virial": "Hartree",
    "force": "Hartree/Bohr",
    "stress": "Hartree/Bohr^3",
}
#: what one word for all units means: LAMMPS' styles, and ASE's units
_STYLES = {
    "metal": {"length": "A", "energy": "eV", "virial": "eV", "force": "eV/A", "stress": "bar"},
    "real": {"length": "A", "energy": "kcal/mol", "virial": "kcal/mol", "force": "kcal/mol/A", "stress": "bar"},
    "ase": {"length": "A", "energy": "eV", "virial": "eV", "force": "eV/A", "stress": "eV/A^3"},
}
_KEY = re.compile(
    r"^(?P<what>length|position|pos|distance|lattice|cell|coord|coordinate|energy|total_energy|free_energy|ref_energy|dft_energy|"
    r"force|ref_force|dft_force|stress|ref_stress|dft_stress|pressure|virial|ref_virial|dft_virial)s?"
    r"[-_. ]?units?$",
    re.IGNORECASE,
)
_QUANTITY = {
    **dict.fromkeys(("length", "position", "pos", "distance", "lattice", "cell", "coord", "coordinate"), "length"),
    "pressure": "stress",
}


def find_unit(quantity: str, text: str) -> float | None:
    """Return what a unit of a quantity is in ours, or None if nobody knows it.

    Parameters
    ----------
    quantity
        ``length``, ``energy``, ``force``, ``stress`` or ``virial``.
    text
        As the field writes it: ``hartree/bohr``, ``Ha``, ``eV/Ang``, ``kbar``, ``a.u.``; capital letters do not matter, but for
        ``meV``, which nobody writes for a million, and ``MeV``, which is refused.
    """
    cleaned = text.strip().replace("**", "^").replace("Å", "A")
    if "MeV" in cleaned:
        return None
    lowered = cleaned.lower().replace(" per ", "/").replace(" ", "")
    if lowered in ("a.u.", "au", "atomic", "atomicunits", "atomic_units"):
        return UNITS[quantity][_ATOMIC[quantity]]
    cube = quantity == "stress"
    parts = re.fullmatch(r"(?P<energy>[a-zå./0-9]+?)(?:/|_)(?P<length>[a-zå0]+)\^?(?P<cube>3?)", lowered)
    name = _SPELLINGS.get(lowered)
    if name is None and parts is not None and bool(parts["cube"]) == cube:
        energy, length = _SPELLINGS.get(parts["energy"]), _SPELLINGS.get(parts["length"])
        name = f"{energy}/{length}{'^3' if cube else ''}" if energy in _ENERGIES and length in _LENGTHS else None
    return UNITS[quantity].get(name or "")


def declared_units(info: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the units that the header of a frame declares: of each quantity the key and what stands there.

    Keys are such as ``energy-unit``, ``forces_unit``, ``stress_units``; ``units`` or ``unit`` alone stands for all quantities.
    """
    found: dict[str, tuple[str, str]] = {}
    for key, value in info.items():
        lowered = key.lower()
        if "unit" not in lowered:
            continue
        if lowered in ("unit", "units", "unit_style"):
            style = str(value).strip().lower()
            for quantity in UNITS:
                found.setdefault(quantity, (key, _STYLES.get(style, {}).get(quantity, str(value))))
        elif match := _KEY.match(key) or _KEY.match(re.sub(r"^(units?)[-_. ](.+)$", r"\2_\1", key, flags=re.IGNORECASE)):
            what = match["what"].lower().removeprefix("ref_").removeprefix("dft_").removeprefix("total_").removeprefix("free_")
            found[_QUANTITY.get(what, what)] = (key, str(value))
    return found
