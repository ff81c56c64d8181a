"""Surface melt: heat a slab with the ensemble's mean force, keeping frames along the path.

Langevin dynamics at constant volume, the target temperature rising linearly; the slab's centre of mass rests, so that it does not
drift through its vacuum, whichever lattice vector that lies along. Atoms that constraints hold stay where they are, and hold the
slab: its centre of mass is then free, and the temperature that of the coordinates that move. Snapshots are evenly spaced from the
start, where the surface is solid, to the end.
"""

from __future__ import annotations

from ase import Atoms

from alworkflows.sampling.base import Keeper, SampleReport, Task, check_friction, snapshot_steps, whole_steps
from alworkflows.sampling.driven import Phase, drive, require_driver
from alworkflows.settings import SurfaceMeltSettings
from alworkflows.structures import fixed_coordinates

__all__ = ["check", "sample"]


def check(settings: SurfaceMeltSettings, structure: Atoms, name: str) -> int:
    """Return how many steps a run would take.

    Raises
    ------
    InputError
        If there are fewer steps than snapshots.
    """
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
    keeper = Keeper(task, settings.name, settings.timestep, fixed_coordinates(structure))
    return drive(settings, structure, [Phase(planned, *settings.temperature)], snapshots, keeper, driver, task)
