"""Slabs: the crystal goes on inside them, their faces are what they should be, polar ones are named so."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.neighborlist import neighbor_list

from alworkflows.settings import StructureSettings
from alworkflows.structures import build, check, crystal, has_equal_terminations, is_polar, slab, vacuum

NON_POLAR = [
    ("zno-wurtzite", (1, 0, 0), 4),
    ("zno-wurtzite", (1, 1, 0), 4),
    ("zno-zincblende", (1, 1, 0), 5),
    ("zno-bct", (1, 0, 0), 2),
    ("zno-bct", (1, 1, 0), 3),
    ("zno-sodalite", (1, 1, 0), 3),
    ("zno-hbn", (1, 0, 0), 4),
]
POLAR = [("zno-wurtzite", (0, 0, 1), 3), ("zno-zincblende", (1, 1, 1), 3), ("zno-zincblende", (1, 0, 0), 6)]


def dipole(atoms: Atoms) -> float:
    """Return the moment along z (e A) of charges +-2."""
    charges = np.where(atoms.numbers == 30, 2.0, -2.0)
    return float(charges @ atoms.positions[:, 2])


@pytest.mark.parametrize(("name", "miller", "layers"), NON_POLAR)
def test_the_seven_surfaces_have_no_dipole_and_equal_faces(name, miller, layers):
    atoms = build(StructureSettings(prototype=name, miller=miller, layers=layers), "slab")
    assert abs(dipole(atoms)) < 0.01
    assert atoms.info["polar"] is False
    assert atoms.info["origin"] == {"structure": "slab", "miller": list(miller), "polar": False}
    assert has_equal_terminations(atoms)
    assert atoms.get_chemical_formula(empirical=True) == "OZn"
    np.testing.assert_allclose(atoms.cell.angles(), 90.0)
    assert vacuum(atoms) == pytest.approx(12.0)
    check(atoms, ["Zn", "O"], slab=True)


@pytest.mark.parametrize(("name", "miller", "layers"), POLAR)
def test_polar_surfaces_are_named_so(name, miller, layers):
    atoms = slab(crystal(name), miller, layers, 12.0)
    assert abs(dipole(atoms)) > 1.0
    assert is_polar(atoms)
    assert atoms.info["polar"] is True


def environments(atoms: Atoms, cutoff: float) -> dict[int, list[np.ndarray]]:
    """Return for each atom the sorted distances to its neighbours."""
    start, distance = neighbor_list("id", atoms, cutoff)
    return {k: np.sort(distance[start == k]) for k in range(len(atoms))}


@pytest.mark.parametrize("miller", [(1, 0, 0), (1, 1, 0), (0, 1, 2), (2, -1, 1), (-1, 0, 1), (0, 0, 1), (1, 2, 3)])
def test_inside_a_slab_of_a_skewed_crystal_is_the_crystal(miller):
    """Every atom deeper than the cutoff has the neighbours of its kind in the bulk: in-plane cell and stacking are right."""
    sites = [(0.1, 0.2, 0.05), (0.6, 0.55, 0.7), (0.3, 0.8, 0.4)]
    motif = Atoms("NaClO", scaled_positions=sites, cell=[5.1, 4.3, 6.2, 75.0, 98.0, 112.0], pbc=True)
    cutoff = 5.0
    reference = environments(motif, cutoff)
    by_number = {motif.numbers[k]: v for k, v in reference.items()}
    spacing = 1.0 / np.linalg.norm(np.linalg.inv(np.asarray(motif.cell)) @ np.array(miller))
    atoms = slab(motif, miller, int(np.ceil(16.0 / spacing)), 10.0)
    heights = atoms.positions[:, 2]
    inner = np.flatnonzero((heights - heights.min() > cutoff) & (heights.max() - heights > cutoff))
    assert len(inner) >= 3
    inside = environments(atoms, cutoff)
    for k in inner:
        np.testing.assert_allclose(inside[k], by_number[atoms.numbers[k]], atol=1e-6)


def test_close_packed_metal_agrees_with_ase():
    ours = slab(bulk("Cu", cubic=True), (1, 1, 1), 4, 10.0)
    theirs = fcc111("Cu", (1, 2, 4), a=3.61, vacuum=5.0, orthogonal=True)
    theirs.pbc = True
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(sorted(ours.cell.lengths()), sorted(theirs.cell.lengths()), atol=1e-6)
    np.testing.assert_allclose(np.sort(neighbor_list("d", ours, 6.0)), np.sort(neighbor_list("d", theirs, 6.0)), atol=1e-6)


def test_as_thick_as_asked_and_reproducible():
    crystal_ = crystal("zno-wurtzite")
    spacing = 3.289 * np.sqrt(3) / 2
    for layers in (2, 3, 5):
        first, second = (slab(crystal_, (1, 0, 0), layers, 9.0) for _ in range(2))
        assert len(first) == 4 * layers
        assert np.ptp(first.positions[:, 2]) == pytest.approx(layers * spacing - 1.899, abs=0.01)
        np.testing.assert_array_equal(first.positions, second.positions)


def test_a_left_handed_crystal_is_cut_too():
    mirrored = crystal("zno-wurtzite")
    mirrored.set_cell(np.asarray(mirrored.cell)[[1, 0, 2]])
    atoms = slab(mirrored, (1, 0, 0), 3, 10.0)
    assert not atoms.info["polar"]
    assert np.linalg.det(np.asarray(atoms.cell)) > 0
    check(atoms, ["Zn", "O"], slab=True)
