"""Distances against ASE's neighbour list, and every reason to refuse a structure."""

import re

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from alworkflows.errors import InputError
from alworkflows.settings import GeometryLimits
from alworkflows.structures import check, close_pairs, crystal, geometry_flags, shortest_distance


@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 1, 0), (0, 1, 0), (0, 0, 0)])
@pytest.mark.parametrize("ratio", [0.6, 2.5])
def test_close_pairs_are_those_of_ase(pbc, ratio):
    rng = np.random.default_rng(4)
    for _ in range(10):
        atoms = Atoms("ZnO2", positions=rng.normal(size=(3, 3)) * 6.0, pbc=pbc)
        atoms.set_cell(rng.normal(size=(3, 3)) * 1.5 + 3.5 * np.eye(3))
        i, j, distance = close_pairs(atoms.numbers, atoms.positions, np.asarray(atoms.cell), atoms.pbc, ratio)
        start, end, expected = neighbor_list("ijd", atoms, list(ratio * covalent_radii[atoms.numbers]))
        half = start <= end
        # ASE lists an atom and its own image twice (both directions), and images at one distance each
        reference = {(a, b, round(d, 5)) for a, b, d in zip(start[half], end[half], expected[half], strict=True)}
        assert {(a, b, round(d, 5)) for a, b, d in zip(i, j, distance, strict=True)} == reference
        assert np.all(np.diff(distance) >= 0)


def test_shortest_distance_sees_an_atoms_own_image():
    assert shortest_distance(Atoms("Cu", cell=[2.0, 9.0, 9.0], pbc=True)) == pytest.approx(2.0)
    assert shortest_distance(Atoms("Cu", cell=[9.0, 9.0, 9.0], pbc=True)) == np.inf


def fused() -> Atoms:
    atoms = crystal("zno-wurtzite")
    atoms.positions[2] = atoms.positions[0] + [0.0, 0.0, 0.5]
    return atoms


def with_nan() -> Atoms:
    atoms = crystal("zno-wurtzite")
    atoms.positions[1, 2] = np.nan
    return atoms


@pytest.mark.parametrize(
    ("atoms", "slab", "message"),
    [
        (fused(), False, r"thing: atoms 0 \(Zn\) and 2 \(O\) are fused: 0\.500 A, below 0\.6 .*1\.128 A"),
        (with_nan(), False, "thing: expected finite positions and cell, got NaN"),
        (molecule("H2O"), False, "thing: expected a cell of three lattice vectors"),
        (Atoms(cell=[3, 3, 3], pbc=True), False, "thing: expected atoms, got none"),
        (crystal("zno-wurtzite"), True, r"thing: expected a slab with at least 6 A of vacuum, the widest gap is 2\.\d+ A"),
        (Atoms("Zn", cell=[20.0] * 3, pbc=True), False, r"thing: volume per atom 8000\.00 A\^3 is not between 3 and 400"),
    ],
)
def test_what_is_refused(atoms, slab, message):
    with pytest.raises(InputError, match=message):
        check(atoms, None, GeometryLimits(), "thing", slab)


def test_a_foreign_species_is_named_and_the_nearest_suggested():
    with pytest.raises(InputError, match=r"species 'Cu' is not one of the campaign's \(Zn, O, C\) \(did you mean 'C'\?\)"):
        check(bulk("Cu"), ["Zn", "O", "C"])


def test_flags_say_why_and_leave_sound_frames_alone():
    flags = geometry_flags([crystal("zno-wurtzite"), fused(), with_nan()])
    assert flags[0] is None
    assert "fused" in flags[1]
    assert "NaN" in flags[2]
    strict = GeometryLimits(volume_per_atom=(3.0, 12.0))
    assert "volume per atom 12.41" in geometry_flags([crystal("zno-wurtzite")], strict)[0]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"pairs": {"Cu-Cu": "2.7 A"}}, r"atoms 0 \(Cu\) and . \(Cu\) are too near: 2\.5\d+ A, below 2\.7 A"),
        ({"pairs": {"Cu-O": "2.7 A"}}, None),
        ({"density": [5.0, 8.0]}, r"density 8\.9\d+ g/cm\^3 is not between 5 and 8"),
        ({"density": [8.0, 10.0]}, None),
        ({"vacuum": [10.0, 20.0]}, r"the widest empty slice, 1\.8\d A, is not between 10 and 20"),
        ({"vacuum": [0.0, 3.0]}, None),
    ],
)
def test_limits_of_pairs_density_and_vacuum(limits, reason):
    atoms = bulk("Cu", cubic=True)
    (flag,) = geometry_flags([atoms], GeometryLimits(**limits))
    assert (flag is None) if reason is None else re.fullmatch(reason, flag), flag


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"pairs": {"Cu": 1.0}}, "two chemical symbols"),
        ({"density": [3.0, 1.0]}, "expected density as"),
        ({"vacuum": [-1, 2]}, "vacuum"),
    ],
)
def test_limits_that_make_no_sense(limits, message):
    with pytest.raises(ValueError, match=message):
        GeometryLimits(**limits)
