"""Quench: make a liquid with the ensemble, equilibrate it, cool it fast, and keep frames of the liquid and the glass.

Four phases: the crystal is melted at constant volume well above its melting point (no frames), the liquid is held at the quench's
start temperature (origin: phase ``liquid``), cooled linearly at the stated rate (``cooling``) and held at the end temperature
(``amorphous``). The cell is scaled to the stated density before the first step; a stated pressure acts from the cooling on.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.sampling.base import Keeper, SampleReport, Task, check_friction, require_free, snapshot_steps, whole_steps
from alworkflows.sampling.driven import Phase, drive, require_driver
from alworkflows.settings import QuenchSettings
from alworkflows.structures import fixed_coordinates

__all__ = ["at_density", "check", "sample"]

#: One g/cm^3 in amu/A^3.
_DENSITY = 0.602214076


def check(settings: QuenchSettings, structure: Atoms, name: str) -> int:
    """Return how many steps a run would take.

    Raises
    ------
    InputError
        If atoms are held still in a cell that is to change, the quench does not go down, or there are fewer steps than snapshots.
    """
    if settings.density is not None or settings.pressure is not None:
        require_free(structure, name, "density or pressure")
    check_friction(settings)
    phases = _phases(settings)
    _snapshots(settings, phases)
    return sum(phase.steps for phase in phases)


def sample(settings: QuenchSettings, structure: Atoms, task: Task) -> SampleReport:
    """Melt and quench; see the module and :func:`alworkflows.sampling.sample`.

    Raises
    ------
    InputError
        If there is no ensemble, or as :func:`check`.
    """
    driver = require_driver(task.driver, settings.name)
    check(settings, structure, task.name)
    phases = _phases(settings)
    atoms = structure if settings.density is None else at_density(structure, settings.density)
    keeper = Keeper(task, settings.name, settings.timestep, fixed_coordinates(structure))
    return drive(settings, atoms, phases, _snapshots(settings, phases), keeper, driver, task)


def at_density(atoms: Atoms, density: float) -> Atoms:
    """Return the structure scaled to a density in g/cm^3."""
    scaled = atoms.copy()
    volume = atoms.get_masses().sum() / (density * _DENSITY)
    scaled.set_cell(np.asarray(atoms.cell) * (volume / atoms.get_volume()) ** (1.0 / 3.0), scale_atoms=True)
    return scaled


def _phases(settings: QuenchSettings) -> list[Phase]:
    start, end = settings.temperature
    if start <= end:
        raise InputError(f"quench: expected a temperature that falls, got {start:g} to {end:g} K")
    cooling = (start - end) / settings.rate * 1000.0
    return [
        Phase(
            whole_steps(settings.melt_duration, settings.timestep),
            settings.melt_temperature,
            settings.melt_temperature,
            "melting",
        ),
        Phase(whole_steps(settings.equilibrate, settings.timestep), start, start, "liquid"),
        Phase(whole_steps(cooling, settings.timestep), start, end, "cooling", settings.pressure),
        Phase(whole_steps(settings.hold, settings.timestep), end, end, "amorphous", settings.pressure),
    ]


def _snapshots(settings: QuenchSettings, phases: list[Phase]) -> list[int]:
    """Return the steps to keep: the liquid's share over equilibration and cooling, the rest over the hold."""
    melted = phases[0].steps
    cooled = melted + phases[1].steps + phases[2].steps
    path = round(settings.liquid_share * settings.snapshots)
    glass = settings.snapshots - path
    steps = snapshot_steps(melted, cooled, path, "quench, before the hold") if path else []
    return steps + (snapshot_steps(cooled, cooled + phases[3].steps, glass, "quench, in the hold") if glass else [])
