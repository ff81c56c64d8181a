"""What the stand-in computes in place of a density functional: a Morse potential between any two species, and spin."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress

#: A; pairs go smoothly to nothing between the two
INNER, OUTER = 4.0, 5.0
#: 1/A
STEEPNESS = 1.4
#: eV / mu_B^2
EXCHANGE = 0.05


class Pairs(Calculator):
    """E = sum over pairs of D_ij ((1 - exp(-a (r - r_ij)))^2 - 1) f(r); D and r of a pair follow from its atomic numbers.

    ``stiffness`` multiplies all D.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, stiffness: float = 1.0) -> None:
        super().__init__()
        self.stiffness = stiffness

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        i, j, distance, vector = neighbor_list("ijdD", self.atoms, OUTER)
        numbers = self.atoms.numbers
        depth = self.stiffness * 0.1 * (numbers[i] * numbers[j]) ** 0.25
        place = 1.1 * (covalent_radii[numbers[i]] + covalent_radii[numbers[j]])
        fade, fade_slope = _fade(distance)
        wave = np.exp(-STEEPNESS * (distance - place))
        value = depth * ((1.0 - wave) ** 2 - 1.0)
        slope = depth * 2.0 * (1.0 - wave) * STEEPNESS * wave
        pull = (slope * fade + value * fade_slope) / distance
        forces = np.zeros((len(self.atoms), 3))
        np.add.at(forces, i, pull[:, None] * vector)
        # each pair is listed from both its ends
        stress = 0.5 * np.einsum("p,pa,pb->ab", pull, vector, vector) / self.atoms.get_volume()
        energy = 0.5 * float((value * fade).sum())
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": forces,
            "stress": full_3x3_to_voigt_6_stress(stress),
        }


def _fade(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a switch from 1 to 0 with two continuous derivatives, and its slope."""
    x = np.clip((distance - INNER) / (OUTER - INNER), 0.0, 1.0)
    return 1.0 - x**3 * (10.0 - 15.0 * x + 6.0 * x**2), -30.0 * x**2 * (1.0 - x) ** 2 / (OUTER - INNER)


def spin_energy(moments: np.ndarray) -> float:
    """Return the energy (eV) of the moments (mu_B), which is lower the larger they are."""
    return -EXCHANGE * float((np.asarray(moments) ** 2).sum())
