"""Frames at the edge of what can be described."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alworkflows.descriptors import build
from alworkflows.schema import parse
from alworkflows.settings import PlipSettings

SPECIES = ("Zn", "O", "Cu")
MIXED = {
    "functions": [
        {"family": "gaussian", "centres": [1.0, 2.0, 3.5], "widths": [0.5, 1.5]},
        {"family": "slater", "powers": [-1, 1], "decays": [2.0]},
        {"family": "lennard-jones", "sigmas": [1.5, 2.0]},
    ],
    "l": [0, 1, 3],
    "m": [2, 4],
    "cutoff": 4.5,
}


@pytest.fixture(scope="module")
def descriptors():
    return build(parse(PlipSettings, MIXED), SPECIES)


def columns(descriptors, *species):
    """Return whether each column has these species alone."""
    return np.array([set(term.species) <= set(species) for term in descriptors.terms])


def test_a_species_without_neighbours_leaves_its_columns_empty(descriptors):
    atoms = bulk("ZnO", "zincblende", a=4.6, cubic=True)
    atoms.rattle(0.1, seed=0)
    design, here = descriptors.design(atoms), columns(descriptors, "Zn", "O")
    for rows in (design.energy, design.forces, design.stress):
        assert not rows[..., ~here].any()
    # the others are those of a model that knows no third species
    small = build(descriptors.settings, ("Zn", "O"))
    order = [small.names.index(name) for name, kept in zip(descriptors.names, here, strict=True) if kept]
    np.testing.assert_allclose(design.forces[:, here], small.design(atoms).forces[:, order], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("distance", [1e-6, 0.01, 0.1, 0.3, 0.5])
def test_atoms_almost_at_the_same_place_are_finite_and_push(descriptors, distance):
    design = descriptors.design(Atoms("ZnO", [[0, 0, 0], [distance, 0, 0]]))
    assert np.isfinite(design.energy).all()
    assert np.isfinite(design.forces).all()
    column = next(
        i
        for i, term in enumerate(descriptors.terms)
        if term.function.family == "lennard-jones" and set(term.species) == {"Zn", "O"}
    )
    assert design.forces[3, column] > 0 > design.forces[0, column]
