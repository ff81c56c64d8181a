"""A run driven by the ensemble: phases of a temperature schedule, snapshots on the way, and two monitors that may end it.

When a monitor ends a run, the frames so far are kept, and so are the last sound states before the end, their origin marked with
``stopped``: they lie nearest to where the ensemble stops being right, and are what the next one must learn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.sampling.base import Driver, Keeper, SampleReport, Task
from alworkflows.settings import DrivenDynamics
from alworkflows.simulation.dynamics import Langevin, State, evaluator, initial_state, kinetic_temperature, step
from alworkflows.simulation.monitors import DisagreementMonitor, ExplosionMonitor, Stop

__all__ = ["Phase", "drive", "require_driver"]


@dataclass(frozen=True)
class Phase:
    """Steps in which the target goes linearly from ``start`` to ``end`` (K), at a pressure (GPa) or constant volume."""

    steps: int
    start: float
    end: float
    label: str | None = None
    pressure: float | None = None

    def target(self, done: int) -> float:
        """Return the target temperature after ``done`` of its steps, K."""
        return self.start + (self.end - self.start) * done / self.steps


def require_driver(driver: Driver | None, sampler: str) -> Driver:
    """Return the driver.

    Raises
    ------
    InputError
        If there is none, or it does not tell the members' disagreement.
    """
    if driver is None:
        raise InputError(f"{sampler}: expected an ensemble to drive the dynamics, got none")
    if not callable(getattr(driver, "disagreement", None)):
        raise InputError(f"{sampler}: expected an ensemble's calculator, with 'disagreement', got {type(driver).__name__}")
    return driver


class _Run:
    """One run in progress: what is looked at every now and then, and the last states that were sound."""

    def __init__(self, settings: DrivenDynamics, atoms: Atoms, driver: Driver, upper: float | None, keeper: Keeper) -> None:
        self.explosion = ExplosionMonitor(settings.hottest, settings.shortest)
        self.disagreement = None if upper is None else DisagreementMonitor(driver, upper)
        self.scratch = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        self.keeper = keeper
        self.sound: deque[tuple[State, int, float, float, dict[str, object]]] = deque(maxlen=settings.before_stop)

    def look(self, state: State, number: int, target: float, kinetic: float, phase: Phase) -> Stop | None:
        """Return why the run must end here, or remember the state as sound."""
        self.place(state)
        stop = self.explosion.fused(self.scratch)
        if stop:
            return stop
        more: dict[str, object] = {"phase": phase.label} if phase.label else {}
        if self.disagreement:
            value, stop = self.disagreement.look(self.scratch)
            more["disagreement"] = value
        if stop is None or not self.sound:
            # a first state on which the ensemble already disagrees is all there is to show
            self.sound.append((state, number, target, kinetic, more))
        return stop

    def place(self, state: State) -> None:
        """Put a state into the scratch atoms."""
        self.scratch.arrays["positions"] = state.positions
        self.scratch.cell.array[:] = state.cell

    def keep_sound(self, stop: Stop | None = None) -> None:
        """Keep the last sound state, or all that are remembered if the run must stop; none is kept twice."""
        for state, number, target, kinetic, more in list(self.sound) if stop else list(self.sound)[-1:]:
            if number > self.keeper.last_step:
                self.place(state)
                self.keeper(self.scratch, number, target, kinetic, **more, **({"stopped": stop.reason} if stop else {}))


def drive(
    settings: DrivenDynamics,
    atoms: Atoms,
    phases: Sequence[Phase],
    snapshots: Sequence[int],
    keeper: Keeper,
    driver: Driver,
    task: Task,
) -> SampleReport:
    """Run the phases one after the other and keep the state at each step in ``snapshots``.

    Raises
    ------
    InputError
        If the driver cannot describe the atoms.
    """
    planned = sum(phase.steps for phase in phases)
    random = np.random.default_rng(task.seed)
    masses = atoms.get_masses()
    constant_volume = all(phase.pressure is None for phase in phases)
    evaluate = evaluator(driver, atoms, stress=not constant_volume)
    run = _Run(settings, atoms, driver, task.upper, keeper)
    langevin = Langevin(masses, settings.timestep, settings.friction)
    state = initial_state(atoms, langevin, evaluate, phases[0].start, random)
    stop = run.look(state, 0, phases[0].start, kinetic_temperature(state.velocities, masses), phases[0])
    wanted, number = set(snapshots), 0
    report_every = max(1, planned // 20)
    for phase in phases:
        langevin = Langevin(masses, settings.timestep, settings.friction, phase.pressure)
        for done in range(1, phase.steps + 1):
            if stop:
                run.keep_sound(stop)
                return keeper.report(number, planned, stop.reason, f"step {number}: {stop.message}")
            target = phase.target(done)
            state = step(state, langevin, evaluate, target)
            number += 1
            kinetic = kinetic_temperature(state.velocities, masses)
            stop = run.explosion.hot(kinetic, target)
            if stop is None and (number in wanted or number % settings.watch_every == 0):
                stop = run.look(state, number, target, kinetic, phase)
                if stop is None and number in wanted:
                    run.keep_sound()
            if number % report_every == 0:
                task.say(f"{keeper.label}: step {number}/{planned}, {kinetic:.0f} K, {keeper.frames}/{len(wanted)} frames")
    if stop:
        run.keep_sound(stop)
        return keeper.report(number, planned, stop.reason, f"step {number}: {stop.message}")
    return keeper.report(number, planned)
