"""A committee of three random models of few terms, and frames of two species to look at it with."""

import numpy as np
import pytest
from ase.build import bulk

from alworkflows.descriptors import build
from alworkflows.models import Ensemble, LinearModel
from alworkflows.settings import PlipSettings

SETTINGS = PlipSettings.gaussians((1.5, 2.5, 3.5), (0.5, 1.5), l=(0, 1, 2), m=(2, 3), cutoff=4.5)
SPECIES = ("Zn", "O")


@pytest.fixture(scope="session")
def ensemble():
    descriptors = build(SETTINGS, SPECIES)
    rng = np.random.default_rng(3)
    chosen = rng.choice(descriptors.size, size=descriptors.size // 3, replace=False)
    members = []
    for _ in range(3):
        weights = np.zeros(descriptors.size)
        weights[chosen] = rng.normal(size=len(chosen))
        members.append(LinearModel(SETTINGS, SPECIES, weights, np.array([-1.0, -2.0])))
    return Ensemble(members)


@pytest.fixture(scope="session")
def frames():
    rattled = []
    for seed in range(4):
        atoms = bulk("ZnO", "zincblende", a=4.6).repeat((2, 2, 1))
        atoms.rattle(0.2, seed=seed)
        rattled.append(atoms)
    return rattled
