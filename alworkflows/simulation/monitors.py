"""Monitors: what ends a run before its time, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms

from alworkflows.structures.geometry import close_pairs

__all__ = ["DISAGREEMENT", "EXPLODED", "DisagreementMonitor", "Disagrees", "ExplosionMonitor", "Stop"]

EXPLODED = "exploded"
DISAGREEMENT = "disagreement"


@dataclass(frozen=True)
class Stop:
    """Why a run ended: a code, and a sentence with the numbers."""

    reason: str
    message: str


class Disagrees(Protocol):
    """Anything that tells how far the members of an ensemble disagree."""

    def disagreement(self, atoms: Atoms) -> np.ndarray:
        """Return the deviation of the forces at each atom (N,), eV/A."""


@dataclass(frozen=True)
class ExplosionMonitor:
    """Too hot, not finite, or two atoms fused.

    Parameters
    ----------
    hottest : float
        Allowed kinetic temperature over the target.
    shortest : float
        Allowed distance over the sum of covalent radii.
    """

    hottest: float
    shortest: float

    def hot(self, kinetic: float, target: float) -> Stop | None:
        """Return a stop if the kinetic temperature (K) is too high or not a number; cheap enough for every step."""
        if kinetic <= self.hottest * target:
            return None
        if not np.isfinite(kinetic):
            return Stop(EXPLODED, "velocities are not finite")
        return Stop(EXPLODED, f"kinetic temperature {kinetic:.0f} K is above {self.hottest:g} times the target of {target:.0f} K")

    def fused(self, atoms: Atoms) -> Stop | None:
        """Return a stop if positions are not finite or two atoms are too near."""
        if not np.isfinite(atoms.positions).all():
            return Stop(EXPLODED, "positions are not finite")
        i, j, distances = close_pairs(atoms.numbers, atoms.positions, np.asarray(atoms.cell), atoms.pbc, self.shortest)
        if len(distances) == 0:
            return None
        pair = f"atoms {i[0]} ({atoms.symbols[i[0]]}) and {j[0]} ({atoms.symbols[j[0]]})"
        return Stop(
            EXPLODED, f"{pair} are {distances[0]:.3f} A apart, below {self.shortest:g} of the sum of their covalent radii"
        )


@dataclass(frozen=True)
class DisagreementMonitor:
    """The members' largest deviation over the atoms is above ``upper`` (eV/A)."""

    driver: Disagrees
    upper: float

    def look(self, atoms: Atoms) -> tuple[float, Stop | None]:
        """Return the disagreement of the atoms as they are (eV/A), and a stop if it is too large or not a number."""
        return self.compare(self.driver.disagreement(atoms))

    def compare(self, deviation: np.ndarray) -> tuple[float, Stop | None]:
        """Return the same from the deviation of the forces at each atom (N,), eV/A."""
        value = float(np.max(deviation))
        if value <= self.upper:
            return value, None
        return value, Stop(
            DISAGREEMENT, f"the ensemble disagrees by {value:.3g} eV/A, above the upper level of {self.upper:.3g} eV/A"
        )
