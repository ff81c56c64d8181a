"""A run driven by the ensemble: phases of a temperature schedule, snapshots on the way, and two monitors that may end it.

When a monitor ends a run, the frames so far are kept, and so are the last sound states before the end, their origin marked with
``stopped``: they lie nearest to where the ensemble stops being right, and are what the next one must learn. Between the last look
and the end the states of all steps are still there: the last sound one is found among them by bisection.

A step that is looked at evaluates the members in place of their mean, which is their mean all the same: watching costs the
difference, and nothing else is computed twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.sampling.base import Driver, Keeper, SampleReport, Task
from alworkflows.sampling.checkpoint import Saved
from alworkflows.settings import DrivenDynamics
from alworkflows.simulation.dynamics import Langevin, State, evaluator, initial_state, kinetic_temperature, step
from alworkflows.simulation.monitors import DisagreementMonitor, ExplosionMonitor, Stop
from alworkflows.structures import fixed_coordinates

__all__ = ["Phase", "drive", "require_driver"]

#: arrays of a state
_ARRAYS = ("positions", "velocities", "cell", "forces", "stress")


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


@dataclass(frozen=True)
class _Sound:
    """A state in which nothing was wrong: positions (N, 3) and cell (3, 3) in A, step, temperatures in K, more of its origin."""

    positions: np.ndarray
    cell: np.ndarray
    step: int
    target: float
    kinetic: float
    more: dict[str, Any]


class _Run:
    """One run in progress: what is looked at every now and then, and the last states that were sound."""

    def __init__(self, settings: DrivenDynamics, atoms: Atoms, driver: Driver, upper: float | None, keeper: Keeper) -> None:
        self.explosion = ExplosionMonitor(settings.hottest, settings.shortest)
        self.disagreement = None if upper is None else DisagreementMonitor(driver, upper)
        self.scratch = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        self.keeper = keeper
        self.driver = driver
        self.sound: deque[_Sound] = deque(maxlen=settings.before_stop)
        self.unseen: list[_Sound] = []

    def look(self, state: State, number: int, target: float, kinetic: float, phase: Phase) -> Stop | None:
        """Return why the run must end here, or remember the state as sound; the driver was asked for the disagreement."""
        self.place(state.positions, state.cell)
        stop = self.explosion.fused(self.scratch)
        if stop:
            return stop
        more: dict[str, object] = {"phase": phase.label} if phase.label else {}
        if self.disagreement:
            value, stop = self.disagreement.compare(self.driver.results["disagreement"])
            more["disagreement"] = value
        if stop is None or not self.sound:
            # a first state on which the ensemble already disagrees is all there is to show
            self.sound.append(_Sound(state.positions, state.cell, number, target, kinetic, more))
        if stop is None:
            self.unseen.clear()
        return stop

    def pass_by(self, state: State, number: int, target: float, kinetic: float, phase: Phase) -> None:
        """Remember a state that nobody looks at, until the next look."""
        more: dict[str, object] = {"phase": phase.label} if phase.label else {}
        self.unseen.append(_Sound(state.positions, state.cell, number, target, kinetic, more))

    def approach(self) -> None:
        """Find the last sound state between the last look and a stop, as if disagreement only grew, and remember it."""
        begin, end, last = 0, len(self.unseen), None
        while begin < end:
            middle = (begin + end) // 2
            one = self.unseen[middle]
            self.place(one.positions, one.cell)
            stop, more = self.explosion.fused(self.scratch), dict(one.more)
            if stop is None and self.disagreement:
                more["disagreement"], stop = self.disagreement.look(self.scratch)
            if stop is None:
                begin, last = middle + 1, replace(one, more=more)
            else:
                end = middle
        if last:
            self.sound.append(last)

    def place(self, positions: np.ndarray, cell: np.ndarray) -> None:
        """Put a state into the scratch atoms."""
        self.scratch.arrays["positions"] = positions
        self.scratch.cell.array[:] = cell

    def keep_sound(self, stop: Stop | None = None) -> None:
        """Keep the last sound state, or all that are remembered if the run must stop; none is kept twice."""
        if stop:
            self.approach()
        for one in list(self.sound) if stop else list(self.sound)[-1:]:
            if one.step > self.keeper.last_step:
                self.place(one.positions, one.cell)
                marked = {"stopped": stop.reason} if stop else {}
                self.keeper(self.scratch, one.step, one.target, one.kinetic, **one.more, **marked)

    def save(self, state: State, number: int, driver: Driver, task: Task) -> None:
        """Write where the run stands: all that the next step, the next look and the next frame follow from."""
        arrays = {name: getattr(state, name) for name in _ARRAYS if getattr(state, name) is not None}
        arrays.update({f"driver_{name}": array for name, array in driver.state().items()})
        values = {"step": number, "energy": state.energy, "random": state.random.bit_generator.state}
        for name, kept in (("sound", self.sound), ("unseen", self.unseen)):
            if kept:
                arrays[f"{name}_positions"] = np.array([one.positions for one in kept])
                arrays[f"{name}_cells"] = np.array([one.cell for one in kept])
            values[name] = [[one.step, one.target, one.kinetic, one.more] for one in kept]
        task.checkpoint.save(arrays, values)

    def restore(self, saved: Saved, random: np.random.Generator, driver: Driver) -> tuple[State, int]:
        """Return the state and the step at which :meth:`save` was called."""
        arrays, values = saved.arrays, saved.values
        random.bit_generator.state = values["random"]
        driver.restore({name.removeprefix("driver_"): array for name, array in arrays.items() if name.startswith("driver_")})
        remembered: dict[str, Any] = {"sound": self.sound, "unseen": self.unseen}
        for name, states in remembered.items():
            for k, rest in enumerate(values[name]):
                states.append(_Sound(arrays[f"{name}_positions"][k], arrays[f"{name}_cells"][k], *rest))
        kept = {name: arrays.get(name) for name in _ARRAYS}
        return State(**kept, energy=values["energy"], random=random), int(values["step"])  # type: ignore[arg-type]


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
    masses, fixed = atoms.get_masses(), fixed_coordinates(atoms)
    constant_volume = all(phase.pressure is None for phase in phases)
    evaluate = evaluator(driver, atoms, stress=not constant_volume)
    watch = evaluator(driver, atoms, stress=not constant_volume, also=["disagreement"]) if task.upper is not None else evaluate
    run = _Run(settings, atoms, driver, task.upper, keeper)
    stop: Stop | None = None
    saved = keeper.load(task)
    if saved:
        state, number = run.restore(saved, random, driver)
    else:
        langevin = Langevin(masses, settings.timestep, settings.friction, fixed=fixed)
        state, number = initial_state(atoms, langevin, watch, phases[0].start, random), 0
        stop = run.look(state, 0, phases[0].start, kinetic_temperature(state.velocities, masses, langevin.freedom), phases[0])
    wanted, begin = set(snapshots), 0
    report_every = max(1, planned // 20)
    for phase in phases:
        langevin = Langevin(masses, settings.timestep, settings.friction, phase.pressure, fixed)
        for done in range(number - begin + 1, phase.steps + 1):
            if stop:
                break
            target = phase.target(done)
            number += 1
            is_looked_at = number in wanted or number % settings.watch_every == 0
            state = step(state, langevin, watch if is_looked_at else evaluate, target)
            kinetic = kinetic_temperature(state.velocities, masses, langevin.freedom)
            stop = run.explosion.hot(kinetic, target)
            if stop is None and is_looked_at:
                stop = run.look(state, number, target, kinetic, phase)
                if stop is None and number in wanted:
                    run.keep_sound()
            elif stop is None:
                run.pass_by(state, number, target, kinetic, phase)
            if number % report_every == 0:
                task.say(f"{keeper.label}: step {number}/{planned}, {kinetic:.0f} K, {keeper.frames}/{len(wanted)} frames")
            if stop is None and task.checkpoint.due():
                run.save(state, number, driver, task)
                if task.checkpoint.ends() and number < planned:
                    return keeper.out_of_time(number, planned)
        begin += phase.steps
    if stop:
        run.keep_sound(stop)
        return keeper.report(number, planned, stop.reason, f"step {number}: {stop.message}")
    return keeper.report(number, planned)
