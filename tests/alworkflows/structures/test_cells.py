"""Lattice vectors that are missing or skewed, and vacuum along whichever of them."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, graphene, molecule

from alworkflows.errors import InputError
from alworkflows.structures import check, close_pairs, count_open_directions, gaps, gather, geometry_flags, is_isolated, vacuum

C_MISSING = "no lattice vector along c: add vacuum (in ASE: atoms.center(vacuum=6, axis=2))"
BC_MISSING = "no lattice vectors along b and c: add vacuum (in ASE: atoms.center(vacuum=6, axis=(1, 2)))"
#: integers of determinant +-1: the same lattice on other vectors
CHOICES = [
    [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
    [[0, 1, 0], [1, 0, 0], [0, 0, 1]],
    [[-1, 0, 0], [0, -1, 0], [0, 0, -1]],
    [[1, 0, 1], [0, 1, 0], [0, 0, 1]],
    [[1, 0, 3], [0, 1, 5], [0, 0, 1]],
    [[1, 0, 0], [20, 1, 0], [7, -30, 1]],
]


def on(atoms: Atoms, steps: list[list[int]]) -> Atoms:
    """Return the same crystal on other vectors of its lattice."""
    other = atoms.copy()
    other.set_cell(np.array(steps) @ np.asarray(atoms.cell))
    return other


def slab() -> Atoms:
    atoms = fcc111("Cu", (2, 2, 3), vacuum=6.0)
    atoms.pbc = True
    return atoms


@pytest.mark.parametrize(
    ("atoms", "sentence"),
    [
        (graphene(), C_MISSING),
        (fcc111("Cu", (1, 1, 2)), C_MISSING),
        (Atoms("Cu", cell=[3.0, 0, 0], pbc=[1, 0, 0]), BC_MISSING),
        (Atoms("Cu", cell=[3.0, 3.0, 0], pbc=True), C_MISSING),
        (Atoms("Cu", cell=[[3, 0, 0], [6, 0, 0], [0, 0, 3]], pbc=True), "lattice vectors that lie in one plane"),
        (Atoms("Cu", pbc=True), "expected a cell of three lattice vectors, got none: put it into a box with vacuum"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_alike_by_check_and_screening(atoms, sentence):
    with pytest.raises(InputError) as error:
        check(atoms, name="thing")
    assert str(error.value).startswith(f"thing: {sentence}")
    assert geometry_flags([atoms])[0].startswith(sentence)


def test_what_helps_does_help():
    atoms = graphene(size=(2, 2, 1))
    atoms.center(vacuum=6, axis=2)
    check(atoms, slab=True)
    water = molecule("H2O")
    assert geometry_flags([water]) == [None]  # of a molecule that repeats nowhere no cell is wanted for labels
    water.center(vacuum=6)
    check(water)


@pytest.mark.parametrize("steps", CHOICES)
def test_vacuum_is_there_whichever_vectors_are_chosen(steps):
    assert vacuum(on(slab(), steps)) == pytest.approx(12.0)
    assert count_open_directions(on(slab(), steps)) == 1
    assert count_open_directions(on(bulk("Cu", cubic=True).repeat(2), steps)) == 0
    assert is_isolated(on(Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]], cell=[9, 10, 11], pbc=True), steps))


@pytest.mark.parametrize("steps", CHOICES)
@pytest.mark.parametrize("pbc", [(1, 1, 1), (0, 0, 0)])
def test_pairs_are_the_same_whichever_vectors_are_chosen(steps, pbc):
    atoms = bulk("Cu", cubic=True).repeat(2)
    atoms.rattle(0.1, seed=1)
    atoms.pbc = pbc
    expected = close_pairs(atoms.numbers, atoms.positions, np.asarray(atoms.cell), atoms.pbc, 1.3)[2]
    other = on(atoms, steps)
    np.testing.assert_allclose(close_pairs(other.numbers, other.positions, np.asarray(other.cell), other.pbc, 1.3)[2], expected)


def test_where_nothing_repeats_is_open_however_narrow_the_cell():
    atoms = fcc111("Cu", (2, 2, 3), vacuum=0.5)
    assert atoms.pbc.tolist() == [True, True, False]
    assert count_open_directions(atoms) == 1
    atoms.pbc = [True, False, False]
    assert count_open_directions(atoms) == 2
    assert gaps(graphene())[2] == np.inf


def test_a_particle_across_the_boundary_is_put_together():
    whole = molecule("CH3CH2OH", vacuum=5.0)
    whole.pbc = True
    for shift in ([0, 0, 0], [6, 6, 6], [-40.0, 3.0, 5.5]):
        cut = whole.copy()
        cut.positions += shift
        cut.wrap()
        together = whole.copy()
        together.positions = gather(cut)
        np.testing.assert_allclose(together.get_all_distances(), whole.get_all_distances(), atol=1e-9)
