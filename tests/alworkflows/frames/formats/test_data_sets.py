"""Formats in which others keep data sets: what they mean by a stress, a type or a unit, and what is broken in them."""

import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.stress import voigt_6_to_full_3x3_stress
from ase.units import GPa

from alworkflows.errors import InputError
from alworkflows.frames import attach_labels, labels, read_files
from alworkflows.frames.faults import FaultKind
from alworkflows.frames.writing import write
from alworkflows.settings import ReadSettings

SKIP = ReadSettings(skip_bad=True)


@pytest.fixture
def given() -> list[Atoms]:
    """Rattled, sheared copper with one silver, labels of EMT."""
    rng = np.random.default_rng(5)
    frames = []
    for _ in range(4):
        atoms = bulk("Cu", cubic=True)
        atoms.symbols[1] = "Ag"
        atoms.set_cell(atoms.cell.array + 0.1 * rng.normal(size=(3, 3)), scale_atoms=True)
        atoms.positions += 0.1 * rng.normal(size=(4, 3))
        atoms.calc = EMT()
        frames.append(attach_labels(atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    return frames


def require_same(read: list[Atoms], given: list[Atoms], digits: float = 1e-8, stress: bool = True) -> None:
    for frame, expected in zip(read, given, strict=True):
        assert frame.get_chemical_symbols() == expected.get_chemical_symbols()
        np.testing.assert_allclose(frame.cell.array, expected.cell.array, atol=digits)
        np.testing.assert_allclose(frame.positions, expected.positions, atol=digits)
        got, known = labels(frame), labels(expected)
        assert got.energy == pytest.approx(known.energy, abs=digits)
        np.testing.assert_allclose(got.forces, known.forces, atol=digits)
        if stress:
            np.testing.assert_allclose(got.stress, known.stress, atol=digits)


def changed(path: Path, old: str, new: str, times: int = 1) -> str:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, times))
    return str(path)


class TestMtp:
    #: as mlip-2 writes it, of VASP
    WRITTEN = """BEGIN_CFG
 Size
    2
 Supercell
         4.000000      0.000000      0.000000
         0.000000      4.000000      0.000000
         0.000000      1.000000      4.000000
 AtomData:  id type       cartes_x      cartes_y      cartes_z           fx          fy          fz
             1    0       0.000000      0.000000      0.000000     0.100000    0.000000   -0.300000
             2    1       2.000000      2.000000      2.000000    -0.100000    0.000000    0.300000
 Energy
        -10.250000000000
 PlusStress:  xx          yy          zz          yz          xz          xy
         6.40000     0.00000     0.00000     0.64000    -0.64000     1.28000
 Feature   EFS_by       VASP
END_CFG
"""

    def test_plus_stress_is_minus_the_stress_times_the_volume(self, tmp_path: Path) -> None:
        (tmp_path / "train.cfg").write_text(self.WRITTEN)
        frame = read_files([str(tmp_path / "train.cfg")], ReadSettings(types=("Zn", "O"))).frames[0]
        assert frame.get_chemical_symbols() == ["Zn", "O"]
        assert labels(frame).energy == -10.25
        np.testing.assert_allclose(labels(frame).stress, [-0.1, 0, 0, -0.01, 0.01, -0.02])
        np.testing.assert_allclose(labels(frame).forces[0], [0.1, 0, -0.3])

    def test_the_older_word_stress_has_the_other_sign(self, tmp_path: Path) -> None:
        (tmp_path / "train.cfg").write_text(self.WRITTEN.replace("PlusStress", "Stress"))
        frame = read_files([str(tmp_path / "train.cfg")], ReadSettings(types=("Zn", "O"))).frames[0]
        assert labels(frame).stress[0] == pytest.approx(0.1)

    def test_types_have_to_be_named(self, tmp_path: Path) -> None:
        (tmp_path / "train.cfg").write_text(self.WRITTEN)
        with pytest.raises(InputError, match="--types Zn,O"):
            read_files([str(tmp_path / "train.cfg")])
        with pytest.raises(InputError, match="types 0 to 1, and names for 1: Zn"):
            read_files([str(tmp_path / "train.cfg")], ReadSettings(types=("Zn",)))

    def test_fractional_positions(self, tmp_path: Path) -> None:
        text = self.WRITTEN.replace("cartes_", "direct_").replace("2.000000      2.000000      2.000000", "0.5 0.5 0.5")
        (tmp_path / "train.cfg").write_text(text)
        frame = read_files([str(tmp_path / "train.cfg")], ReadSettings(types=("Zn", "O"))).frames[0]
        np.testing.assert_allclose(frame.positions[1], [2, 2.5, 2])

    @pytest.mark.parametrize(
        ("old", "new", "kind"),
        [
            ("END_CFG\n", "END_CFG\n 1 2 3\nwords\n", FaultKind.UNREAD),
            ("END_CFG\n", "", FaultKind.TRUNCATED),
            ("    4\n", "    5\n", FaultKind.UNREADABLE),
            ("    4\n", "    3\n", FaultKind.UNREADABLE),
            (" fz\n", "\n", FaultKind.UNREADABLE),
            ("    2 ", "    3 ", FaultKind.UNREADABLE),
            (" Energy\n", " Energie\n", FaultKind.UNREADABLE),
        ],
    )
    def test_what_is_broken_is_told(self, tmp_path: Path, given: list[Atoms], old: str, new: str, kind: FaultKind) -> None:
        write(tmp_path / "a.cfg", given)
        reading = read_files([changed(tmp_path / "a.cfg", old, new)], SKIP)
        assert [fault.kind for fault in reading.report.faults] == [kind]
        assert len(reading.frames) == (4 if kind is FaultKind.UNREAD else 3)

    def test_files_one_after_the_other_are_all_read(self, tmp_path: Path, given: list[Atoms]) -> None:
        write(tmp_path / "a.cfg", given)
        (tmp_path / "b.cfg").write_text(2 * (tmp_path / "a.cfg").read_text())
        require_same(read_files([str(tmp_path / "b.cfg")]).frames, given * 2)


class TestRunner:
    def test_as_ase_writes_it_in_bohr_and_hartree(self, tmp_path: Path, given: list[Atoms]) -> None:
        ase.io.write(tmp_path / "input.data", given, format="runnerdata")
        require_same(read_files([str(tmp_path / "input.data")]).frames, given, stress=False)

    @pytest.mark.parametrize("name", ["input.data", "others.txt"])
    def test_as_n2p2_has_it_in_units_that_are_named(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text(
            "begin\ncomment made by hand\nlattice 4 0 0\nlattice 0 4 0\nlattice 0 0 4\n"
            "atom 0 0 0 Zn 0.0 0.0 0.1 0.2 0.3\natom 2 2 2 O 0.0 0.0 -0.1 -0.2 -0.3\nenergy -7.5\ncharge 0.0\nend\n"
        )
        own = ReadSettings(units={"length": "A", "energy": "eV", "force": "eV/A"})
        frame = read_files([str(tmp_path / name)], own).frames[0]
        assert frame.cell[0, 0] == 4.0
        assert labels(frame).energy == -7.5
        np.testing.assert_allclose(labels(frame).forces, [[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3]])

    @pytest.mark.parametrize(
        ("old", "new", "kind"),
        [
            ("end\n", "end\nwords\nmore words\n", FaultKind.UNREAD),
            ("end\n", "", FaultKind.TRUNCATED),
            ("energy", "energie", FaultKind.UNREADABLE),
            ("lattice", "# lattice", FaultKind.UNREADABLE),
            (" Ag ", " ag ", FaultKind.UNREADABLE),
            (" Ag ", " Ag 0.0 ", FaultKind.UNREADABLE),
        ],
    )
    def test_what_is_broken_is_told(self, tmp_path: Path, given: list[Atoms], old: str, new: str, kind: FaultKind) -> None:
        ase.io.write(tmp_path / "input.data", given, format="runnerdata")
        reading = read_files([changed(tmp_path / "input.data", old, new)], SKIP)
        assert [fault.kind for fault in reading.report.faults] == [kind]
        assert len(reading.frames) == (4 if kind is FaultKind.UNREAD else 3)

    def test_cut_off(self, tmp_path: Path, given: list[Atoms]) -> None:
        ase.io.write(tmp_path / "input.data", given, format="runnerdata")
        text = (tmp_path / "input.data").read_text()
        (tmp_path / "input.data").write_text(text[:-60])
        with pytest.raises(InputError, match=r"frame 3, line .*expected 'end', the file ends"):
            read_files([str(tmp_path / "input.data")])


class TestFitsnap:
    @pytest.fixture
    def folder(self, tmp_path: Path, given: list[Atoms]) -> Path:
        for number, frame in enumerate(given):
            group = tmp_path / "JSON" / ("Liquid" if number % 2 else "Crystal")
            group.mkdir(parents=True, exist_ok=True)
            entry = {
                "AtomTypes": frame.get_chemical_symbols(),
                "Positions": frame.positions.tolist(),
                "Lattice": frame.cell.array.tolist(),
                "NumAtoms": len(frame),
                "Energy": labels(frame).energy,
                "Forces": labels(frame).forces.tolist(),
                # LAMMPS' pressure in bar
                "Stress": (-voigt_6_to_full_3x3_stress(labels(frame).stress) / GPa * 1e4).tolist(),
            }
            styles = {"StressStyle": "bar", "ForcesStyle": "electronvoltperangstrom", "EnergyStyle": "electronvolt"}
            text = json.dumps({"Dataset": {"Data": [entry], "LatticeStyle": "angstrom", **styles}})
            (group / f"{number}.json").write_text(f"# made of {number}\n{text}")
        return tmp_path / "JSON"

    def test_a_folder_of_groups(self, folder: Path, given: list[Atoms]) -> None:
        frames = read_files([str(folder)]).frames
        require_same(frames, [given[number] for number in (0, 2, 1, 3)])
        assert [frame.info["config_type"] for frame in frames] == ["Crystal", "Crystal", "Liquid", "Liquid"]

    def test_a_unit_that_it_names(self, folder: Path, given: list[Atoms]) -> None:
        path = changed(folder / "Crystal" / "0.json", '"bar"', '"kB"')
        np.testing.assert_allclose(labels(read_files([path]).frames[0]).stress, 1000 * labels(given[0]).stress)

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ('"NumAtoms": 4', '"NumAtoms": 5', "expected 5 atoms, got 4 types"),
            ('"Lattice":', '"Gitter":', "lacks 'Lattice'"),
            ('["Cu", "Ag"', '["Cu", "Agg"', "chemical symbols, got 'Agg'"),
            ('"electronvolt"', '"foot"', "unknown unit 'foot' of energy"),
            ("}}", "}} {", "cannot be read as JSON: Extra data"),
        ],
    )
    def test_what_is_broken_is_told(self, folder: Path, old: str, new: str, words: str) -> None:
        with pytest.raises(InputError, match=words):
            read_files([changed(folder / "Crystal" / "0.json", old, new)])


class TestDeepmd:
    @pytest.fixture
    def system(self, tmp_path: Path, given: list[Atoms]) -> Path:
        write(tmp_path / "system", given, form="deepmd")
        return tmp_path / "system"

    def test_the_virial_is_minus_the_stress_times_the_volume(self, system: Path, given: list[Atoms]) -> None:
        virial = np.load(system / "set.000" / "virial.npy")
        assert virial[0, 0] == pytest.approx(-labels(given[0]).stress[0] * given[0].get_volume())
        require_same(read_files([str(system)]).frames, given)

    def test_texts_without_sets(self, system: Path, given: list[Atoms]) -> None:
        for file in (system / "set.000").glob("*.npy"):
            np.savetxt(system / f"{file.stem}.raw", np.load(file))
            file.unlink()
        (system / "set.000").rmdir()
        require_same(read_files([str(system)]).frames, given)

    def test_mixed_systems_with_places_for_no_atom(self, system: Path, given: list[Atoms]) -> None:
        folder = system / "set.000"
        (system / "type.raw").write_text("0\n" * 5)
        types = [[0 if symbol == "Ag" else 1 for symbol in frame.get_chemical_symbols()] + [-1] for frame in given]
        np.save(folder / "real_atom_types.npy", types)
        for name in ("coord", "force"):
            np.save(folder / f"{name}.npy", np.hstack([np.load(folder / f"{name}.npy"), np.zeros((4, 3))]).astype(np.float32))
        require_same(read_files([str(system)]).frames, given, digits=1e-5)

    def test_systems_below_a_folder(self, system: Path, tmp_path: Path, given: list[Atoms]) -> None:
        (tmp_path / "others").mkdir()
        write(tmp_path / "others" / "a", given, form="deepmd")
        system.rename(tmp_path / "others" / "b")
        assert len(read_files([str(tmp_path / "others")]).frames) == 8

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda system: (system / "type_map.raw").unlink(), "--types Zn,O"),
            (lambda system: (system / "type_map.raw").write_text("A B"), "'A' is no element"),
            (lambda system: (system / "type.raw").write_text("0 x"), "a whole number for each atom"),
            (lambda system: (system / "type.raw").write_text("0 0 0 2"), "type 2, and there are names for 2"),
            (lambda system: (system / "type.raw").write_text("0 0 0"), "coord.npy: expected rows of 9 numbers"),
            (lambda system: (system / "set.000" / "box.npy").unlink(), "no lattice vectors"),
            (lambda system: (system / "set.000" / "coord.npy").unlink(), "no coordinates"),
            (lambda system: np.save(system / "set.000" / "energy.npy", np.zeros(3)), "4 rows of coord and 3 of energy"),
            (lambda system: np.save(system / "set.000" / "energy.npy", np.array(["a"] * 4)), "expected rows of 1 numbers"),
            (lambda system: np.save(system / "set.000" / "force.npy", np.zeros((4, 11))), "expected rows of 12 numbers"),
            (lambda system: np.save(system / "set.000" / "energy.npy", np.array([{}] * 4, dtype=object)), "energy.npy"),
        ],
    )
    def test_what_is_broken_is_told(self, system: Path, change: Callable[[Path], Any], words: str) -> None:
        change(system)
        with pytest.raises(InputError, match=words):
            read_files([str(system)])


class TestPymatgen:
    @pytest.fixture
    def entries(self, given: list[Atoms]) -> list[dict[str, Any]]:
        from pymatgen.io.ase import AseAtomsAdaptor

        return [
            {
                "structure": AseAtomsAdaptor.get_structure(frame).as_dict(),
                "energy": labels(frame).energy,
                "forces": labels(frame).forces.tolist(),
                # as VASP has it, kbar
                "stress": (-voigt_6_to_full_3x3_stress(labels(frame).stress) / GPa * 10).tolist(),
            }
            for frame in given
        ]

    def read(self, folder: Path, content: Any) -> list[Atoms]:
        with gzip.open(folder / "data.json.gz", "wt") as handle:
            json.dump(content, handle)
        return read_files([str(folder / "data.json.gz")]).frames

    def test_a_list(self, tmp_path: Path, given: list[Atoms], entries: list[dict[str, Any]]) -> None:
        require_same(self.read(tmp_path, entries), given)

    def test_labels_one_level_below(self, tmp_path: Path, given: list[Atoms], entries: list[dict[str, Any]]) -> None:
        nested = [{"structure": entry.pop("structure"), "outputs": entry, "group": "melt"} for entry in entries]
        frames = self.read(tmp_path, nested)
        require_same(frames, given)
        assert frames[0].info["config_type"] == "melt"

    def test_mappings_by_name_with_names_of_the_materials_project(
        self, tmp_path: Path, given: list[Atoms], entries: list[dict[str, Any]]
    ) -> None:
        for entry in entries:
            entry |= {"uncorrected_total_energy": entry["energy"], "energy": -99.0, "force": entry.pop("forces")}
        require_same(self.read(tmp_path, {"mp-1": {f"mp-1-{n}": entry for n, entry in enumerate(entries)}}), given)

    def test_lists_side_by_side(self, tmp_path: Path, given: list[Atoms], entries: list[dict[str, Any]]) -> None:
        lists = {
            f"{key}s" if key != "energy" else "energies": [entry[key] for entry in entries] for key in ("structure", "energy")
        }
        lists |= {"forces": [entry["forces"] for entry in entries], "stresses": [entry["stress"] for entry in entries]}
        require_same(self.read(tmp_path, lists), given)
        with pytest.raises(InputError, match="energies: expected 4 of them, one for each structure, got 3"):
            self.read(tmp_path, lists | {"energies": lists["energies"][:3]})

    def test_six_numbers_in_the_order_of_vasp(self, tmp_path: Path, given: list[Atoms], entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            (xx, xy, xz), (_, yy, yz), (_, _, zz) = entry.pop("stress")
            entry["virial_stress"] = [xx, yy, zz, xy, yz, xz]
        require_same(self.read(tmp_path, entries), given)

    def test_six_numbers_of_unknown_order(self, tmp_path: Path, entries: list[dict[str, Any]]) -> None:
        entries[2]["stress"] = [1, 2, 3, 4, 5, 6]
        with pytest.raises(InputError, match=r"frame 2, \[2\].*order of six is not known"):
            self.read(tmp_path, entries)

    def test_partial_occupancies(self, tmp_path: Path, entries: list[dict[str, Any]]) -> None:
        entries[1]["structure"]["sites"][0]["species"][0]["occu"] = 0.5
        with pytest.raises(InputError, match=r"partial occupancies"):
            self.read(tmp_path, entries)

    def test_other_json(self, tmp_path: Path) -> None:
        with pytest.raises(InputError):
            self.read(tmp_path, {"sites": 3})


class TestDatabase:
    def test_rows_with_key_value_pairs_and_constraints(self, tmp_path: Path, given: list[Atoms]) -> None:
        with ase.db.connect(tmp_path / "rows.db") as database:
            for number, frame in enumerate(given):
                frame.set_constraint(FixAtoms([number]))
                database.write(frame, config_type="melt" if number else "crystal", weight=2.0)
        frames = read_files([str(tmp_path / "rows.db")]).frames
        assert [frame.info["config_type"] for frame in frames] == ["crystal", "melt", "melt", "melt"]
        assert frames[0].info["weight"] == 2.0
        assert [frame.constraints[0].index.tolist() for frame in frames] == [[0], [1], [2], [3]]
        for frame in (*frames, *given):
            frame.set_constraint()
        require_same(frames, given)

    def test_in_json(self, tmp_path: Path, given: list[Atoms]) -> None:
        ase.io.write(tmp_path / "rows.json", given)
        require_same(read_files([str(tmp_path / "rows.json")]).frames, given)

    def test_garbage(self, tmp_path: Path) -> None:
        (tmp_path / "rows.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 3000)
        with pytest.raises(InputError, match="cannot read this database"):
            read_files([str(tmp_path / "rows.db")])


class _Dangerous:
    ran = False

    def __reduce__(self) -> Any:
        return setattr, (_Dangerous, "ran", True)


@pytest.mark.parametrize("name", ["data.pckl.gzip", "data.pkl", "data.txt"])
def test_a_pickle_is_never_loaded(tmp_path: Path, name: str) -> None:
    content = pickle.dumps(_Dangerous())
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gzip") else content)
    with pytest.raises(InputError, match="can run any code"):
        read_files([str(tmp_path / name)])
    assert not _Dangerous.ran


class TestOneFileOneData:
    def test_two_trajectories(self, tmp_path: Path, given: list[Atoms]) -> None:
        ase.io.write(tmp_path / "a.traj", given)
        require_same(read_files([str(tmp_path / "a.traj")]).frames, given)
        (tmp_path / "two.traj").write_bytes(2 * (tmp_path / "a.traj").read_bytes())
        with pytest.raises(InputError, match="2 trajectories"):
            read_files([str(tmp_path / "two.traj")])

    def test_a_trajectory_that_is_cut_off(self, tmp_path: Path, given: list[Atoms]) -> None:
        ase.io.write(tmp_path / "a.traj", given)
        (tmp_path / "a.traj").write_bytes((tmp_path / "a.traj").read_bytes()[:1500])
        with pytest.raises(InputError, match="ASE cannot read"):
            read_files([str(tmp_path / "a.traj")])

    def test_two_structures_in_a_poscar(self, tmp_path: Path, given: list[Atoms]) -> None:
        ase.io.write(tmp_path / "POSCAR", given[0], format="vasp")
        one = (tmp_path / "POSCAR").read_text()
        (tmp_path / "POSCAR").write_text(2 * one)
        with pytest.raises(InputError, match=r"line 18: another species line"):
            read_files([str(tmp_path / "POSCAR")])
        (tmp_path / "POSCAR").write_text(one + "\n" + "  0.1 0.0 -0.1\n" * 4)
        assert len(read_files([str(tmp_path / "POSCAR")]).frames) == 1
