"""Melt: heat a crystal with a classical potential until it has lost its order, keeping frames on the way.

Langevin dynamics in LAMMPS, the target temperature rising linearly from the first to the last step, at constant volume or
(isotropic Nose-Hoover barostat) constant pressure. Snapshots are evenly spaced over the ramp after its first tenth, in which the
crystal takes up its velocities, so that neighbours are apart by about duration / snapshots, many vibrations for picosecond ramps.
A particle in a box neither drifts nor turns: its momenta are taken away now and then.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError, SimulationError
from alworkflows.potentials import resolve
from alworkflows.sampling.base import Keeper, SampleReport, Task, check_friction, snapshot_steps, whole_steps
from alworkflows.settings import MeltSettings
from alworkflows.simulation.lammps import LammpsSimulation
from alworkflows.simulation.monitors import EXPLODED
from alworkflows.structures import close_pairs, is_isolated

__all__ = ["check", "sample"]

#: Share of the ramp before the first interval between snapshots.
SETTLING = 0.1
#: A run has exploded when its kinetic temperature exceeds this times the end of the ramp.
HOTTEST = 4.0
#: Distances below this times the sum of covalent radii mean that the core has failed.
FUSED = 0.45
#: Relaxation time of the barostat, fs.
BAROSTAT = 1000.0


def check(settings: MeltSettings, structure: Atoms, name: str) -> int:
    """Return how many steps a run would take.

    Raises
    ------
    InputError
        If the potential is unknown or does not describe the structure, or there are fewer steps than snapshots.
    """
    resolve(settings.potential).check(structure.get_chemical_symbols(), name)
    check_friction(settings)
    if settings.pressure is not None and is_isolated(structure):
        raise InputError(f"{name}: expected no pressure for a particle in a box of empty space, got {settings.pressure:g} GPa")
    planned = whole_steps(settings.duration, settings.timestep)
    _snapshots(settings, planned)
    return planned


def _snapshots(settings: MeltSettings, planned: int) -> list[int]:
    return snapshot_steps(int(SETTLING * planned), planned, settings.snapshots, settings.name)


def sample(settings: MeltSettings, structure: Atoms, task: Task) -> SampleReport:
    """Melt ``structure``; see the module.

    Raises
    ------
    InputError
        As :func:`check`.
    SimulationError
        If LAMMPS refuses before the first step; later on the run counts as exploded and keeps its frames.
    """
    planned = check(settings, structure, task.name)
    keeper = Keeper(task, settings.name, settings.timestep)
    first, last = settings.temperature
    with LammpsSimulation(structure, resolve(settings.potential), name=task.name) as simulation:
        simulation.commands(_dynamics(settings, np.random.default_rng(task.seed), is_isolated(structure)))
        step = 0
        for target in _snapshots(settings, planned):
            try:
                simulation.run(target - step, start=0, stop=planned)
            except SimulationError as error:
                if keeper.frames == 0:
                    raise
                return keeper.report(step, planned, EXPLODED, str(error))
            step = target
            kinetic, atoms = simulation.temperature(), simulation.atoms()
            fault = _fault(atoms, kinetic, last)
            if fault:
                return keeper.report(step, planned, EXPLODED, f"step {step}: {fault}")
            ramp = first + (last - first) * step / planned
            keeper(atoms, step, ramp, kinetic)
            task.say(f"{keeper.label}: step {step}/{planned}, {kinetic:.0f} K, {keeper.frames}/{settings.snapshots} frames")
    return keeper.report(planned, planned)


def _dynamics(settings: MeltSettings, random: np.random.Generator, isolated: bool) -> list[str]:
    """Return the LAMMPS commands of the thermostat, the integrator and the starting velocities (time in ps, pressure in bar)."""
    first, last = settings.temperature
    velocities, noise = (int(number) for number in random.integers(1, 900_000_000, 2))
    integrator = "nve"
    if settings.pressure is not None:
        bar = settings.pressure * 1e4
        integrator = f"nph iso {bar!r} {bar!r} {BAROSTAT * 1e-3!r}"
    return [
        f"timestep {settings.timestep * 1e-3!r}",
        f"velocity all create {first!r} {velocities} mom yes rot {'yes' if isolated else 'no'} dist gaussian loop all",
        f"fix integrate all {integrator}",
        f"fix heat all langevin {first!r} {last!r} {settings.friction * 1e-3!r} {noise} zero yes",
        *(["fix still all momentum 100 linear 1 1 1 angular rescale"] if isolated else []),
    ]


def _fault(atoms: Atoms, kinetic: float, hottest: float) -> str | None:
    """Return why a frame shows that the run has exploded, or None."""
    if not (np.isfinite(atoms.positions).all() and np.isfinite(kinetic)):
        return "positions or temperature are not finite"
    if kinetic > HOTTEST * hottest:
        return f"kinetic temperature {kinetic:.0f} K is above {HOTTEST:g} times the end of the ramp"
    _, _, distances = close_pairs(atoms.numbers, atoms.positions, np.asarray(atoms.cell), atoms.pbc, FUSED)
    if len(distances):
        return f"two atoms are {distances[0]:.3f} A apart, below {FUSED:g} times the sum of their covalent radii"
    return None
