"""What a frame keeps beside its labels through all files and nodes, under which name, and what it is checked for."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alworkflows.errors import InputError
from alworkflows.frames.constraints import fixed_coordinates, hold
from alworkflows.frames.conversion import RefusedError
from alworkflows.frames.faults import FaultKind

__all__ = ["KEPT", "decode", "encode", "held_coordinates", "keep", "kept_arrays", "plain", "tidy"]

#: keys of ``atoms.info`` that are kept: weight in a fit, kind of configuration, total charge (e), spin multiplicity, and which
#: energy the label is (``free``: of which the forces are the derivative; else nobody knows, or it makes no difference)
KEPT = ("weight", "config_type", "charge", "spin", "energy_kind")
#: of one frame over another
MOST_WEIGHT = 1e9
#: how other programs call them
_ALIASES = {"config_weight": "weight", "total_charge": "charge", "multiplicity": "spin", "spin_multiplicity": "spin"}


def tidy(atoms: Atoms) -> None:
    """Put what a frame keeps under our names, checked; decode what our own files have.

    Raises
    ------
    RefusedError
        If a weight or charge is no number.
    """
    info = atoms.info
    for alias, name in _ALIASES.items():
        if alias in info and name not in info:
            info[name] = info.pop(alias)
    for name in ("weight", "charge", "spin"):
        if name in info:
            info[name] = _number(info[name], name)
    if "weight" in info and not info["weight"] > 0:
        raise RefusedError(
            FaultKind.NOT_NUMBERS, f"weight: expected a number above zero, got {info['weight']}; leave such frames out"
        )
    if "weight" in info and info["weight"] > MOST_WEIGHT:
        raise RefusedError(FaultKind.NOT_NUMBERS, f"weight: expected a number up to {MOST_WEIGHT:g}, got {info['weight']:g}")
    _check_moments(atoms)
    if "config_type" in info:
        info["config_type"] = str(info["config_type"])
    if "origin" in info:
        info["origin"] = decode(info["origin"])
    if "engine" in info:
        engine = decode(info["engine"])
        info["engine"] = None if "note" in engine and len(engine) == 1 else engine
    if info.get("energy_kind", "free") != "free":
        del info["energy_kind"]
    info.pop("frame_id", None)


def _check_moments(atoms: Atoms) -> None:
    moments = atoms.arrays.get("initial_magmoms")
    if moments is None:
        return
    if moments.dtype.kind not in "fiu" or moments.shape[1:] not in ((), (3,)) or not np.isfinite(moments).all():
        shown = moments.ravel()[:4].tolist()
        raise RefusedError(FaultKind.NOT_NUMBERS, f"initial_magmoms: expected a finite number or three of each atom, got {shown}")


def _number(value: Any, key: str) -> float:
    try:
        number = float("nan") if isinstance(value, bool | np.bool_) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise RefusedError(FaultKind.NOT_NUMBERS, f"{key}: expected a number, got {value!r}")
    return number


def encode(value: dict[str, Any]) -> str:
    """Return a mapping as JSON without backslashes: ASE's reader stumbles over a quote inside a string, and loses the labels."""
    return json.dumps(value, default=plain).replace("%", "%25").replace("\\", "%5C")


def plain(value: Any) -> Any:
    """Return numpy numbers and arrays as JSON knows them."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"origin: expected numbers, texts, lists and mappings, got {type(value).__name__}")


def decode(text: Any) -> dict[str, Any]:
    """Return the mapping in a file; what another program wrote there becomes a note."""
    if isinstance(text, dict):
        return text
    try:
        decoded = json.loads(str(text).replace("%5C", "\\").replace("%25", "%"))
    except json.JSONDecodeError:
        decoded = None
    return decoded if isinstance(decoded, dict) else {"note": str(text)}


def held_coordinates(atoms: Atoms) -> np.ndarray | None:
    """Return which Cartesian coordinates of which atoms are held still (N, 3); None if none is.

    Constraints that hold something else, such as bond lengths, say nothing here.
    """
    if not atoms.constraints:
        return None
    try:
        fixed = fixed_coordinates(atoms)
    except InputError:
        return None
    return fixed if fixed.any() else None


def kept_arrays(atoms: Atoms) -> dict[str, np.ndarray]:
    """Return what is kept of each atom, by name, where there is any.

    ``initial_magmoms`` (N,) or ``initial_moment_vectors`` (N, 3), mu_B: what a calculation begins with; ``magmoms`` (N,), mu_B,
    and ``energies_of_atoms`` (N,), eV: results; ``fixed`` (N, 3): which components are held still.
    """
    arrays: dict[str, np.ndarray] = {}
    if "initial_magmoms" in atoms.arrays:
        moments = np.asarray(atoms.arrays["initial_magmoms"], dtype=float)
        arrays["initial_magmoms" if moments.ndim == 1 else "initial_moment_vectors"] = moments
    results = {} if atoms.calc is None else atoms.calc.results
    for name, key in _RESULTS.items():
        if key in results:
            arrays[name] = np.asarray(results[key], dtype=float)
    if (fixed := held_coordinates(atoms)) is not None:
        arrays["fixed"] = fixed
    return arrays


def keep(atoms: Atoms, name: str, values: np.ndarray) -> None:
    """Give a frame what :func:`kept_arrays` took from one; nothing where it had none."""
    if name == "fixed":
        if values.any():
            hold(atoms, np.asarray(values, dtype=bool))
    elif not np.isnan(values).all():
        if name in _RESULTS:
            if atoms.calc is None:
                atoms.calc = SinglePointCalculator(atoms)
            atoms.calc.results[_RESULTS[name]] = values
        else:
            atoms.set_array("initial_magmoms", values)


#: results of atoms, by the name they have in files of ours
_RESULTS = {"magmoms": "magmoms", "energies_of_atoms": "energies"}
