"""What files of structures must say themselves, and what of them is kept."""

import gzip

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.constraints import FixAtoms, FixCartesian, FixScaled
from ase.io import write

from alworkflows.errors import InputError
from alworkflows.settings import StructureSettings
from alworkflows.structures import build, fixed_coordinates, read_structure

POSCAR = """{title}
1.0
3.61 0 0
0 3.61 0
0 0 3.61
{species}4
Direct
0 0 0
0.5 0.5 0
0.5 0 0.5
0 0.5 0.5
"""
CIF = """data_{name}
_cell_length_a 3.61
_cell_length_b 3.61
_cell_length_c 3.61
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
_space_group_IT_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{occupancy}{sites}
"""
DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
1
ITEM: BOX BOUNDS pp pp pp
0 3
0 3
0 3
ITEM: ATOMS id type {element}x y z
1 1 {symbol}0 0 0
"""
DATA = """zno

8 atoms
2 atom types

0 4.6 xlo xhi
0 4.6 ylo yhi
0 4.6 zlo zhi

Atoms # atomic

1 1 0 0 0
"""


def cif(*sites: str, name: str = "x") -> str:
    occupancy = "_atom_site_occupancy\n" if len(sites[0].split()) == 6 else ""
    return CIF.format(name=name, occupancy=occupancy, sites="\n".join(sites))


@pytest.mark.parametrize("name", ["POSCAR", "CONTCAR", "cu.vasp", "cu.poscar", "final", "POSCAR.gz"])
@pytest.mark.parametrize("title", ["relaxed bulk, step 3", "Cu"])
def test_a_poscar_says_its_species_in_a_line_of_their_own(tmp_path, name, title):
    """A title is no line of species, though ASE takes it for one where it can."""
    for species in ("", "Cu\n"):
        text = POSCAR.format(title=title, species=species)
        (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        if species:
            assert read_structure(tmp_path / name).get_chemical_formula() == "Cu4"
        else:
            with pytest.raises(InputError, match=r"no species line: expected the symbols on line 6, above the counts, got '4'"):
                read_structure(tmp_path / name)


def test_types_are_no_species(tmp_path):
    (tmp_path / "named.lammpstrj").write_text(DUMP.format(element="element ", symbol="Cu "))
    assert read_structure(tmp_path / "named.lammpstrj").get_chemical_formula() == "Cu"
    (tmp_path / "types.lammpstrj").write_text(DUMP.format(element="", symbol=""))
    (tmp_path / "types.dump").write_text(DUMP.format(element="", symbol=""))
    (tmp_path / "zno.data").write_text(DATA)
    for name in ("types.lammpstrj", "types.dump", "zno.data"):
        with pytest.raises(InputError, match=rf"{name}: .*types and no names"):
            read_structure(tmp_path / name)


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        (["Cu1 Cu 0 0 0 0.9"], r"partial occupancies: site 0 \(Cu 0.9\); choose an ordered structure"),
        (["Cu1 Cu 0 0 0 0.5", "Au1 Au 0 0 0 0.5"], r"site 0 \(Cu 0.5, Au 0.5\)"),
        (["Cu1 Cu 0 0 0 1", "Au1 Au 0 0 0 1"], r"site 0 \(Cu 1, Au 1\)"),
        (["Cu1 Cu 0 0 0", "Au1 Au 0 0 0"], r"sites 1 \(Au\) and 0 \(Cu\) are the same by symmetry, of two species"),
    ],
)
def test_sites_that_are_shared_or_partly_empty_are_named(tmp_path, sites, message):
    (tmp_path / "x.cif").write_text(cif(*sites))
    with pytest.raises(InputError, match=rf"x\.cif: .*{message}"):
        read_structure(tmp_path / "x.cif")


def test_disorder_that_pymatgen_reads_is_named_too(tmp_path):
    from pymatgen.core import Lattice, Structure

    Structure(Lattice.cubic(3.6), [{"Cu": 0.5, "Au": 0.5}, "Cu"], [[0, 0, 0], [0.5, 0.5, 0.5]]).to(str(tmp_path / "x.json"))
    with pytest.raises(InputError, match=r"partial occupancies: site 0 \(Cu:0\.5, Au:0\.5\)|site 0 \(Au:0\.5, Cu:0\.5\)"):
        read_structure(tmp_path / "x.json")


def test_atoms_of_a_protein_file_that_are_there_by_half(tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.set_array("occupancy", np.array([1.0, 0.5, 0.5, 1.0]))
    write(tmp_path / "x.pdb", atoms)
    with pytest.raises(InputError, match=r"atom 1 \(Cu 0\.5\), atom 2 \(Cu 0\.5\)"):
        read_structure(tmp_path / "x.pdb")


def test_sites_that_symmetry_makes_again_are_taken_once(tmp_path):
    every = ["Cu1 Cu 0 0 0", "Cu2 Cu 0.5 0.5 0", "Cu3 Cu 0.5 0 0.5", "Cu4 Cu 0 0.5 0.5"]
    (tmp_path / "x.cif").write_text(cif(*every))
    atoms = read_structure(tmp_path / "x.cif")
    assert len(atoms) == 4
    assert atoms.info["notes"] == ["x.cif: 3 of its 4 sites are others' by symmetry: each was taken once"]


def test_a_file_of_two_crystals_says_which_was_taken(tmp_path):
    (tmp_path / "x.cif").write_text(cif("Cu1 Cu 0 0 0", name="first") + cif("Au1 Au 0 0 0", name="second"))
    atoms = build(StructureSettings(file="x.cif"), "x", tmp_path)
    assert atoms.get_chemical_formula() == "Au4"
    assert atoms.info["notes"] == ["x.cif: holds 2 structures (first, second); the last, 'second', was taken"]


@pytest.mark.parametrize("name", ["frozen.vasp", "POSCAR", "frozen.xyz", "frozen.traj", "frozen.json"])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_held_survives_file_and_supercell(tmp_path, name, whole):
    atoms = fcc111("Cu", (2, 2, 3), vacuum=5.0)
    atoms.pbc = True
    atoms.info.clear()
    # ASE writes flags of a POSCAR for what is fixed along lattice vectors
    height = (
        FixScaled([5], (0, 0, 1), atoms.cell)
        if name in ("frozen.vasp", "POSCAR", "frozen.traj")
        else FixCartesian([5], mask=(0, 0, 1))
    )
    atoms.set_constraint([FixAtoms([0, 1]), *([] if whole else [height])])
    options = {"columns": ["symbols", "positions", "move_mask"], "format": "extxyz"} if name.endswith("xyz") else {}
    write(tmp_path / name, atoms, **options)
    expected = fixed_coordinates(atoms)
    np.testing.assert_array_equal(fixed_coordinates(read_structure(tmp_path / name)), expected)
    repeated = build(StructureSettings(file=name, supercell=(2, 1, 1)), "x", tmp_path)
    np.testing.assert_array_equal(fixed_coordinates(repeated), np.tile(expected, (2, 1)))


def test_what_else_a_file_says_is_no_note_of_ours(tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.info["notes"] = "made by hand"
    write(tmp_path / "x.xyz", atoms)
    for frames in (None, ":"):
        assert "notes" not in build(StructureSettings(file="x.xyz", frames=frames), "x", tmp_path).info


def test_selective_dynamics_that_pymatgen_reads(tmp_path):
    from pymatgen.core import Lattice, Structure

    moves = [[True, True, False], [False, False, False]]
    sites = [[0, 0, 0], [0.5, 0.5, 0.5]]
    structure = Structure(Lattice.cubic(3.6), ["Cu", "Cu"], sites, site_properties={"selective_dynamics": moves})
    structure.to(str(tmp_path / "x.yaml"))
    np.testing.assert_array_equal(fixed_coordinates(read_structure(tmp_path / "x.yaml")), ~np.array(moves))


def test_a_slab_drops_what_its_crystal_held_and_says_so(tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.set_constraint(FixAtoms([0]))
    write(tmp_path / "x.vasp", atoms)
    cut = build(StructureSettings(file="x.vasp", miller=(1, 0, 0)), "x", tmp_path)
    assert not cut.constraints
    assert cut.info["notes"] == ["constraints of the crystal are not those of a slab, and were dropped"]


def test_nothing_is_repeated_where_nothing_repeats(tmp_path):
    write(tmp_path / "x.xyz", Atoms("C", cell=[2, 2, 12], pbc=[1, 1, 0]))
    assert len(build(StructureSettings(file="x.xyz", supercell=(3, 2, 1)), "x", tmp_path)) == 6
    with pytest.raises(InputError, match="x: expected supercell 1 along c, where nothing repeats, got 2"):
        build(StructureSettings(file="x.xyz", supercell=(1, 1, 2)), "x", tmp_path)
    write(tmp_path / "flat.traj", Atoms("C", cell=[2, 2, 0], pbc=[1, 1, 0]))
    with pytest.raises(InputError, match="x: no lattice vector along c: add vacuum"):
        build(StructureSettings(file="flat.traj", supercell=(2, 1, 1)), "x", tmp_path)
