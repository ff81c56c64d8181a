"""Miller indices count along the conventional cell, whichever cell came."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.neighborlist import neighbor_list
from ase.spacegroup import crystal as expand
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from alworkflows.errors import InputError
from alworkflows.settings import StructureSettings
from alworkflows.settings.structures import CrystalSettings
from alworkflows.structures import PROTOTYPES, build, conventional_cell, crystal, lattice, slab

RUTILE = {
    "symbols": ["Ti", "O"],
    "basis": [(0, 0, 0), (0.305, 0.305, 0)],
    "spacegroup": 136,
    "cellpar": [4.59, 4.59, 2.96, 90, 90, 90],
}
ALUMINA = {
    "symbols": ["Al", "O"],
    "basis": [(0, 0, 0.352), (0.306, 0, 0.25)],
    "spacegroup": 167,
    "cellpar": [4.76, 4.76, 12.99, 90, 90, 120],
}
ZIRCONIA = {
    "symbols": ["Zr", "O", "O"],
    "basis": [(0.275, 0.04, 0.208), (0.07, 0.33, 0.345), (0.45, 0.757, 0.479)],
    "spacegroup": 14,
    "cellpar": [5.15, 5.21, 5.32, 90, 99.2, 90],
}
CEMENTITE = {
    "symbols": ["Fe", "Fe", "C"],
    "basis": [(0.036, 0.25, 0.85), (0.186, 0.063, 0.328), (0.89, 0.25, 0.45)],
    "spacegroup": 62,
    "cellpar": [5.09, 6.74, 4.52, 90, 90, 90],
}


def permuted(atoms: Atoms, order: tuple[int, int, int]) -> Atoms:
    other = atoms.copy()
    other.set_cell(np.asarray(atoms.cell)[list(order)])
    return other


def rotated(atoms: Atoms) -> Atoms:
    other = atoms.copy()
    other.rotate(77, (3, -1, 2), rotate_cell=True)
    return other


def same(one: Atoms, other: Atoms) -> bool:
    """Return whether two slabs are the same up to how they stand and are repeated."""
    distances = [np.sort(neighbor_list("d", atoms, 6.0)) for atoms in (one, other)]
    return len(one) == len(other) and len(distances[0]) == len(distances[1]) and np.allclose(*distances, atol=1e-3)


def planes(atoms: Atoms) -> np.ndarray:
    return np.unique(np.round(atoms.positions[:, 2], 4))


@pytest.mark.parametrize(
    ("primitive", "a", "spacing", "area"),
    [
        (bulk("Cu", a=3.6), 3.6, 1.8, 3.6**2 / 2),
        (bulk("Fe", a=2.87), 2.87, 2.87 / 2, 2.87**2),
        (bulk("NaCl", "rocksalt", a=5.6), 5.6, 2.8, 5.6**2 / 2),
    ],
)
def test_100_of_a_primitive_cell_is_that_of_the_cube(primitive, a, spacing, area, tmp_path):
    write(tmp_path / "primitive.cif", primitive)
    atoms = build(StructureSettings(file="primitive.cif", miller=(1, 0, 0), layers=4), "x", tmp_path)
    np.testing.assert_allclose(np.diff(planes(atoms)), spacing, atol=1e-3)
    first, second = np.asarray(atoms.cell)[:2]
    assert np.linalg.norm(np.cross(first, second)) == pytest.approx(area, rel=1e-4)
    assert first @ second == pytest.approx(0.0, abs=1e-6)
    assert np.linalg.norm(first) == pytest.approx(np.linalg.norm(second))
    assert "conventional cell, which is not the cell that was given" in " ".join(atoms.info["notes"])


@pytest.mark.parametrize("name", sorted(PROTOTYPES))
def test_prototypes_are_conventional_already(name):
    atoms, is_other = conventional_cell(crystal(name))
    assert not is_other
    np.testing.assert_array_equal(atoms.positions, crystal(name).positions)
    assert "notes" not in build(StructureSettings(prototype=name, miller=(1, 0, 0), layers=2), "x").info


@pytest.mark.parametrize("name", ["fcc", "bcc", "sc", "hcp", "diamond"])
def test_so_are_lattices(name):
    assert not conventional_cell(lattice(CrystalSettings(lattice=name, species=["Cu"], a=3.6)))[1]


@pytest.mark.parametrize("given", [RUTILE, ALUMINA, ZIRCONIA, CEMENTITE])
@pytest.mark.parametrize("miller", [(1, 0, 0), (0, 1, 1)])
def test_a_rotated_conventional_cell_keeps_its_axes(given, miller):
    atoms = expand(**given)
    assert not conventional_cell(rotated(atoms))[1]
    assert same(slab(rotated(atoms), miller, 2, 10.0), slab(atoms, miller, 2, 10.0))


@pytest.mark.parametrize("given", [RUTILE, ALUMINA, ZIRCONIA])
@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0)])
def test_the_unique_axis_is_found_where_another_order_put_it(given, order):
    atoms, other = expand(**given), permuted(expand(**given), order)
    found, is_other = conventional_cell(other)
    assert is_other
    np.testing.assert_allclose(found.cell.cellpar(), atoms.cell.cellpar(), atol=1e-3)
    assert same(slab(other, (0, 0, 1), 2, 10.0), slab(atoms, (0, 0, 1), 2, 10.0))


def test_orthorhombic_axes_are_conventional_in_any_order():
    other = permuted(expand(**CEMENTITE), (2, 0, 1))
    assert not conventional_cell(other)[1]
    assert same(slab(other, (1, 0, 0), 1, 10.0), slab(expand(**CEMENTITE), (0, 0, 1), 1, 10.0))


def test_rhombohedral_and_repeated_cells_are_set_on_conventional_axes():
    primitive = expand(**ALUMINA, primitive_cell=True)
    assert len(primitive) == 10
    found, is_other = conventional_cell(primitive)
    assert is_other
    np.testing.assert_allclose(found.cell.cellpar(), [4.76, 4.76, 12.99, 90, 90, 120], atol=1e-3)
    long = bulk("Cu", cubic=True).repeat((3, 1, 2))
    assert same(slab(long, (1, 0, 1), 3, 10.0), slab(bulk("Cu", cubic=True), (1, 0, 1), 3, 10.0))


def test_a_left_handed_cell_is_no_mirror_image():
    """Quartz turns one way: its slab from left-handed vectors must not turn the other."""
    quartz = expand(["Si", "O"], [(0.47, 0, 0), (0.413, 0.267, 0.119)], spacegroup=152, cellpar=[4.91, 4.91, 5.4, 90, 90, 120])
    for atoms in (quartz.repeat((2, 1, 1)), permuted(quartz, (1, 0, 2)).repeat((2, 1, 1))):
        found, is_other = conventional_cell(atoms)
        assert is_other
        assert np.linalg.det(np.asarray(found.cell)) > 0
        structure = Structure(np.asarray(found.cell), found.numbers, found.positions, coords_are_cartesian=True)
        assert SpacegroupAnalyzer(structure).get_space_group_number() == 152  # its mirror image has 154


@pytest.mark.parametrize("steps", [[[1, 0, 0], [9, 1, 0], [4, -12, 1]], [[0, 1, 0], [1, 0, 0], [0, 0, 1]]])
def test_planes_of_a_skewed_cell_without_symmetry_are_its_own(steps):
    sites = [(0.1, 0.2, 0.05), (0.6, 0.55, 0.7), (0.3, 0.8, 0.4)]
    atoms = Atoms("NaClO", scaled_positions=sites, cell=[5.1, 4.3, 6.2, 75.0, 98.0, 112.0], pbc=True)
    other = atoms.copy()
    other.set_cell(np.array(steps) @ np.asarray(atoms.cell))
    # the same plane: indices change as the vectors do
    miller = tuple(int(index) for index in np.array(steps) @ [1, 0, 2])
    assert same(slab(other, miller, 4, 10.0), slab(atoms, (1, 0, 2), 4, 10.0))


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (
            slab(bulk("Cu", cubic=True), (1, 0, 0), 3, 10.0),
            "x: a slab is cut from a crystal, got one with 10.0 A of vacuum already",
        ),
        (Atoms("Cu", cell=[3, 3, 3], pbc=[1, 1, 0]), r"x: a slab is cut from a crystal that repeats in all directions, got pbc"),
        (Atoms("Cu", cell=[3, 3, 0], pbc=[1, 1, 0]), "x: no lattice vector along c: add vacuum"),
        (Atoms("Cu2", [[0, 0, 0], [0, 0, 0.001]], cell=[3, 3, 3], pbc=True), "x: a crystal whose symmetry cannot be found"),
    ],
)
def test_what_no_slab_is_cut_from(atoms, message, tmp_path):
    write(tmp_path / "x.traj", atoms)
    with pytest.raises(InputError, match=message):
        build(StructureSettings(file="x.traj", miller=(1, 0, 0)), "x", tmp_path)
