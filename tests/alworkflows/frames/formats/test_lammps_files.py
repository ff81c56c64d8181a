"""Dumps and data files of LAMMPS: units, types, names of types, and what is broken or cut off."""

from pathlib import Path

import numpy as np
import pytest
from ase.units import Bohr, kcal, mol

from alworkflows.errors import InputError
from alworkflows.frames import Reading, labels, read_files
from alworkflows.frames.faults import FaultKind
from alworkflows.settings import ReadSettings

SKIP = ReadSettings(skip_bad=True)
NAMED = ReadSettings(types=("Zn", "O"))


def snapshot(step: int, units: str = "", columns: str = "id type element x y z fx fy fz") -> str:
    """A triclinic one, atoms in another order than their numbers."""
    rows = {
        "id": ("2", "1"),
        "type": ("2", "1"),
        "element": ("O", "Zn"),
        "x": ("2.0", "0.1"),
        "y": ("2.5", "0.0"),
        "z": ("3.0", "0.0"),
        "xs": ("0.5", "0.0"),
        "ys": ("0.5", "0.0"),
        "zs": ("0.5", "0.0"),
        "fx": ("-1.0", "1.0"),
        "fy": ("0.0", "0.0"),
        "fz": ("0.5", "-0.5"),
    }
    head = f"ITEM: UNITS\n{units}\n" if units else ""
    head += f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS xy xz yz pp pp pp\n"
    head += f"0.0 5.0 1.0\n0.0 5.0 0.0\n0.0 6.0 0.0\nITEM: ATOMS {columns}\n"
    return head + "".join(" ".join(rows[column][row] for column in columns.split()) + "\n" for row in range(2))


def read(folder: Path, text: str, settings: ReadSettings | None = None, name: str = "run.dump") -> Reading:
    (folder / name).write_text(text)
    return read_files([str(folder / name)], settings)


class TestDump:
    def test_atoms_by_number_in_a_triclinic_cell(self, tmp_path: Path) -> None:
        frames = read(tmp_path, snapshot(0, "metal") + snapshot(5)).frames
        assert frames[1].get_chemical_symbols() == ["Zn", "O"]
        np.testing.assert_allclose(frames[0].cell.array, [[4, 0, 0], [1, 5, 0], [0, 0, 6]])
        np.testing.assert_allclose(labels(frames[0]).forces, [[1, 0, -0.5], [-1, 0, 0.5]])
        assert labels(frames[0]).energy is None

    def test_units_that_it_names(self, tmp_path: Path) -> None:
        frame = read(tmp_path, snapshot(0, "real")).frames[0]
        np.testing.assert_allclose(labels(frame).forces[0], np.array([1, 0, -0.5]) * kcal / mol)
        np.testing.assert_allclose(read(tmp_path, snapshot(0, "electron")).frames[0].cell[2], [0, 0, 6 * Bohr])

    def test_reduced_units(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="units 'lj'"):
            read(tmp_path, snapshot(0, "lj"))

    @pytest.mark.parametrize("columns", ["id type x y z", "id type xs ys zs"])
    def test_types_have_to_be_named(self, tmp_path: Path, columns: str) -> None:
        text = snapshot(0, columns=columns)
        with pytest.raises(InputError, match="--types Zn,O"):
            read(tmp_path, text)
        with pytest.raises(InputError, match="types up to 2, and names for 1"):
            read(tmp_path, text, ReadSettings(types=("Zn",)))
        frame = read(tmp_path, text, NAMED).frames[0]
        assert frame.get_chemical_symbols() == ["Zn", "O"]
        assert abs(frame.positions[1, 2] - 3.0) < 1e-9

    def test_two_dumps_in_one_file_are_both_read(self, tmp_path: Path) -> None:
        assert len(read(tmp_path, 2 * (snapshot(0, "metal") + snapshot(5))).frames) == 4

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            (snapshot(0) + snapshot(1)[:-45], FaultKind.TRUNCATED),
            (snapshot(0) + snapshot(1)[:-2], FaultKind.TRUNCATED),
            (snapshot(0) + "ITEM: TIMESTEP\n5\n", FaultKind.TRUNCATED),
            (snapshot(0) + "words\n" + snapshot(1), FaultKind.UNREAD),
            (snapshot(0).replace("ATOMS\n2", "ATOMS\n3") + snapshot(1), FaultKind.UNREAD),
            (snapshot(0) + snapshot(1).replace("ATOMS\n2", "ATOMS\n1"), FaultKind.UNREAD),
        ],
    )
    def test_what_is_broken_is_told(self, tmp_path: Path, text: str, kind: FaultKind) -> None:
        with pytest.raises(InputError, match=kind.value):
            read(tmp_path, text)


DATA = """LAMMPS data file via write_data, version 22 Jul 2025, timestep = 0, units = {units}

3 atoms
2 atom types

0 5 xlo xhi
0 5 ylo yhi
0 6 zlo zhi
1 0 0 xy xz yz
{labels}
Masses

{masses}

Atoms # {style}

{rows}
"""
MASSES = "1 65.38\n2 15.999"
ROWS = "3 2 {q}1 1 1 0 0 0\n1 1 {q}0 0 0 0 0 0\n2 2 {q}2 2 2 0 0 0"


class TestData:
    def test_types_by_their_masses(self, tmp_path: Path) -> None:
        text = DATA.format(units="metal", labels="", masses=MASSES, style="atomic", rows=ROWS.format(q=""))
        frame = read(tmp_path, text, name="a.data").frames[0]
        assert frame.get_chemical_symbols() == ["Zn", "O", "O"]
        np.testing.assert_allclose(frame.cell.array, [[5, 0, 0], [1, 5, 0], [0, 0, 6]])
        np.testing.assert_allclose(frame.positions[2], [1, 1, 1])

    def test_charges(self, tmp_path: Path) -> None:
        text = DATA.format(units="metal", labels="", masses=MASSES, style="charge", rows=ROWS.format(q="0.5 "))
        np.testing.assert_allclose(read(tmp_path, text, name="a.data").frames[0].positions[2], [1, 1, 1])

    @pytest.mark.parametrize("masses", [MASSES, "Zn 65.38\nO 15.999", "1 1.0\n2 1.0"])
    def test_types_with_names_stay_with_their_atoms(self, tmp_path: Path, masses: str) -> None:
        # the atom whose number is 1 stands second
        rows = "3 O 0.5 1 1 1 0 0 0\n1 Zn 0.5 0 0 0 0 0 0\n2 O 0.5 2 2 2 0 0 0"
        labels_ = "\nAtom Type Labels\n\n1 Zn\n2 O\n"
        text = DATA.format(units="real", labels=labels_, masses=masses, style="charge", rows=rows)
        frame = read(tmp_path, text, name="a.data").frames[0]
        assert frame.get_chemical_symbols() == ["Zn", "O", "O"]
        np.testing.assert_allclose(frame.positions, [[0, 0, 0], [2, 2, 2], [1, 1, 1]])

    def test_units_that_it_names(self, tmp_path: Path) -> None:
        text = DATA.format(units="electron", labels="", masses=MASSES, style="atomic", rows=ROWS.format(q=""))
        np.testing.assert_allclose(read(tmp_path, text, name="a.data").frames[0].positions[2], [Bohr] * 3)
        with pytest.raises(InputError, match="units 'lj'"):
            read(tmp_path, text.replace("electron", "lj"), name="a.data")
