"""One frame's label: computed, checked, and refused if it is not one to train on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError

from alworkflows.calculators.contract import Engine
from alworkflows.calculators.factory import bare
from alworkflows.calculators.failures import FailureKind, LabelError
from alworkflows.frames import attach_labels

__all__ = ["label_frame"]


def label_frame(
    frame: Atoms,
    calculator: Calculator,
    largest_force: float = np.inf,
    *,
    engine: Engine | None = None,
    moments: Mapping[str, float] | None = None,
    largest_moment_change: float | None = None,
) -> Atoms:
    """Return a copy of one frame with its labels: energy, forces and, where there is one, stress.

    The energy is the one whose derivative the forces are (the free energy, where a calculator has electronic smearing).

    Parameters
    ----------
    largest_force : float
        eV/A.
    engine : Engine, optional
        Asked whether the label is converged.
    moments : mapping, optional
        Initial magnetic moment by species, mu_B.
    largest_moment_change : float, optional
        mu_B per atom by which the total moment may differ from that of the initial moments.

    Raises
    ------
    LabelError
        If a label is not converged, not finite, for other atoms, if a force is larger than ``largest_force``, or the
        moment has jumped.
    Exception
        Whatever the calculator raises.
    """
    atoms = bare(frame, moments)
    atoms.calc = calculator
    forces = np.array(atoms.get_forces(), dtype=float)
    energy = float(calculator.results.get("free_energy", atoms.get_potential_energy()))
    stress = _stress(atoms)
    if engine is not None and engine.converged(calculator) is False:
        raise LabelError(FailureKind.UNCONVERGED, "the self-consistent field did not converge")
    _same_atoms(frame, calculator, forces)
    for name, values in (("energy", energy), ("forces", forces), ("stress", stress)):
        if values is not None and not np.isfinite(values).all():
            raise LabelError(FailureKind.FORCE, f"{name}: expected finite numbers, got NaN or infinity")
    largest = float(np.linalg.norm(forces, axis=1).max())
    if largest > largest_force:
        raise LabelError(FailureKind.FORCE, f"largest force {largest:.3g} eV/A is above {largest_force:g} eV/A")
    if largest_moment_change is not None:
        _same_moment(atoms, largest_moment_change)
    return attach_labels(frame, energy, forces, stress)


def _same_atoms(frame: Atoms, calculator: Calculator, forces: np.ndarray) -> None:
    """Refuse a result for other atoms, or for the same in another order."""
    if forces.shape != (len(frame), 3):
        raise LabelError(FailureKind.SPECIES, f"expected forces on {len(frame)} atoms, got an array of shape {forces.shape}")
    told = getattr(calculator, "atoms", None)
    if not isinstance(told, Atoms):
        return
    if len(told) != len(frame) or (told.numbers != frame.numbers).any():
        expected, got = frame.get_chemical_formula("reduce"), told.get_chemical_formula("reduce")
        raise LabelError(FailureKind.SPECIES, f"the result is for other atoms or another order: expected {expected}, got {got}")


def _same_moment(atoms: Atoms, largest: float) -> None:
    """Refuse a total moment too far from that of the initial moments, of either sign."""
    found = atoms.calc.results.get("magmom")
    if found is None:
        raise LabelError(FailureKind.SPIN, "largest_moment_change: the calculator gives no magnetic moment to compare")
    before = float(atoms.get_initial_magnetic_moments().sum())
    change = abs(abs(float(found)) - abs(before)) / len(atoms)
    if change > largest:
        raise LabelError(
            FailureKind.SPIN,
            f"the total moment went from {before:.2f} to {float(found):.2f} mu_B: {change:.2f} mu_B per atom, above {largest:g}",
        )


def _stress(atoms: Atoms) -> np.ndarray | None:
    """Return the stress in Voigt order (6,), or None if the calculator has none or the cell is not periodic."""
    if not atoms.pbc.all():
        return None
    try:
        values = np.array(atoms.calc.get_property("stress", atoms), dtype=float)
    except (NotImplementedError, PropertyNotImplementedError):
        return None
    if values.shape == (3, 3):
        values = 0.5 * (values + values.T)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    return values
