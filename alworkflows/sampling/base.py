"""What every sampler takes and gives."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.sampling.checkpoint import OUT_OF_TIME, Checkpoint, Saved
from alworkflows.settings import Dynamics
from alworkflows.structures import fixed_coordinates, hold

__all__ = [
    "Driver",
    "Keep",
    "Keeper",
    "Progress",
    "SampleReport",
    "StillKeeper",
    "Task",
    "check_friction",
    "require_free",
    "snapshot_steps",
    "whole_steps",
]

Keep = Callable[[Atoms], None]
Progress = Callable[[str], None]


class Driver(Protocol):
    """What drives a model's dynamics: an ASE calculator that also knows how far its members disagree."""

    results: dict[str, Any]

    def calculate(self, atoms: Atoms, properties: list[str], system_changes: list[str]) -> None:
        """Fill ``results``, as ASE's calculators do; asked for ``disagreement``, with what :meth:`disagreement` returns too."""

    def disagreement(self, atoms: Atoms) -> np.ndarray:
        """Return the deviation of the members' forces at each atom (N,), eV/A."""

    def state(self) -> dict[str, np.ndarray]:
        """Return what the last bits of results follow from besides the atoms, such as a neighbour list; nothing: an empty one."""

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a state."""


@dataclass(frozen=True)
class SampleReport:
    """What came of one sampling run."""

    sampler: str
    frames: int
    steps: int
    steps_planned: int
    stopped: str | None
    message: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON dictionary."""
        return asdict(self)


@dataclass(frozen=True)
class Task:
    """One run of a sampler, whatever it starts from.

    ``name``: of the structure, for the frames' origin; ``seed``: the same one gives the same frames; ``keep``: gets every frame
    as soon as it is made; ``driver``: the ensemble, for samplers that it drives; ``upper``: disagreement (eV/A) above which such
    a run stops, None: it is not watched; ``progress``: gets a line of text now and then; ``checkpoint``: where the run goes on
    from and when it must stop.
    """

    name: str
    seed: int
    keep: Keep
    driver: Driver | None = None
    upper: float | None = None
    progress: Progress | None = None
    checkpoint: Checkpoint = field(default_factory=Checkpoint)

    def say(self, message: str) -> None:
        """Report progress, if anyone listens."""
        if self.progress:
            self.progress(message)


class Keeper:
    """Hand frames over as they are made, each with its origin and the coordinates (N, 3) held still, and count them."""

    def __init__(self, task: Task, sampler: str, timestep: float, fixed: np.ndarray) -> None:
        self._keep, self._timestep, self._fixed = task.checkpoint.keeping(task.keep), timestep, fixed
        self._origin = {"structure": task.name, "sampler": sampler, "seed": int(task.seed)}
        self._sampler = sampler
        self.label = f"{sampler} {task.name}"
        self._began = time.perf_counter()
        self.frames = 0
        self.last_step = -1

    def __call__(self, atoms: Atoms, step: int, temperature: float, kinetic: float, **more: Any) -> None:
        """Keep a copy of the atoms at ``step``, with the target's and the kinetic temperature (K); ``more`` joins the origin."""
        frame = _frame(atoms, self._fixed)
        frame.info["origin"] = {
            **self._origin,
            "step": int(step),
            "time_fs": float(step * self._timestep),
            "temperature": round(float(temperature), 3),
            "kinetic_temperature": round(float(kinetic), 3),
            **more,
        }
        self._keep(frame)
        self.frames += 1
        self.last_step = step

    def load(self, task: Task) -> Saved | None:
        """Return where an earlier process left the run, whose frames are handed over and counted; None if it has not begun."""
        saved = task.checkpoint.load(self._again)
        if saved:
            task.say(f"{self.label}: goes on from step {saved.values['step']}, {self.frames} frames")
        return saved

    def _again(self, frame: Atoms) -> None:
        hold(frame, self._fixed)
        self._keep(frame)
        self.frames += 1
        self.last_step = frame.info["origin"]["step"]

    def out_of_time(self, steps: int, planned: int) -> SampleReport:
        """Return the report of a run that goes on in another process."""
        return self.report(steps, planned, OUT_OF_TIME, f"step {steps} of {planned}: out of time, to be gone on with")

    def report(self, steps: int, planned: int, stopped: str | None = None, message: str = "") -> SampleReport:
        """Return the report of the run that ends here."""
        seconds = time.perf_counter() - self._began
        return SampleReport(self._sampler, self.frames, steps, planned, stopped, message, round(seconds, 3))


class StillKeeper:
    """Hand frames over that no dynamics made, each with its origin, and count them."""

    def __init__(self, task: Task, sampler: str) -> None:
        self._keep, self._sampler = task.keep, sampler
        self._origin = {"structure": task.name, "sampler": sampler, "seed": int(task.seed)}
        self._began = time.perf_counter()
        self.frames = 0

    def __call__(self, atoms: Atoms, **more: Any) -> None:
        """Keep a copy of the atoms; ``more`` joins the origin."""
        frame = _frame(atoms, fixed_coordinates(atoms))
        frame.info["origin"] = {**self._origin, **more}
        self._keep(frame)
        self.frames += 1

    def report(self, planned: int) -> SampleReport:
        """Return the report of all that was made."""
        seconds = time.perf_counter() - self._began
        return SampleReport(self._sampler, self.frames, self.frames, planned, None, "", round(seconds, 3))


def _frame(atoms: Atoms, fixed: np.ndarray) -> Atoms:
    """Return a copy of the atoms in their cell, with the coordinates (N, 3) that are held still as constraints."""
    frame = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    frame.wrap()
    if fixed.any():
        hold(frame, fixed)
    return frame


def check_friction(settings: Dynamics) -> None:
    """Raise an :class:`InputError` if the thermostat would damp within less than two steps."""
    if settings.friction < 2 * settings.timestep:
        raise InputError(f"friction: expected at least two steps ({2 * settings.timestep:g} fs), got {settings.friction:g} fs")


def require_free(structure: Atoms, name: str, what: str) -> None:
    """Raise an :class:`InputError` if constraints hold atoms of a structure whose cell is to change."""
    held = int(fixed_coordinates(structure, name).any(axis=1).sum())
    if held:
        raise InputError(f"{name}: expected no {what} with atoms held still, whose cell does not change; got {held} of them")


def whole_steps(duration: float, timestep: float) -> int:
    """Return how many steps a duration takes, at least one; both in fs."""
    return max(1, round(duration / timestep))


def snapshot_steps(begin: int, end: int, count: int, what: str) -> list[int]:
    """Return ``count`` steps, evenly spaced in (begin, end], the last one at the end.

    Raises
    ------
    InputError
        If there are fewer steps than snapshots.
    """
    if count > end - begin:
        raise InputError(f"{what}: expected at least as many steps as snapshots ({count}), got {end - begin}")
    return [begin + round((end - begin) * (k + 1) / count) for k in range(count)]
