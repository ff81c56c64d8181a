"""The list with a skin against a list made anew."""

import numpy as np
import pytest
from ase.build import bulk, fcc111

from alworkflows.descriptors.neighbours import neighbours
from alworkflows.descriptors.verlet import VerletList
from alworkflows.errors import InputError

CUTOFF = 4.0


def lengths(pairs, deform, positions):
    """Return the sorted lengths of all pairs within the cutoff, with their atoms."""
    vectors = positions[pairs.second] - positions[pairs.centres] + pairs.vectors @ deform
    rows = np.column_stack([pairs.centres, pairs.second, np.round(np.linalg.norm(vectors, axis=1), 8)])
    rows = rows[rows[:, 2] < CUTOFF]
    return rows[np.lexsort(rows.T[::-1])]


def fresh(atoms):
    pairs = neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, CUTOFF)
    return lengths(pairs.without(atoms.positions), np.eye(3), atoms.positions)


def follow(atoms, change, steps=40, skin=0.5):
    """Return how many lists were made while ``change`` acted on the atoms; each is compared with a new one."""
    listed = VerletList(CUTOFF, skin)
    for step in range(steps):
        change(atoms, step)
        pairs, deform = listed.update(atoms.positions, np.asarray(atoms.cell), atoms.pbc)
        np.testing.assert_allclose(lengths(pairs, deform, atoms.positions), fresh(atoms), atol=2e-8)
    return listed.builds


@pytest.fixture
def crystal():
    atoms = bulk("ZnO", "wurtzite", a=3.3, c=5.3).repeat((2, 2, 1))
    atoms.rattle(0.2, seed=1)
    return atoms


def test_moving_atoms(crystal):
    rng = np.random.default_rng(0)

    def move(atoms, step):
        atoms.positions += rng.normal(scale=0.03, size=atoms.positions.shape)

    assert 1 < follow(crystal, move) < 30


def test_a_cell_that_changes_with_its_atoms_does_not_cost_a_list_each_step(crystal):
    rng = np.random.default_rng(1)

    def strain(atoms, step):
        change = np.eye(3) + 0.002 * rng.normal(size=(3, 3))
        atoms.set_cell(atoms.cell[:] @ change, scale_atoms=True)

    assert follow(crystal, strain) < 12


def test_a_cell_that_changes_without_its_atoms(crystal):
    assert 1 < follow(crystal, lambda atoms, step: atoms.set_cell(atoms.cell[:] * 1.004)) < 40


def test_atoms_that_jump_to_another_image(crystal):
    def jump(atoms, step):
        atoms.positions[step % len(atoms)] += atoms.cell[step % 3]

    follow(crystal, jump, steps=8)


def test_slab_and_change_of_periodicity():
    atoms = fcc111("Cu", (2, 2, 3), vacuum=6.0)
    atoms.rattle(0.1, seed=2)

    def change(atoms, step):
        atoms.positions[0, 2] += 0.05
        atoms.pbc = (True, True, step > 4)

    follow(atoms, change, steps=8)


def test_another_number_of_atoms(crystal):
    listed = VerletList(CUTOFF, 0.5)
    for atoms in (crystal, crystal[:3], crystal):
        pairs, _ = listed.update(atoms.positions, np.asarray(atoms.cell), atoms.pbc)
        assert len(pairs.first) == len(atoms) + 1
    assert listed.builds == 3


@pytest.mark.parametrize("cell", [np.diag([2.1, 9.0, 5.0]), [[3.0, 0, 0], [1.5, 2.6, 0], [0.3, 0.4, 8.0]]])
@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True), (False, False, False)])
def test_offsets_are_what_vectors_are_beyond_the_positions(cell, pbc):
    """Also where atoms have left the cell by several of its vectors."""
    rng = np.random.default_rng(3)
    cell = np.array(cell, dtype=float)
    positions = rng.random((7, 3)) @ cell + (rng.integers(-3, 4, size=(7, 3)) * pbc) @ cell
    plain, offset = (neighbours(positions, cell, np.array(pbc), CUTOFF, offsets=there) for there in (False, True))
    np.testing.assert_array_equal(plain.first, offset.first)
    np.testing.assert_array_equal(plain.second, offset.second)
    np.testing.assert_allclose(offset.vectors, plain.without(positions).vectors, atol=1e-12)
    shifts = offset.vectors @ np.linalg.inv(cell)
    np.testing.assert_allclose(shifts, np.round(shifts), atol=1e-12)
    assert not shifts[:, ~np.array(pbc)].round(6).any()


@pytest.mark.filterwarnings("ignore:invalid value encountered in matmul")
@pytest.mark.parametrize("change", [np.nan, np.inf, 0.0, 1e-300, 1e300])
def test_a_cell_that_is_none_any_more(crystal, change):
    listed = VerletList(CUTOFF, 0.5)
    listed.update(crystal.positions, np.asarray(crystal.cell), crystal.pbc)
    with np.errstate(invalid="ignore"):
        cell = np.asarray(crystal.cell) * [[1.0], [1.0], [change]]
    with pytest.raises(InputError, match="expected"):
        listed.update(crystal.positions, cell, crystal.pbc)
