"""Constraints as masks, and masks as constraints."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111
from ase.constraints import FixAtoms, FixBondLengths, FixCartesian, FixCom, FixedLine, FixedPlane, FixScaled, Hookean

from alworkflows.errors import InputError
from alworkflows.structures import fixed_coordinates, hold

ALL, NONE, Z, XY, Y = [True] * 3, [False] * 3, [False, False, True], [True, True, False], [False, True, False]


def held(*constraints) -> Atoms:
    atoms = fcc111("Cu", (1, 1, 3), vacuum=5.0)  # its vectors: a along x, b at 60 degrees from it, c along z
    atoms.set_constraint([constraint(atoms) if callable(constraint) else constraint for constraint in constraints])
    return atoms


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        ((), [NONE, NONE, NONE]),
        ((FixAtoms([0, 2]),), [ALL, NONE, ALL]),
        ((FixCartesian([1], mask=(0, 0, 1)), FixAtoms([0])), [ALL, Z, NONE]),
        ((FixCartesian([1], mask=(0, 0, 1)), FixCartesian([1], mask=(1, 1, 0))), [NONE, ALL, NONE]),
        ((lambda atoms: FixScaled([0], (1, 1, 1), atoms.cell),), [ALL, NONE, NONE]),
        ((lambda atoms: FixScaled([0, 1], (0, 0, 1), atoms.cell),), [Z, Z, NONE]),
        ((lambda atoms: FixScaled([0], (1, 1, 0), atoms.cell),), [XY, NONE, NONE]),
        ((lambda atoms: FixScaled([0], (0, 1, 0), atoms.cell),), [Y, NONE, NONE]),
        ((FixedPlane([2], (0, 0, 2)),), [NONE, NONE, Z]),
        ((FixedLine([2], (0, 0, -1)),), [NONE, NONE, XY]),
    ],
)
def test_what_is_held(constraints, expected):
    np.testing.assert_array_equal(fixed_coordinates(held(*constraints)), expected)


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (FixBondLengths([[0, 1]]), "got FixBondLengths; take it away"),
        (Hookean(0, 1, rt=2.0, k=5.0), "got Hookean"),
        (FixCom(), "got FixCom"),
        (lambda atoms: FixScaled([1], (1, 0, 0), atoms.cell), "got FixScaled of atom 1 along a direction in between"),
        (FixedPlane([0], (1, 0, 1)), "along x, y or z, got FixedPlane of atom 0"),
    ],
)
def test_what_is_no_mask_is_refused(constraint, message):
    with pytest.raises(InputError, match=f"thing: .*{message}"):
        fixed_coordinates(held(constraint), "thing")


def test_any_mask_comes_back():
    rng = np.random.default_rng(3)
    for _ in range(20):
        atoms = fcc111("Cu", (2, 2, 3), vacuum=5.0)
        fixed = rng.random((12, 3)) < 0.5
        fixed[:4] = rng.random((4, 1)) < 0.5
        hold(atoms, fixed)
        np.testing.assert_array_equal(fixed_coordinates(atoms), fixed)
    hold(atoms, np.zeros((12, 3), dtype=bool))
    assert not atoms.constraints
