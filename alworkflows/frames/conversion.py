"""From what a file has to labels in our units: energy (eV), forces (eV/A), stress (eV/A^3), or the reason why not."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alworkflows.frames.faults import FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.keys import Keys
from alworkflows.frames.units import UNITS, declared_units, find_unit
from alworkflows.settings.reading import ReadSettings

__all__ = ["NO_STRESS", "RefusedError", "convert"]

#: what is done with a stress that means nothing
NO_STRESS = "stress left out, as the frame does not repeat along all three directions"

#: where the six numbers of a Voigt stress stand in a matrix, ASE's order
_VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])


class RefusedError(Exception):
    """A label that cannot be used."""

    def __init__(self, kind: FaultKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def convert(raw: RawFrame, keys: Keys, settings: ReadSettings, made: Counter[str]) -> Atoms:
    """Return a frame with its labels in our units.

    Parameters
    ----------
    keys
        Which of its keys hold labels.
    made
        Conversions are counted here.

    Raises
    ------
    RefusedError
        If a label is no number, of another shape, or in a unit that nobody knows.
    """
    atoms, labels = raw.atoms, raw.labels
    factors = _factors(raw, settings, made)
    results: dict[str, Any] = {}
    if keys.energy is not None:
        results["energy"] = float(_numbers(labels[keys.energy], keys.energy, ())) * factors.get("energy", 1.0)
    if keys.forces is not None:
        results["forces"] = _numbers(labels[keys.forces], keys.forces, (len(atoms), 3)) * factors.get("force", 1.0)
    if keys.energies is not None:
        results["energies"] = _numbers(labels[keys.energies], keys.energies, (len(atoms),)) * factors.get("energy", 1.0)
    if length := factors.get("length"):
        atoms.set_cell(np.asarray(atoms.cell) * length)
        atoms.positions *= length
    _add_stress(results, raw, keys, factors, made)
    if "magmoms" in labels:
        results["magmoms"] = _numbers(labels["magmoms"], "magmoms", (len(atoms),))
    atoms.calc = SinglePointCalculator(atoms, **results) if results else None
    return atoms


def _add_stress(results: dict[str, Any], raw: RawFrame, keys: Keys, factors: dict[str, float], made: Counter[str]) -> None:
    """Add the stress, its own or that of a virial; what does not repeat in three directions has none."""
    atoms = raw.atoms
    if keys.stress is None and keys.virial is None:
        return
    if not atoms.pbc.all():
        made[NO_STRESS] += 1
        return
    if keys.stress is not None:
        results["stress"] = _voigt(raw.labels[keys.stress], keys.stress, made) * factors.get("stress", 1.0)
    elif keys.virial is not None:
        virial = _voigt(raw.labels[keys.virial], keys.virial, made) * factors.get("virial", 1.0)
        results["stress"] = -virial / atoms.get_volume()
        made[f"stress from {keys.virial}, as minus the virial over the volume"] += 1


def _numbers(value: Any, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers of a shape, whatever they are wrapped in."""
    if isinstance(value, str | bool | np.bool_) or value is None:
        raise RefusedError(FaultKind.NOT_NUMBERS, f"{key}: expected {_words(shape)}, got {_shown(value)}")
    try:
        array = np.asarray(value)
    except ValueError:
        raise RefusedError(FaultKind.SHAPE, f"{key}: expected {_words(shape)}, got rows of different lengths") from None
    if array.dtype.kind not in "fiu":
        raise RefusedError(FaultKind.NOT_NUMBERS, f"{key}: expected {_words(shape)}, got {_shown(value)}")
    if array.shape != shape:
        if array.size == np.prod(shape, dtype=int) and array.ndim <= 1 and shape:
            return array.astype(float).reshape(shape)
        raise RefusedError(FaultKind.SHAPE, f"{key}: expected {_words(shape)}, got {_sized(array)}")
    return array.astype(float, copy=False)


def _voigt(value: Any, key: str, made: Counter[str]) -> np.ndarray:
    """Return six numbers in ASE's order from a matrix, nine numbers or six."""
    size = np.size(value) if not isinstance(value, str) else 0
    if size == 6:
        made[f"six numbers of {key} taken in the order xx, yy, zz, yz, xz, xy"] += 1
        return _numbers(value, key, (6,))
    if size != 9:
        what = _shown(value) if isinstance(value, str | bool) or value is None else _sized(np.asarray(value))
        raise RefusedError(FaultKind.SHAPE if size else FaultKind.NOT_NUMBERS, f"{key}: expected 9 or 6 numbers, got {what}")
    matrix = _numbers(np.reshape(value, 9), key, (9,)).reshape(3, 3)
    if np.isfinite(matrix).all() and np.abs(matrix - matrix.T).max() > 1e-3 * np.abs(matrix).max():
        raise RefusedError(FaultKind.SHAPE, f"{key}: expected a symmetric matrix, got {matrix.round(6).tolist()}")
    return np.asarray(0.5 * (matrix + matrix.T)[_VOIGT])


def _words(shape: tuple[int, ...]) -> str:
    return {0: "a number", 1: f"{shape[0] if shape else 0} numbers"}.get(len(shape), f"{' x '.join(map(str, shape))} numbers")


def _sized(array: np.ndarray) -> str:
    if array.ndim == 0:
        return "one number"
    return f"{array.size} numbers" if array.ndim == 1 else f"{' x '.join(map(str, array.shape))} numbers"


def _shown(value: Any) -> str:
    text = repr(value if not isinstance(value, np.ndarray) else value.ravel()[:4].tolist())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _factors(raw: RawFrame, settings: ReadSettings, made: Counter[str]) -> dict[str, float]:
    """Return what to multiply the numbers of a frame by, of each quantity that is not in our units."""
    info = raw.atoms.info
    declared = declared_units(info) if any("unit" in key.lower() for key in info) else {}
    if not (declared or settings.units or raw.units):
        return {}
    units = {quantity: (f"unit of the format: {quantity}", unit) for quantity, unit in raw.units.items()}
    units |= declared
    units |= {quantity: (f"--unit {quantity}", unit) for quantity, unit in settings.units.items()}
    factors = {}
    for quantity, (key, unit) in units.items():
        factor = find_unit(quantity, unit)
        if factor is None:
            raise RefusedError(
                FaultKind.UNITS, f"{key}: unknown unit '{unit}' of {quantity}; known: {', '.join(list(UNITS[quantity])[:8])}"
            )
        if factor != 1.0:
            factors[quantity] = factor
            made[f"{quantity} from {unit}"] += 1
    return factors
