"""Meshes of k-points: spacing, vacuum, and what contradicts a frame."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from alworkflows.calculators.kpoints import check_mesh, mesh, open_directions, require_box
from alworkflows.errors import InputError


def test_the_spacing_includes_two_pi():
    frame = bulk("Cu", "sc", a=3.0)
    length = 2 * np.pi / 3.0  # 2.094 1/A
    assert mesh(frame, length / 4) == (4, 4, 4)
    assert mesh(frame, length / 4 - 1e-3) == (5, 5, 5)
    assert mesh(frame, None) == (1, 1, 1)
    assert mesh(frame * (2, 1, 4), length / 4) == (2, 4, 1)


def test_a_skewed_cell_counts_by_its_reciprocal_lattice():
    frame = bulk("Cu", "hcp", a=3.0, c=5.0)
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(frame.cell[:]), axis=0)
    assert mesh(frame, 0.3) == tuple(int(np.ceil(length / 0.3)) for length in lengths)


def test_one_point_along_vacuum_and_where_nothing_is_periodic():
    slab = fcc111("Cu", (1, 1, 3), vacuum=5.0)
    slab.pbc = True
    assert mesh(slab, 0.2)[2] == 1
    assert min(mesh(slab, 0.2)[:2]) > 1
    particle = molecule("H2O", vacuum=4.0)
    assert mesh(particle, 0.1) == (1, 1, 1)
    wire = bulk("Cu", cubic=True)
    wire.pbc = (True, False, True)
    assert list(open_directions(wire)) == [False, True, False]


@pytest.mark.parametrize(
    ("frame", "counts", "message"),
    [
        (
            fcc111("Cu", (1, 1, 3), vacuum=5.0, periodic=True),
            (4, 4, 2),
            "along lattice vector 3, .* has 10.0 A of vacuum",
        ),
        (molecule("H2O", vacuum=4.0), (2, 1, 1), "along lattice vector 1, where the frame has no periodicity, got 2"),
    ],
)
def test_several_points_where_nothing_repeats(frame, counts, message):
    with pytest.raises(InputError, match=message):
        check_mesh(frame, counts)
    check_mesh(frame, (1, 1, 1))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (molecule("H2O"), "GPAW repeats a cell: expected three lattice vectors"),
        (molecule("H2O", vacuum=2.0), r"at least 6 A of vacuum along lattice vector \d, which is not periodic, got 4.0 A"),
        (Atoms("H", cell=[1.0, 1.0, 0.0], pbc=True), "three lattice vectors"),
    ],
)
def test_a_code_that_repeats_its_cell_needs_one(frame, message):
    with pytest.raises(InputError, match=message):
        require_box(frame, "GPAW")


def test_boxes_that_are_wide_enough():
    require_box(molecule("H2O", vacuum=3.0), "GPAW")
    require_box(bulk("Cu"), "GPAW")
