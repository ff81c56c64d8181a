"""Which labels are believed: one rule for whatever computed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError

from alworkflows.calculators.contract import CalculatorParameters
from alworkflows.calculators.factory import bare
from alworkflows.calculators.failures import FailureKind, LabelError
from alworkflows.frames import attach_labels
from alworkflows.frames.twins import pair_up

__all__ = ["SinglePoint", "accept", "label_frame"]

#: A; what input files of programs round off, and more
SAME_PLACE = 1e-4


@dataclass(frozen=True)
class SinglePoint:
    """What a program reports of one configuration of N atoms, in the program's order of them.

    Attributes
    ----------
    energy
        eV; the one whose derivative the forces are (the free energy, with electronic smearing).
    forces
        (N, 3), eV/A.
    stress
        (3, 3), or (6,) in Voigt order, eV/A^3, ASE's sign: positive under tension; None: not computed.
    converged
        Whether the self-consistent field is; None: nobody knows.
    symbols
        The atoms as the program saw them; None: it does not say.
    positions, cell
        Where it saw them, (N, 3) and (3, 3), A, for a program that may put them in another order; None: it keeps the order.
    moment
        Total magnetic moment, mu_B; None without spin.
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray | None
    converged: bool | None
    symbols: Sequence[str] | None = None
    positions: np.ndarray | None = None
    cell: np.ndarray | None = None
    moment: float | None = None


def accept(
    frame: Atoms,
    point: SinglePoint,
    largest_force: float = np.inf,
    moments: Mapping[str, float] | None = None,
    largest_moment_change: float | None = None,
) -> Atoms:
    """Return a copy of the frame with its labels, in the frame's order of the atoms.

    Parameters
    ----------
    largest_force
        eV/A.
    moments
        Initial magnetic moment by species, mu_B, of frames that have none of their own.
    largest_moment_change
        mu_B per atom by which the total moment may differ from that of the initial moments, whatever their signs; None: any.

    Raises
    ------
    LabelError
        If the result is not converged, not finite, for other atoms or another configuration, if a force is larger than
        ``largest_force``, or the moment has jumped.
    """
    if point.converged is False:
        raise LabelError(FailureKind.UNCONVERGED, "the self-consistent field did not converge")
    order = _order(frame, point)
    forces = np.asarray(point.forces, dtype=float)
    if forces.shape != (len(frame), 3):
        # a program that knows the atoms has lost some of their forces; of one that does not say, they may be others
        kind = FailureKind.SPECIES if point.symbols is None else FailureKind.TRUNCATED
        raise LabelError(kind, f"expected forces on {len(frame)} atoms, got an array of shape {forces.shape}")
    for name, values in (("energy", point.energy), ("forces", forces), ("stress", point.stress)):
        if values is not None and not np.isfinite(values).all():
            raise LabelError(FailureKind.FORCE, f"{name}: expected finite numbers, got NaN or infinity")
    largest = float(np.linalg.norm(forces, axis=1).max())
    if largest > largest_force:
        raise LabelError(FailureKind.FORCE, f"largest force {largest:.3g} eV/A is above {largest_force:g} eV/A")
    if largest_moment_change is not None:
        _same_moment(frame, point.moment, moments or {}, largest_moment_change)
    stress = None if point.stress is None or not frame.pbc.all() else _voigt(np.asarray(point.stress, dtype=float))
    return attach_labels(frame, point.energy, forces[order], stress)


def label_frame(
    frame: Atoms,
    calculator: Calculator,
    largest_force: float = np.inf,
    *,
    parameters: CalculatorParameters | None = None,
    moments: Mapping[str, float] | None = None,
    largest_moment_change: float | None = None,
) -> Atoms:
    """Return a copy of one frame with its labels from an ASE calculator: energy, forces and, where there is one, stress.

    Parameters
    ----------
    parameters : CalculatorParameters, optional
        Asked whether the label is converged.
    largest_force, moments, largest_moment_change
        See :func:`accept`.

    Raises
    ------
    LabelError
        As :func:`accept`.
    Exception
        Whatever the calculator raises.
    """
    atoms = bare(frame, moments)
    atoms.calc = calculator
    forces = np.array(atoms.get_forces(), dtype=float)
    energy = float(calculator.results.get("free_energy", atoms.get_potential_energy()))
    seen, moment = getattr(calculator, "atoms", None), calculator.results.get("magmom")
    point = SinglePoint(
        energy=energy,
        forces=forces,
        stress=_stress(atoms),
        converged=None if parameters is None else parameters.converged(calculator),
        symbols=seen.get_chemical_symbols() if isinstance(seen, Atoms) else None,
        moment=None if moment is None else float(moment),
    )
    return accept(frame, point, largest_force, moments, largest_moment_change)


def _order(frame: Atoms, point: SinglePoint) -> np.ndarray:
    """Return for each atom of the frame its place in the result (N,); refuse a result for other atoms."""
    same = np.arange(len(frame))
    if point.symbols is None:
        return same
    if point.positions is None:
        if list(point.symbols) != frame.get_chemical_symbols():
            expected, got = (atoms.get_chemical_formula("reduce") for atoms in (frame, Atoms(list(point.symbols))))
            raise LabelError(
                FailureKind.SPECIES, f"the result is for other atoms or another order: expected {expected}, got {got}"
            )
        return same
    if len(point.symbols) != len(frame):
        raise LabelError(FailureKind.SPECIES, f"the result has {len(point.symbols)} atoms, expected {len(frame)}")
    seen = Atoms(symbols=list(point.symbols), positions=point.positions, cell=point.cell, pbc=frame.pbc)
    if sorted(seen.numbers) != sorted(frame.numbers):
        expected, got = frame.get_chemical_formula(), seen.get_chemical_formula()
        raise LabelError(FailureKind.SPECIES, f"the result is of other species: expected {expected}, got {got}")
    order = pair_up(frame, seen, SAME_PLACE)
    if order is None:
        raise LabelError(
            FailureKind.SPECIES, f"the result is of another structure: cell or positions differ by more than {SAME_PLACE:g} A"
        )
    return order


def _same_moment(frame: Atoms, moment: float | None, moments: Mapping[str, float], largest: float) -> None:
    """Refuse a total moment too far from that of the initial moments, of either sign."""
    if moment is None:
        raise LabelError(FailureKind.SPIN, "largest_moment_change: the result has no magnetic moment to compare")
    before = float(bare(frame, moments).get_initial_magnetic_moments().sum())
    change = abs(abs(moment) - abs(before)) / len(frame)
    if change > largest:
        raise LabelError(
            FailureKind.SPIN,
            f"the total moment went from {before:.2f} to {moment:.2f} mu_B: {change:.2f} mu_B per atom, above {largest:g}",
        )


def _stress(atoms: Atoms) -> np.ndarray | None:
    """Return the stress, or None if the calculator has none or the cell is not periodic."""
    if not atoms.pbc.all():
        return None
    try:
        return np.array(atoms.calc.get_property("stress", atoms), dtype=float)
    except (NotImplementedError, PropertyNotImplementedError):
        return None


def _voigt(stress: np.ndarray) -> np.ndarray:
    """Return a stress in Voigt order (6,), made symmetric if it is a matrix."""
    if stress.shape == (6,):
        return stress
    return np.asarray(0.5 * (stress + stress.T)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]])
