"""Frames at the edge of what can be described: right answers, or one clear error."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alworkflows.descriptors import build
from alworkflows.errors import InputError
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


def test_a_thin_cell_is_its_supercell(descriptors):
    thin = Atoms("ZnO", [[0.1, 0.2, 0.3], [0.9, 1.6, 2.9]], cell=[[1.9, 0, 0], [0.3, 3.2, 0], [0, 0.4, 5.8]], pbc=True)
    assert min(thin.cell.lengths()) < 0.5 * descriptors.cutoff
    large = thin.repeat((5, 3, 2))  # no longer thinner than the cutoff
    one, many = descriptors.design(thin), descriptors.design(large)
    assert np.abs(one.forces).max() > 1.0
    np.testing.assert_allclose(many.energy, 30 * one.energy, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        many.forces, np.tile(one.forces, (30, 1)), rtol=1e-8, atol=1e-8 * np.abs(one.forces).max(axis=0).max()
    )
    np.testing.assert_allclose(many.stress, one.stress, rtol=1e-8, atol=1e-9 * np.abs(one.stress).max())


def test_an_atom_in_a_cell_of_its_own(descriptors):
    atoms = bulk("Cu", "fcc", a=3.6)
    found = descriptors.design(atoms)
    bonds = descriptors.design(atoms.repeat(4)).energy / 64
    assert np.abs(found.energy).max() > 1.0
    np.testing.assert_allclose(found.energy, bonds, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.forces, 0.0, atol=1e-9 * np.abs(found.energy).max())  # its images go with it
    assert np.abs(found.stress).max() > 1e-3


def test_an_atom_out_of_reach_changes_nothing(descriptors):
    near = Atoms("ZnOZn", [[0, 0, 0], [1.9, 0, 0.2], [0.3, 2.4, 0]])
    far = near + Atoms("Cu", [[40.0, 0, 0]])
    one, more = descriptors.design(near), descriptors.design(far)
    np.testing.assert_allclose(more.energy, one.energy, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(more.forces[:9], one.forces, rtol=1e-11, atol=1e-12)
    assert not more.forces[9:].any()


def test_a_species_without_neighbours_leaves_its_columns_empty(descriptors):
    atoms = bulk("ZnO", "zincblende", a=4.6, cubic=True)
    atoms.rattle(0.1, seed=0)
    found, here = descriptors.design(atoms), columns(descriptors, "Zn", "O")
    for rows in (found.energy, found.forces, found.stress):
        assert not rows[..., ~here].any()
    # the others are those of a model that knows no third species
    small = build(descriptors.settings, ("Zn", "O"))
    order = [small.names.index(name) for name, kept in zip(descriptors.names, here, strict=True) if kept]
    np.testing.assert_allclose(found.forces[:, here], small.design(atoms).forces[:, order], rtol=1e-12, atol=1e-12)


def test_a_species_that_the_model_lacks(descriptors):
    with pytest.raises(InputError, match="expected atoms of the species Zn, O, Cu, got Au, N"):
        descriptors.design(Atoms("ZnAuN", np.diag([0.0, 2.0, 4.0])))


@pytest.mark.parametrize(
    "atoms",
    [
        Atoms("ZnOCu", [[3, 0, 0], [0, 0, 0], [0, 0, 0]]),
        Atoms("ZnOCu", [[1, 1, 0], [0, 2, 0], [0, 2, 6.0]], cell=[6.0] * 3, pbc=True),
    ],
    ids=["one on the other", "through the boundary"],
)
def test_atoms_at_the_same_place(descriptors, atoms):
    for call in (descriptors.values, descriptors.design, lambda a: descriptors.vjp(a, np.zeros((3, descriptors.size)))):
        with pytest.raises(InputError, match="atoms 1 and 2 at the same one"):
            call(atoms)


def test_no_atoms(descriptors):
    with pytest.raises(InputError, match="expected a frame with atoms"):
        descriptors.design(Atoms())


@pytest.mark.parametrize("distance", [1e-6, 0.01, 0.1, 0.3, 0.5])
def test_atoms_almost_at_the_same_place_are_finite_and_push(descriptors, distance):
    found = descriptors.design(Atoms("ZnO", [[0, 0, 0], [distance, 0, 0]]))
    assert np.isfinite(found.energy).all()
    assert np.isfinite(found.forces).all()
    column = next(
        i
        for i, term in enumerate(descriptors.terms)
        if term.function.family == "lennard-jones" and set(term.species) == {"Zn", "O"}
    )
    assert found.forces[3, column] > 0 > found.forces[0, column]


def test_rows_of_equal_frames_are_equal(descriptors):
    atoms = bulk("ZnO", "wurtzite", a=3.3, c=5.3)
    atoms.rattle(0.1, seed=3)
    first, second = descriptors.design(atoms), descriptors.design(atoms.copy())
    np.testing.assert_array_equal(first.forces, second.forces)
    np.testing.assert_array_equal(first.stress, second.stress)
