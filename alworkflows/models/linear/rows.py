"""Weighted rows of the regression from one labelled frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from alworkflows.descriptors import Descriptors
from alworkflows.errors import InputError
from alworkflows.frames import Labels, frame_id, known_forces, labels
from alworkflows.models.batches import frame_weight
from alworkflows.models.evaluation import Prediction
from alworkflows.models.linear.baseline import Baseline
from alworkflows.settings import FitSettings

__all__ = ["RowMaker", "Rows"]


@dataclass(frozen=True)
class Rows:
    """Weighted rows ``x`` (R, P) and targets ``y`` (R,) of a frame.

    ``counts`` (S,): atoms of each species; ``energy_row`` (P,) and ``energy`` (eV, or None): the energy, fitted or not;
    ``energy_scale``: what its row is, or would be, multiplied by.
    """

    x: list[np.ndarray]
    y: np.ndarray
    counts: np.ndarray
    energy_row: np.ndarray
    energy: float | None
    energy_scale: float


class RowMaker:
    """Turn frames into rows.

    Squared errors are multiplied by ``atoms.info["weight"]`` (1 where there is none: a frame of weight 2 counts as two copies)
    and by the weight of the frame's ``config_type``.

    Parameters
    ----------
    descriptors
        What the model is linear in.
    settings
        Quantities, their weights, the limit of forces, reference energies if they are fixed.
    baseline
        What the model adds to its linear part, subtracted from the labels.
    """

    def __init__(self, descriptors: Descriptors, settings: FitSettings, baseline: Baseline | None = None) -> None:
        self.descriptors, self.settings, self.baseline = descriptors, settings, baseline
        energies = settings.fixed_energies
        self.fixed = None if energies is None else np.array([energies[symbol] for symbol in descriptors.species])

    def __call__(self, atoms: Atoms) -> Rows:
        """Return the rows of one frame.

        Raises
        ------
        InputError
            If it lacks a quantity that is fitted, or its weight is not a positive number.
        """
        settings, stored = self.settings, self._targets(atoms)
        design = self.descriptors.design(atoms, stress="stress" in settings.quantities)
        symbols = atoms.get_chemical_symbols()
        counts = np.array([symbols.count(symbol) for symbol in self.descriptors.species], dtype=float)
        energy = stored.energy
        if energy is not None and self.fixed is not None:
            energy = energy - float(counts @ self.fixed)
        scale = self.scale(atoms)
        energy_scale = float(scale * settings.energy_weight / len(atoms))
        x, y = [], []
        if "forces" in settings.quantities:
            target, rows = _needed(stored, "forces", atoms).ravel(), design.forces
            kept = self._kept(atoms)
            if kept is not None:
                target, rows = target[kept], rows[kept]
            x.append(rows if scale == 1.0 else scale * rows)
            y.append(scale * target)
        if "stress" in settings.quantities and design.stress is not None:
            factor = scale * settings.stress_weight * atoms.get_volume() / len(atoms)
            x.append(factor * design.stress)
            y.append(factor * _needed(stored, "stress", atoms))
        if "energy" in settings.quantities:
            _needed(stored, "energy", atoms)
            x.append(energy_scale * design.energy[None])
            y.append(np.array([energy_scale * float(energy or 0.0)]))
        return Rows(x, np.concatenate(y), counts, design.energy, energy, energy_scale)

    def _kept(self, atoms: Atoms) -> np.ndarray | None:
        """Return which components of the forces make rows (3 N,), None if all: those that are known, and within the limit."""
        known, limit = known_forces(atoms), self.settings.force_limit
        if limit is None:
            return None if known is None else known.ravel()
        small = np.abs(_needed(labels(atoms), "forces", atoms).ravel()) <= limit
        return small if known is None else small & known.ravel()

    def scale(self, atoms: Atoms) -> float:
        """Return what the rows of a frame are multiplied by."""
        of_type = self.settings.type_weights.get(str(atoms.info.get("config_type")), 1.0)
        return float(np.sqrt(frame_weight(atoms) * of_type) * self._softened(labels(atoms)))

    def _targets(self, atoms: Atoms) -> Labels:
        """Return the labels less the baseline."""
        stored = labels(atoms)
        if self.baseline is None:
            return stored
        fixed = Prediction.of(self.baseline.evaluate(atoms), atoms)
        return Labels(
            None if stored.energy is None else stored.energy - fixed.energy,
            None if stored.forces is None else stored.forces - fixed.forces,
            None if stored.stress is None else stored.stress - fixed.stress,
        )

    def _softened(self, stored: Labels) -> float:
        """Return s / sqrt(rms force^2 + s^2), s the force scale: what matters is an error relative to the forces of the frame."""
        scale = self.settings.force_scale
        if scale is None or stored.forces is None:
            return 1.0
        return scale / float(np.sqrt((stored.forces**2).mean() + scale**2))


def _needed(stored: Labels, name: str, atoms: Atoms) -> np.ndarray:
    value = getattr(stored, name)
    if value is None:
        raise InputError(f"frame {frame_id(atoms)}: the fit uses {name}, but the frame has none")
    return np.asarray(value)
