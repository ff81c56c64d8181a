"""Labels of a frame: energy, forces and stress, and what made them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alworkflows.errors import InputError
from alworkflows.frames.kept import held_coordinates

__all__ = ["Labels", "attach_labels", "check_labelled", "known_forces", "labels", "require_finite"]


class Labels:
    """Energy (eV), forces (N, 3) (eV/A) and stress (6,) (eV/A^3) of one frame; what is absent is None."""

    __slots__ = ("energy", "forces", "stress")

    def __init__(self, energy: float | None = None, forces: np.ndarray | None = None, stress: np.ndarray | None = None) -> None:
        self.energy, self.forces, self.stress = energy, forces, stress

    def __bool__(self) -> bool:
        return self.energy is not None or self.forces is not None or self.stress is not None


def labels(atoms: Atoms) -> Labels:
    """Return the labels stored with a frame; nothing is computed."""
    results = getattr(atoms.calc, "results", {}) if isinstance(atoms.calc, SinglePointCalculator) else {}
    return Labels(results.get("energy"), results.get("forces"), results.get("stress"))


def attach_labels(
    atoms: Atoms, energy: float | None = None, forces: np.ndarray | None = None, stress: np.ndarray | None = None
) -> Atoms:
    """Return a copy of ``atoms`` that carries the labels and the same ``info``."""
    frame = atoms.copy()
    values: dict[str, Any] = {}
    if energy is not None:
        values["energy"] = float(energy)
    if forces is not None:
        values["forces"] = np.array(forces, dtype=float).reshape(len(atoms), 3)
    if stress is not None:
        values["stress"] = np.array(stress, dtype=float).reshape(6)
    frame.calc = SinglePointCalculator(frame, **values) if values else None
    return frame


def known_forces(atoms: Atoms) -> np.ndarray | None:
    """Return which components of the forces are labels (N, 3); None: all are, or there are none.

    Where an atom is held still, programs write a force of exactly zero, whatever it would be: nothing is known there.
    """
    forces = labels(atoms).forces
    if forces is None or not atoms.constraints:
        return None
    fixed = held_coordinates(atoms)
    if fixed is None:
        return None
    unknown = fixed & (forces == 0.0)
    return ~unknown if unknown.any() else None


def check_labelled(frames: Sequence[Atoms], quantities: Iterable[str] = ("forces",), where: str = "frames") -> None:
    """Raise an :class:`InputError` that counts the frames lacking one of the quantities."""
    if not frames:
        raise InputError(f"{where}: expected at least one frame, got none")
    for quantity in quantities:
        lacking = [index for index, frame in enumerate(frames) if _lacks(frame, quantity)]
        if quantity == "stress" and not any(frame.pbc.all() for frame in frames):
            lacking = list(range(len(frames)))
        if lacking:
            raise InputError(f"{where}: {len(lacking)} of {len(frames)} frames have no {quantity} (first: frame {lacking[0]})")


def _lacks(frame: Atoms, quantity: str) -> bool:
    """Return whether a frame has no such label; what does not repeat in three directions can have no stress."""
    return getattr(labels(frame), quantity) is None and (quantity != "stress" or bool(frame.pbc.all()))


def require_finite(values: Any, what: str, index: int) -> None:
    """Raise an :class:`InputError` if one of the values is NaN or infinite."""
    if not np.isfinite(values).all():
        raise InputError(f"{what} of frame {index}: expected finite numbers, got NaN or infinity")
