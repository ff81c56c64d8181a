"""Frames labelled by a planted linear model, so that a fit has an answer to find."""

import numpy as np
import pytest
from planted import LEVELS, SETTINGS, SPECIES, structure

from alworkflows.descriptors import build
from alworkflows.frames import attach_labels
from alworkflows.settings import FitSettings, LinearSettings


@pytest.fixture(scope="session")
def planted():
    """Weights of which six count."""
    descriptors = build(SETTINGS, SPECIES)
    scale = np.abs(descriptors.values(structure(1))).max(axis=0)
    weights = np.zeros(descriptors.size)
    chosen = np.random.default_rng(7).choice(np.flatnonzero(scale > 1e-3), size=6, replace=False)
    weights[chosen] = np.random.default_rng(8).uniform(0.5, 2.0, size=6) / scale[chosen]
    return weights


@pytest.fixture(scope="session")
def labelled(planted):
    """Return a function that makes frames with labels of the planted model, and noise on the forces (eV/A) if asked for."""
    descriptors = build(SETTINGS, SPECIES)

    def _labelled(count, first=0, noise=0.0):
        frames = []
        for seed in range(first, first + count):
            atoms = structure(seed)
            design = descriptors.design(atoms)
            symbols = atoms.get_chemical_symbols()
            energy = design.energy @ planted + sum(level * symbols.count(s) for level, s in zip(LEVELS, SPECIES, strict=True))
            forces = (design.forces @ planted).reshape(-1, 3)
            forces += noise * np.random.default_rng(1000 + seed).normal(size=forces.shape)
            frames.append(attach_labels(atoms, energy, forces, design.stress @ planted))
        return frames

    return _labelled


@pytest.fixture
def settings():
    """Return a function that makes model settings."""

    def _settings(members=3, folds=5, **fit):
        return LinearSettings(
            descriptors=SETTINGS, fit=FitSettings(**{"rows_per_term": 3.0, **fit}), members=members, folds=folds
        )

    return _settings
