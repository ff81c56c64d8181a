"""What the models' tests share."""

import numpy as np
import pytest
from ase.calculators.morse import MorsePotential
from planted import structure

from alworkflows.frames import attach_labels

pytest.register_assert_rewrite("model_contract")


@pytest.fixture(scope="session")
def bonded():
    """Return a function that makes frames labelled by a pair potential, which two-body terms can learn."""

    def _bonded(count, first=0):
        frames = []
        for seed in range(first, first + count):
            atoms = structure(seed)
            atoms.calc = MorsePotential(epsilon=0.5, r0=2.3, rho0=4.0, rcut1=1.7, rcut2=2.1)
            energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
            atoms.calc = None
            frames.append(attach_labels(atoms, energy, np.array(forces), np.array(stress)))
        return frames

    return _bonded
