"""Label frames with an ASE calculator, one by one, so that one frame's failure is one frame's loss.

Batches are no faster: CHGNet on one thread took as long for sixteen frames of 64 atoms in one batch as for sixteen alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError

from alworkflows.calculators.factory import create
from alworkflows.errors import InputError, unknown
from alworkflows.frames import attach_labels, frame_id
from alworkflows.settings import LabelSettings

__all__ = ["label", "label_frame"]


class _RefusedError(ValueError):
    """A label that came, but is not one to train on."""


def label(
    frames: Sequence[Atoms],
    settings: LabelSettings,
    keep: Callable[[Atoms], None],
    progress: Callable[[str], None] | None = None,
    calculator: Calculator | None = None,
) -> list[dict[str, Any]]:
    """Label frames with energy, forces and, where the calculator has it and the cell is periodic, stress.

    Parameters
    ----------
    keep : callable
        Gets every labelled frame, with the origin it came with, as soon as it is made.
    progress : callable, optional
        Gets a line of text after every frame.
    calculator : Calculator, optional
        In place of the one that ``settings`` names.

    Returns
    -------
    failures : list of dict
        ``id``, ``index`` and ``reason`` of every frame that could not be labelled.

    Raises
    ------
    InputError, MissingExtraError
        If there is no frame or no such engine or calculator; never because of a single frame.
    """
    if settings.engine != "ase":
        raise unknown("label engine", settings.engine, ["ase"])
    if not frames:
        raise InputError("label: expected at least one frame, got none")
    calculator = calculator or create(settings.calculator)
    failures = []
    for index, frame in enumerate(frames):
        began = time.perf_counter()
        try:
            labelled = label_frame(frame, calculator, settings.largest_force)
        except Exception as error:  # whatever an engine raises is this frame's failure, kept with its reason
            reason = str(error) if isinstance(error, _RefusedError) else f"{type(error).__name__}: {error}"
            failures.append({"id": frame_id(frame), "index": index, "reason": reason})
            calculator.reset()
        else:
            keep(labelled)
        if progress:
            seconds = time.perf_counter() - began
            progress(f"label: {index + 1}/{len(frames)} frames, {len(failures)} failed, {seconds:.2f} s")
    return failures


def label_frame(frame: Atoms, calculator: Calculator, largest_force: float = np.inf) -> Atoms:
    """Return a copy of one frame with its labels.

    The energy is the one whose derivative the forces are (the free energy, where a calculator has electronic smearing).

    Raises
    ------
    ValueError
        If a label is not finite or a force is larger than ``largest_force`` (eV/A).
    Exception
        Whatever the calculator raises.
    """
    atoms = Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
    atoms.calc = calculator
    forces = np.array(atoms.get_forces(), dtype=float)
    energy = float(calculator.results.get("free_energy", atoms.get_potential_energy()))
    stress = _stress(atoms)
    for name, values in (("energy", energy), ("forces", forces), ("stress", stress)):
        if values is not None and not np.isfinite(values).all():
            raise _RefusedError(f"{name}: expected finite numbers, got NaN or infinity")
    largest = float(np.linalg.norm(forces, axis=1).max())
    if largest > largest_force:
        raise _RefusedError(f"largest force {largest:.3g} eV/A is above {largest_force:g} eV/A")
    return attach_labels(frame, energy, forces, stress)


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
