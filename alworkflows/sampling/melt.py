"""Melt: heat a crystal with a classical potential until it has lost its order, keeping frames on the way.

Langevin dynamics in LAMMPS, the target temperature rising linearly from the first to the last step, at constant volume or
(isotropic Nose-Hoover barostat) constant pressure. Snapshots are evenly spaced over the ramp after its first tenth, in which the
crystal takes up its velocities, so that neighbours are apart by about duration / snapshots, many vibrations for picosecond ramps.
A particle in a box neither drifts nor turns: its momenta are taken away now and then. Atoms that constraints hold stay where they
are; the temperature is that of the coordinates that move.

The run is a chain of pieces of a fixed number of steps. Between two of them it goes through LAMMPS' restart file into a new
LAMMPS instance, whose noise has a seed of its own. So each piece follows from the file before it alone, and a run that another
process goes on with from its last file gives the same bits as one that was never interrupted.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError, SimulationError
from alworkflows.potentials import resolve
from alworkflows.sampling.base import Keeper, SampleReport, Task, check_friction, require_free, snapshot_steps, whole_steps
from alworkflows.settings import MeltSettings
from alworkflows.simulation.lammps import LammpsSimulation
from alworkflows.simulation.monitors import EXPLODED
from alworkflows.structures import close_pairs, count_open_directions, fixed_coordinates, is_isolated

__all__ = ["check", "sample"]

#: Share of the ramp before the first interval between snapshots.
SETTLING = 0.1
#: A run has exploded when its kinetic temperature exceeds this times the end of the ramp.
HOTTEST = 4.0
#: Distances below this times the sum of covalent radii mean that the core has failed.
FUSED = 0.45
#: Relaxation time of the barostat, fs.
BAROSTAT = 1000.0
#: Steps times atoms of a piece of the run, some seconds of work, and bounds for its steps: only whole pieces are kept.
PIECE, SHORTEST, LONGEST = 300_000, 100, 5000


def check(settings: MeltSettings, structure: Atoms, name: str) -> int:
    """Return how many steps a run would take.

    Raises
    ------
    InputError
        If the potential is unknown or does not describe the structure, or there are fewer steps than snapshots.
    """
    resolve(settings.potential).check(structure.get_chemical_symbols(), name)
    check_friction(settings)
    if settings.pressure is not None:
        require_free(structure, name, "pressure")
        if count_open_directions(structure):
            what = "a particle in a box of empty space" if is_isolated(structure) else "what has vacuum, which would close"
            raise InputError(f"{name}: expected no pressure for {what}, got {settings.pressure:g} GPa")
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
    run = _Melt(settings, structure, task, planned)
    with tempfile.TemporaryDirectory() as folder:
        return run.through(Path(folder) / "melt.restart")


class _Melt:
    """One run, piece by piece."""

    def __init__(self, settings: MeltSettings, structure: Atoms, task: Task, planned: int) -> None:
        self.settings, self.structure, self.task, self.planned = settings, structure, task, planned
        self.fixed = fixed_coordinates(structure)
        self.keeper = Keeper(task, settings.name, settings.timestep, self.fixed)
        self.targets = _snapshots(settings, planned)
        self.steps = min(max(PIECE // len(structure), SHORTEST), LONGEST)

    def through(self, file: Path) -> SampleReport:
        """Run all pieces, ``file`` between each and the next."""
        checkpoint, step, longest = self.task.checkpoint, 0, 0.0
        if saved := self.keeper.load(self.task):
            file.write_bytes(saved.arrays["lammps"].tobytes())
            step = int(saved.values["step"])
        while True:
            began = time.monotonic()
            end = min(step + self.steps, self.planned)
            stopped = self._piece(step, end, file)
            if stopped or end == self.planned:
                return stopped or self.keeper.report(self.planned, self.planned)
            step, longest = end, max(longest, time.monotonic() - began)
            if checkpoint.due() or checkpoint.ends(longest):
                checkpoint.save({"lammps": np.frombuffer(file.read_bytes(), dtype=np.uint8)}, {"step": step})
            if checkpoint.ends(longest):
                return self.keeper.out_of_time(step, self.planned)

    def _piece(self, begin: int, end: int, file: Path) -> SampleReport | None:
        """Run from step ``begin`` to ``end``; return a report if the run ends here by itself."""
        settings, keeper, planned = self.settings, self.keeper, self.planned
        first, last = settings.temperature
        restart = file if begin else None
        with LammpsSimulation(self.structure, resolve(settings.potential), name=self.task.name, restart=restart) as simulation:
            simulation.commands(_dynamics(settings, self.task.seed, is_isolated(self.structure), begin // self.steps, self.fixed))
            step = begin
            for target in sorted({*(one for one in self.targets if begin < one <= end), end}):
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
                if step in self.targets:
                    keeper(atoms, step, first + (last - first) * step / planned, kinetic)
                    progress = f"{keeper.frames}/{settings.snapshots} frames"
                    self.task.say(f"{keeper.label}: step {step}/{planned}, {kinetic:.0f} K, {progress}")
            if end < planned:
                simulation.write_restart(file)
        return None


def _dynamics(settings: MeltSettings, seed: int, isolated: bool, piece: int, fixed: np.ndarray) -> list[str]:
    """Return the LAMMPS commands of the integrator, the thermostat and, for the first piece, velocities (time in ps, bar)."""
    first, last = settings.temperature
    velocities, noise = (int(number) for number in np.random.default_rng(seed).integers(1, 900_000_000, 2))
    if piece:
        noise = int(np.random.default_rng([seed, piece]).integers(1, 900_000_000))
    timestep, damping = f"timestep {settings.timestep * 1e-3!r}", settings.friction * 1e-3
    if fixed.any():
        return [timestep, *_held_dynamics(first, last, damping, velocities, noise, piece, fixed)]
    start = [f"velocity all create {first!r} {velocities} mom yes rot {'yes' if isolated else 'no'} dist gaussian loop all"]
    integrator = "nve"
    if settings.pressure is not None:
        bar = settings.pressure * 1e4
        integrator = f"nph iso {bar!r} {bar!r} {BAROSTAT * 1e-3!r}"
    return [
        timestep,
        *([] if piece else start),
        f"fix integrate all {integrator}",
        f"fix heat all langevin {first!r} {last!r} {damping!r} {noise} zero yes",
        *(["fix still all momentum 100 linear 1 1 1 angular rescale"] if isolated else []),
    ]


def _held_dynamics(
    first: float, last: float, damping: float, velocities: int, noise: int, piece: int, fixed: np.ndarray
) -> list[str]:
    """Return the commands for atoms of which coordinates ``fixed`` (N, 3) are still: no velocity, no force after the noise."""
    moves = np.asarray(~fixed.all(axis=1))
    partly = np.asarray(fixed & moves[:, None])
    groups, still, forces = [_group("moving", moves)], [], []
    for number, pattern in enumerate(np.unique(partly[partly.any(axis=1)], axis=0)):
        words = " ".join("0.0" if held else "NULL" for held in pattern)
        groups.append(_group(f"held{number}", (partly == pattern).all(axis=1)))
        still.append(f"velocity held{number} set {words} units box")
        forces.append(f"fix held{number} held{number} setforce {words}")
    start = [
        f"velocity moving create {first!r} {velocities} mom no rot no dist gaussian loop all",
        *still,
        f"velocity moving scale {first!r} temp moving_temperature",
    ]
    return [
        *groups,
        "compute moving_temperature moving temp",
        f"compute_modify moving_temperature extra/dof {int(partly.sum())}",
        "thermo_modify temp moving_temperature",
        *([] if piece else start),
        "fix integrate moving nve",
        f"fix heat moving langevin {first!r} {last!r} {damping!r} {noise} zero no",
        *forces,
    ]


def _group(name: str, members: np.ndarray) -> str:
    return f"group {name} id {' '.join(str(index + 1) for index in np.flatnonzero(members))}"


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
