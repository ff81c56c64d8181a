"""Numbers and names of atoms in files of VASP and LAMMPS: what readers leave unread is refused."""

import pytest

from alworkflows.errors import InputError
from alworkflows.frames import read
from alworkflows.settings import ReadSettings
from alworkflows.structures.crystal_files import read_structure

POSCAR = "copper\n1.0\n4 0 0\n0 4 0\n0 0 4\n{species}\n{counts}\nDirect\n0 0 0\n0.5 0.5 0\n"


@pytest.mark.parametrize(
    ("species", "counts", "said"),
    [
        ("Cu Zn", "2", "2 species on line 6 .Cu Zn. and 1 numbers of atoms on line 7"),
        ("Cu", "1", "expected 1 rows of positions as line 7 says, got 2"),
        ("Cu", "3", "expected 3 rows of positions as line 7 says, got 2"),
    ],
)
def test_a_poscar_whose_numbers_do_not_fit(tmp_path, species, counts, said):
    (tmp_path / "POSCAR").write_text(POSCAR.format(species=species, counts=counts))
    for reader in (read, read_structure):
        with pytest.raises(InputError, match=said):
            reader(tmp_path / "POSCAR")
    (tmp_path / "POSCAR").write_text(POSCAR.format(species="Cu", counts="2") + "\n0 0 0\n0 0 0\n")  # velocities
    assert len(read(tmp_path / "POSCAR")[0]) == 2


HEAD = "ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 4\n0 4\n0 4\nITEM: ATOMS id {what} x y z\n"


def dump(*frames):
    return "".join(
        HEAD.format(step=step, what=what) + f"1 {first} 0 0 0\n2 {second} 2 2 2\n"
        for step, (what, first, second) in enumerate(frames)
    )


def test_a_dump_of_which_some_frames_have_elements(tmp_path):
    (tmp_path / "a.lammpstrj").write_text(dump(("element", "Cu", "Zn"), ("type", 1, 2)))
    with pytest.raises(InputError, match=r"frame 1.*expected the column 'element' in each frame or in none"):
        read(tmp_path / "a.lammpstrj")


@pytest.mark.parametrize("first", [0, -1])
def test_types_below_one(tmp_path, first):
    (tmp_path / "a.lammpstrj").write_text(dump(("type", first, 1)))
    with pytest.raises(InputError, match=f"atom types begin with 1 in LAMMPS, got {first}"):
        read(tmp_path / "a.lammpstrj", settings=ReadSettings(types=("Cu", "Zn")))
