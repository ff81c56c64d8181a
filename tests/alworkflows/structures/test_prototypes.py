"""The crystals are what they are called: space group, coordination, composition."""

import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from alworkflows.errors import InputError
from alworkflows.structures import PROTOTYPES, check, crystal

# nearest neighbours within 2.15 A, all of the other species; h-BN like has two more at 2.28 A
COORDINATION = {
    "zno-wurtzite": 4,
    "zno-zincblende": 4,
    "zno-bct": 4,
    "zno-hbn": 3,
    "zno-sodalite": 4,
    "zno-cubane": 4,
}


@pytest.mark.parametrize("name", PROTOTYPES)
def test_coordination_and_composition(name):
    atoms = crystal(name)
    start, end = neighbor_list("ij", atoms, 2.15)
    assert np.all(np.bincount(start, minlength=len(atoms)) == COORDINATION[name])
    assert np.all(atoms.numbers[start] != atoms.numbers[end])
    assert atoms.get_chemical_formula(empirical=True) == "OZn"
    check(atoms, ["Zn", "O"], name=name)


@pytest.mark.parametrize("name", PROTOTYPES)
def test_symmetry_found_by_spglib_is_the_stated_group(name):
    spglib = pytest.importorskip("spglib")
    atoms = crystal(name)
    dataset = spglib.get_symmetry_dataset((np.asarray(atoms.cell), atoms.get_scaled_positions(), atoms.numbers), symprec=1e-3)
    assert dataset.number == PROTOTYPES[name].group


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(InputError, match=r"unknown prototype 'zno-wurzite' \(did you mean 'zno-wurtzite'\?\)"):
        crystal("zno-wurzite")
