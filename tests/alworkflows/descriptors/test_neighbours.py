"""Frames and cutoffs that no list of neighbours can or should be made of: a sentence each, before memory is asked for."""

import numpy as np
import pytest
from ase import Atoms

from alworkflows.descriptors.neighbours import Neighbours, check_kinds, kinds_of, neighbours
from alworkflows.errors import InputError

ALL, NONE = (True, True, True), (False, False, False)


def listed(positions, cell, pbc=ALL, cutoff=6.0):
    return neighbours(np.array(positions, dtype=float), np.array(cell, dtype=float), np.array(pbc), cutoff)


@pytest.mark.parametrize("cutoff", [1e12, 1e300, np.inf, np.nan, 0.0, -1.0, 100.1])
def test_a_cutoff_out_of_range(cutoff):
    with pytest.raises(InputError, match="expected a cutoff above 0 and up to 100 A, got"):
        listed([[0, 0, 0]], 4 * np.eye(3), cutoff=cutoff)


@pytest.mark.parametrize(
    ("cell", "pbc", "message"),
    [
        (np.zeros((3, 3)), ALL, "a cell with volume"),
        (np.diag([4, 4, 1e-300]), ALL, "a cell with volume"),
        (np.diag([4, 4, 5e-324]), ALL, "a cell with volume"),
        ([[4, 0, 0], [4, 0, 0], [0, 0, 4]], ALL, "a cell with volume"),
        (np.diag([0, 0, 1e-300]), (False, False, True), "a cell with volume"),
        (np.diag([0, 4, 1e-300]), (False, True, True), "expected lattice vectors along the periodic directions"),
        (np.diag([4, 4, 1e300]), ALL, r"lattice vectors up to 1e\+06 A, got 1e\+300"),
        (np.diag([4, 4, np.nan]), ALL, "expected finite"),
        (np.diag([4, 4, np.inf]), NONE, "expected finite"),
        # heights so small that the images would fill any memory
        (
            np.diag([4, 4, 1e-8]),
            ALL,
            "too thin or too skew for a cutoff of 6 A: that reaches more than 4,000,100 images of 1 atoms",
        ),
        (np.diag([1e5, 1e5, 1e-8]), ALL, "too thin or too skew"),
        (np.diag([0, 0, 1e-8]), (False, False, True), "too thin or too skew"),
        ([[4, 0, 0], [4e5, 4, 0], [0, 0, 4]], ALL, "too thin or too skew"),
        ([[4, 0, 0], [4, 1e-9, 0], [0, 0, 4]], ALL, "too thin or too skew"),
        ([[4, 0, 0], [900, 4, 0], [900, 900, 4]], ALL, "too thin or too skew"),
        # images that are few enough, and closer than atoms ever are
        (np.diag([0, 0, 1e-5]), (False, False, True), "too crowded: one has more than 2,809 neighbours within 6 A"),
    ],
)
def test_strange_cells(cell, pbc, message):
    with pytest.raises(InputError, match=message):
        listed([[0, 0, 0]], cell, pbc)


@pytest.mark.parametrize(
    ("positions", "pbc", "message"),
    [
        ([[0, 0, np.nan]], ALL, "expected finite positions"),
        ([[0, -np.inf, 0]], NONE, "expected finite positions"),
        ([[1e15, 0, 0]], ALL, r"coordinates up to 1e\+06 A, got 1e\+15"),
        ([[0, 0, 0], [0, -1e15, 0]], NONE, r"coordinates up to 1e\+06 A, got 1e\+15"),
        (np.zeros((10_000, 3)), ALL, "too crowded"),
        (np.zeros((10_000, 3)), NONE, "too crowded"),
    ],
)
def test_strange_places(positions, pbc, message):
    with pytest.raises(InputError, match=message):
        listed(positions, 40 * np.eye(3), pbc)


def test_a_crowd_is_a_density_not_a_number_of_atoms():
    """As many neighbours as in the densest solids, at the longest cutoff of descriptors, are none too many."""
    lattice = 1.6 * np.indices((6, 6, 6)).reshape(3, -1).T
    assert np.diff(listed(lattice, 9.6 * np.eye(3), cutoff=20.0).first).min() > 8000


@pytest.mark.parametrize("pbc", [ALL, NONE, (False, True, True)])
def test_no_atoms_have_no_neighbours(pbc):
    assert len(listed(np.zeros((0, 3)), 4 * np.eye(3), pbc).second) == 0


@pytest.mark.parametrize(
    "cell", [np.diag([4, 4, -4]), np.array([[4, 0, 0], [4e3, 4, 0], [0, 0, 4]]), np.array([[0, 4, 0], [4, 0, 0], [0, 0, 4]])]
)
def test_other_cells_of_the_same_lattice_have_the_same_list(cell):
    positions = [[0, 0, 0], [1.9, 2.1, 2.2]]
    here, there = listed(positions, cell), listed(positions, 4 * np.eye(3))
    np.testing.assert_array_equal(here.first, there.first)
    lengths = [np.sort(np.linalg.norm(pairs.vectors, axis=1)) for pairs in (here, there)]
    np.testing.assert_allclose(*lengths, atol=1e-9)


def test_an_atom_far_away_is_where_it_is_in_the_cell():
    near, far = (listed([[0, 0, 0], [1.9 + away, 2.1, 2.2]], 4 * np.eye(3)) for away in (0.0, 4e5))
    np.testing.assert_allclose(np.sort(far.vectors, axis=0), np.sort(near.vectors, axis=0), atol=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "vectors", "message"),
    [
        ([0, 2, 1], [1], [[1, 0, 0]], "expected first to rise from 0"),
        ([1, 1, 1], [1], [[1, 0, 0]], "expected first to rise from 0"),
        ([0, 1, 2], [1], [[1, 0, 0]], "to the number of pairs, 1"),
        ([], [], np.zeros((0, 3)), "expected first to rise from 0"),
        ([0, 1, 1], [2], [[1, 0, 0]], "expected second to be atoms from 0 to 1, got 2 to 2"),
        ([0, 1, 1], [-1], [[1, 0, 0]], "expected second to be atoms from 0 to 1, got -1 to -1"),
        ([0, 1, 1], [1], np.zeros((2, 3)), r"expected vectors of shape \(1, 3\)"),
    ],
)
def test_a_list_that_points_nowhere_is_none(first, second, vectors, message):
    with pytest.raises(ValueError, match=message):
        Neighbours(np.array(first, dtype=np.int64), np.array(second, dtype=np.int32), np.array(vectors, dtype=float))


def test_species_are_those_there_are():
    check_kinds(kinds_of(Atoms("ZnO"), ("Zn", "O")), 2)
    for strange in ([0, 2], [-1, 0]):
        with pytest.raises(ValueError, match="expected indices of 2 species, got"):
            check_kinds(np.array(strange, dtype=np.int32), 2)
