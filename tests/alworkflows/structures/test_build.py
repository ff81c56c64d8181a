"""Structures from files and prototypes."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from alworkflows.errors import InputError
from alworkflows.settings import StructureSettings
from alworkflows.structures import build, crystal


def test_supercell_of_a_prototype_carries_its_name():
    atoms = build(StructureSettings(prototype="zno-wurtzite", supercell=(3, 2, 1)), "melt me")
    assert len(atoms) == 24
    assert atoms.info == {"origin": {"structure": "melt me"}}


@pytest.mark.parametrize("name", ["cu.cif", "POSCAR", "cu.xyz"])
def test_files_ase_reads(tmp_path, name):
    copper = bulk("Cu", cubic=True)
    write(tmp_path / name, copper, **({"format": "extxyz"} if name.endswith("xyz") else {}))
    atoms = build(StructureSettings(file=name, supercell=(2, 1, 1)), "cu", tmp_path)
    assert len(atoms) == 8
    np.testing.assert_allclose(np.asarray(atoms.cell), np.diag([7.22, 3.61, 3.61]), atol=1e-4)
    assert atoms.pbc.all()
    assert atoms.calc is None


def test_a_file_only_pymatgen_reads(tmp_path):
    from pymatgen.io.ase import AseAtomsAdaptor

    expected = crystal("zno-bct")
    AseAtomsAdaptor.get_structure(expected).to(str(tmp_path / "bct.json"))
    atoms = build(StructureSettings(file="bct.json"), "bct", tmp_path)
    np.testing.assert_allclose(atoms.get_all_distances(mic=True), expected.get_all_distances(mic=True), atol=1e-8)


def test_slabs_from_a_file(tmp_path):
    write(tmp_path / "wz.cif", crystal("zno-wurtzite"))
    atoms = build(StructureSettings(file="wz.cif", miller=(1, 0, 0), layers=3, supercell=(2, 1, 1)), "s", tmp_path)
    assert len(atoms) == 24
    assert atoms.info["polar"] is False


def test_what_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"gone\.cif: no such file"):
        build(StructureSettings(file="gone.cif"), "x", tmp_path)
    (tmp_path / "bad.cif").write_text("this is no crystal")
    with pytest.raises(InputError, match=r"bad\.cif: neither ASE \(.+\) nor pymatgen \(.+\) reads this file"):
        build(StructureSettings(file="bad.cif"), "x", tmp_path)
    with pytest.raises(InputError, match="repeated in its plane only; set 'layers'"):
        build(StructureSettings(prototype="zno-wurtzite", miller=(1, 0, 0), supercell=(1, 1, 2)), "x")


def test_partial_occupancies_are_refused(tmp_path):
    from pymatgen.core import Lattice, Structure

    alloy = Structure(Lattice.cubic(3.6), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    alloy.to(str(tmp_path / "alloy.cif"))
    with pytest.raises(InputError, match="partial occupancies"):
        build(StructureSettings(file="alloy.cif"), "x", tmp_path)
