"""Surface melt: heat a slab with the ensemble's mean force, keeping frames along the path.

Langevin dynamics at constant volume, the target temperature rising linearly; the slab's centre of mass rests, so that it does not
drift through its vacuum. Snapshots are evenly spaced from the start, where the surface is solid, to the end.
"""

from __future__ import annotations

from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.sampling.base import Keeper, SampleReport, Task, check_friction, snapshot_steps, whole_steps
from alworkflows.sampling.driven import Phase, drive, require_driver
from alworkflows.settings import SurfaceMeltSettings
from alworkflows.structures import MIN_VACUUM, vacuum

__all__ = ["check", "sample"]


def check(settings: SurfaceMeltSettings, structure: Atoms, name: str) -> int:
    """Return how many steps a run would take.

    Raises
    ------
    InputError
        If the structure has no vacuum, or there are fewer steps than snapshots.
    """
    empty = vacuum(structure)
    if empty < MIN_VACUUM:
        raise InputError(f"{name}: surface-melt expected a slab with {MIN_VACUUM:g} A of vacuum, the widest gap is {empty:.2f} A")
    check_friction(settings)
    planned = whole_steps(settings.duration, settings.timestep)
    snapshot_steps(0, planned, settings.snapshots, settings.name)
    return planned


def sample(settings: SurfaceMeltSettings, structure: Atoms, task: Task) -> SampleReport:
    """Heat a slab; see the module and :func:`alworkflows.sampling.sample`.

    Raises
    ------
    InputError
        If there is no ensemble, or as :func:`check`.
    """
    driver = require_driver(task.driver, settings.name)
    planned = check(settings, structure, task.name)
    snapshots = snapshot_steps(0, planned, settings.snapshots, settings.name)
    keeper = Keeper(task, settings.name, settings.timestep)
    return drive(settings, structure, [Phase(planned, *settings.temperature)], snapshots, keeper, driver, task)
