"""The descriptors, species and structures of the planted linear model."""

import numpy as np
from ase.build import bulk

from alworkflows.settings import PlipSettings

SETTINGS = PlipSettings.gaussians((1.5, 2.5, 3.5), (0.5, 1.5), l=(1, 2), m=(2,), cutoff=4.5)
SPECIES = ("Zn", "O")
LEVELS = np.array([-1.3, -4.2])


def structure(seed):
    """A rattled, strained cell; the number of formula units differs, and so does the composition."""
    rng = np.random.default_rng(seed)
    atoms = bulk("ZnO", "zincblende", a=4.6, cubic=False).repeat((2, 1 + seed % 2, 1))
    atoms.set_cell(atoms.cell[:] @ (np.eye(3) + 0.03 * rng.normal(size=(3, 3))), scale_atoms=True)
    atoms.rattle(0.2, seed=seed)
    if seed % 3 == 0:
        del atoms[-1]
    return atoms
