r"""Langevin dynamics of any model that gives forces: numpy on explicit state, some tens of microseconds a step beyond the forces.

The splitting is BAOAB (Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34, doi:10.1093/amrx/abs010):

.. math:: v \mathrel{+}= \tfrac{h}{2} F/m; \quad x \mathrel{+}= \tfrac{h}{2} v; \quad
   v = c_1 v + \sqrt{(1 - c_1^2) k T / m}\; \xi; \quad x \mathrel{+}= \tfrac{h}{2} v; \quad v \mathrel{+}= \tfrac{h}{2} F/m

with :math:`c_1 = e^{-h/\tau}`. The noise has no net momentum: the centre of mass rests, 3N - 3 degrees of freedom are thermal.
Coordinates that are held still have neither force nor noise nor velocity. What holds them takes up momentum, so that the centre
of mass of the others is free, and all coordinates that move are thermal.

Constant pressure is isotropic stochastic cell rescaling (Bernetti and Bussi, J. Chem. Phys. 153, 114107 (2020),
doi:10.1063/5.0020514):

.. math:: d\ln V = -\frac{\beta}{\tau_p} (P_0 - P)\, dt + \sqrt{\frac{2 k T \beta}{V \tau_p}}\; dW

applied between the two drifts, with the pressure of the step's beginning. Only :math:`\beta / \tau_p` enters, and it sets how
fast the volume responds, not its distribution.

=================  =====================================================
symbol             here
=================  =====================================================
h, :math:`\tau`    ``timestep``, ``friction`` (damping time), fs
m, x, v, F         ``masses`` (amu), ``positions`` (A), ``velocities`` (A / ASE's unit of time), ``forces`` (eV/A)
T                  ``temperature``, K
:math:`P_0`        ``pressure``, GPa
=================  =====================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import all_changes

__all__ = ["Calculates", "Evaluate", "Langevin", "State", "evaluator", "initial_state", "kinetic_temperature", "step"]

#: Positions (N, 3) and cell (3, 3) in A; gives energy (eV), forces (N, 3) (eV/A) and stress (6,) (eV/A^3) or None.
Evaluate = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, np.ndarray | None]]

#: Volume response beta / tau_p of the barostat: a compressibility of 1 / (100 GPa) over 1 ps, in ASE units.
_VOLUME_RESPONSE = 1.0 / (100.0 * units.GPa) / (1000.0 * units.fs)
#: Largest change of ln V in one step.
_LARGEST_STRAIN = 0.1


class Calculates(Protocol):
    """The part of an ASE calculator that dynamics need."""

    results: dict[str, Any]

    def calculate(self, atoms: Atoms, properties: list[str], system_changes: list[str]) -> None:
        """Fill ``results``."""


@dataclass(frozen=True, slots=True)
class State:
    """All that the next step follows from. Its arrays are never changed in place; the generator moves on with each step."""

    positions: np.ndarray
    velocities: np.ndarray
    cell: np.ndarray
    energy: float
    forces: np.ndarray
    stress: np.ndarray | None
    random: np.random.Generator


class Langevin:
    """What stays the same from step to step.

    Parameters
    ----------
    masses : (N,) float
        amu.
    timestep, friction : float
        Step and damping time of the thermostat, fs; an infinite damping time gives dynamics at constant energy.
    pressure : float, optional
        GPa; none: constant volume.
    fixed : (N, 3) bool, optional
        Coordinates that are held still; none, or none of them: all move.
    """

    def __init__(
        self,
        masses: np.ndarray,
        timestep: float,
        friction: float,
        pressure: float | None = None,
        fixed: np.ndarray | None = None,
    ) -> None:
        self.masses = np.asarray(masses, dtype=float)
        self.timestep = timestep * units.fs
        self.pressure = None if pressure is None else pressure * units.GPa
        self.decay = math.exp(-timestep / friction)
        self.kick = 0.5 * self.timestep / self.masses[:, None]
        self.noise = math.sqrt(1.0 - self.decay**2) / np.sqrt(self.masses)[:, None]
        self.shares = self.masses / self.masses.sum()
        self.free = None if fixed is None or not fixed.any() else ~fixed
        if self.free is not None:
            self.kick, self.noise = self.kick * self.free, self.noise * self.free
        self.freedom = 3 * len(self.masses) - 3 if self.free is None else int(self.free.sum())


def kinetic_temperature(velocities: np.ndarray, masses: np.ndarray, freedom: int | None = None) -> float:
    """Return 2 K / (f k), K, of velocities (N, 3) with f degrees of freedom; NaN and infinity pass through.

    None: 3 N - 3, of atoms that all move, without net momentum.
    """
    count = 3 * len(masses) - 3 if freedom is None else freedom
    return float(masses @ np.einsum("ij,ij->i", velocities, velocities)) / (count * units.kB)


def initial_state(atoms: Atoms, langevin: Langevin, evaluate: Evaluate, temperature: float, random: np.random.Generator) -> State:
    """Return the atoms with Maxwell velocities at ``temperature`` (K), without net momentum where all move, and first forces."""
    velocities = np.sqrt(units.kB * temperature / langevin.masses)[:, None] * random.standard_normal((len(atoms), 3))
    velocities = velocities - langevin.shares @ velocities if langevin.free is None else velocities * langevin.free
    positions, cell = atoms.get_positions(), np.array(atoms.cell)
    energy, forces, stress = evaluate(positions, cell)
    return State(positions, velocities, cell, energy, forces, stress, random)


def step(state: State, langevin: Langevin, evaluate: Evaluate, temperature: float) -> State:
    """Return the state one time step later, the thermostat at ``temperature`` (K)."""
    half = 0.5 * langevin.timestep
    velocities = state.velocities + langevin.kick * state.forces
    positions = state.positions + half * velocities
    noise = state.random.standard_normal(velocities.shape)
    velocities = langevin.decay * velocities + math.sqrt(units.kB * temperature) * langevin.noise * noise
    if langevin.free is None:
        velocities -= langevin.shares @ velocities
    cell = state.cell
    if langevin.pressure is not None:
        scale = _scale(state, langevin, langevin.pressure, temperature)
        positions, cell, velocities = positions * scale, cell * scale, velocities / scale
    positions = positions + half * velocities
    energy, forces, stress = evaluate(positions, cell)
    velocities = velocities + langevin.kick * forces
    return State(positions, velocities, cell, energy, forces, stress, state.random)


def _scale(state: State, langevin: Langevin, pressure: float, temperature: float) -> float:
    """Return the factor by which lengths change in one step of stochastic cell rescaling."""
    if state.stress is None:
        raise ValueError("constant pressure needs stresses, and the model gave none")
    volume = abs(float(np.linalg.det(state.cell)))
    twice_kinetic = float(langevin.masses @ np.einsum("ij,ij->i", state.velocities, state.velocities))
    inside = twice_kinetic / (3.0 * volume) - float(state.stress[:3].sum()) / 3.0
    spread = math.sqrt(2.0 * units.kB * temperature * _VOLUME_RESPONSE * langevin.timestep / volume)
    strain = _VOLUME_RESPONSE * langevin.timestep * (inside - pressure) + spread * float(state.random.standard_normal())
    return math.exp(min(max(strain, -_LARGEST_STRAIN), _LARGEST_STRAIN) / 3.0)


def evaluator(calculator: Calculates, atoms: Atoms, stress: bool = False, also: Sequence[str] = ()) -> Evaluate:
    """Return ``calculator`` as a function of positions and cell for these atoms, past ASE's caches and comparisons.

    Forces and stress that it returns are the calculator's own arrays. What is asked for ``also`` is found in its ``results``.
    """
    scratch = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    wanted = ["energy", "forces", *(["stress"] if stress else []), *also]

    def evaluate(positions: np.ndarray, cell: np.ndarray) -> tuple[float, np.ndarray, np.ndarray | None]:
        scratch.arrays["positions"] = positions
        scratch.cell.array[:] = cell
        calculator.calculate(scratch, wanted, all_changes)
        results = calculator.results
        return results["energy"], results["forces"], results.get("stress") if stress else None

    return evaluate
