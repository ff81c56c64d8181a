"""The door for frames: what comes in by a file is used as its writer meant it, or refused with file, frame and key."""

import gzip
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.stress import voigt_6_to_full_3x3_stress
from ase.units import Bohr, GPa, Hartree

from alworkflows import frames as fr
from alworkflows.errors import InputError
from alworkflows.frames.keys import choose_keys
from alworkflows.settings import ReadSettings, parse

SKIP = ReadSettings(skip_bad=True)


def labelled(count: int = 12, seed: int = 1) -> list[Atoms]:
    """Rattled copper with labels of EMT."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True).repeat((2, 1, 1))
        atoms.set_cell(np.asarray(atoms.cell) * (1 + 0.02 * rng.normal()), scale_atoms=True)
        atoms.positions += 0.08 * rng.normal(size=(len(atoms), 3))
        atoms.calc = EMT()
        frames.append(fr.attach_labels(atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    return frames


def text(frames: list[Atoms], **names: str) -> str:
    """The frames as extended XYZ; ``names``: other names of the labels."""
    from io import StringIO

    from alworkflows.frames.writing import write_extended_xyz

    handle = StringIO()
    write_extended_xyz(handle, frames)
    written = handle.getvalue()
    for name, other in names.items():
        written = written.replace(f" {name}=", f" {other}=").replace(f":{name}:R", f":{other}:R")
    return written


def change(frames: list[Atoms], number: int, old: str, new: str) -> str:
    """The frames as extended XYZ, with something replaced in the header of one of them."""
    blocks = [text([frame]) for frame in frames]
    assert old in blocks[number]
    return "".join(block.replace(old, new) if place == number else block for place, block in enumerate(blocks))


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., str]:
    """Write a file, return its path."""

    def write(content: str, name: str = "frames.xyz") -> str:
        (tmp_path / name).write_text(content)
        return str(tmp_path / name)

    return write


def energies(frames: list[Atoms]) -> list[float]:
    return [fr.labels(frame).energy for frame in frames]


class TestText:
    def test_blank_lines_between_frames_end_nothing(self, put) -> None:
        frames = labelled(4)
        parts = [text([frame]) for frame in frames]
        reading = fr.read_files([put("\n" + parts[0] + parts[1] + "\n  \n" + parts[2] + parts[3] + "\n\n")])
        assert energies(reading.frames) == energies(frames)
        assert reading.report.lines() == []

    @pytest.mark.parametrize("stray", ["# part two\n", "Cu 0 0 0\n", "8 atoms follow\n"])
    def test_text_between_frames_is_named_with_its_line(self, put, stray: str) -> None:
        parts = [text([frame]) for frame in labelled(3)]
        path = put(parts[0] + stray + parts[1] + parts[2])
        with pytest.raises(InputError, match=r"frames\.xyz, line 11: expected the number of atoms of the next frame"):
            fr.read_files([path])
        assert len(fr.read_files([path], SKIP).frames) == 3

    def test_a_row_too_many_is_not_dropped(self, put) -> None:
        lines = text(labelled(2)).splitlines()
        path = put("\n".join([*lines[:10], lines[9], *lines[10:]]) + "\n")
        with pytest.raises(InputError, match="line 11: expected the number of atoms of the next frame"):
            fr.read_files([path])

    def test_a_row_too_few_spoils_what_follows_aloud(self, put) -> None:
        lines = text(labelled(3)).splitlines()
        path = put("\n".join(lines[:9] + lines[10:]) + "\n")
        with pytest.raises(InputError, match=r"frame 0, line 1: line 10: expected 7 columns as the header declares, got 1: '8'"):
            fr.read_files([path])

    def test_columns_that_no_header_declares(self, put) -> None:
        path = put("1\nplain\nCu 0 0 0 0.1 0.2 0.3\n")
        with pytest.raises(InputError, match="expected 4 columns in each of 1 rows as plain XYZ has, got 7 words"):
            fr.read_files([path])

    def test_a_file_that_is_cut_off(self, put) -> None:
        lines = text(labelled(3)).splitlines()
        path = put("\n".join(lines[:-3]) + "\n")
        with pytest.raises(InputError, match="frame 2, line 21: expected 8 atoms, the file ends after 5"):
            fr.read_files([path])
        reading = fr.read_files([path], SKIP)
        assert len(reading.frames) == 2
        assert reading.report.read == 3
        assert reading.report.as_dict()["left_out"] == {"cut off": 1}


class TestLabels:
    @pytest.mark.parametrize(
        ("new", "said"),
        [
            ("None", "energy: expected a number, got 'None'"),
            ('"1.5 eV"', "energy: expected a number, got '1.5 eV'"),
            ("1.0D+00", "energy: expected a number, got '1.0D\\+00'"),
            ('"1.0 2.0"', "energy: expected a number, got 2 numbers"),
            ("T", "energy: expected a number, got True"),
            ("nan", "energy: expected finite numbers"),
            ("-inf", "energy: expected finite numbers"),
            ("1e999", "energy: expected finite numbers"),
        ],
    )
    def test_an_energy_that_is_none_is_named_or_left_out(self, put, new: str, said: str) -> None:
        frames = labelled(5)
        path = put(change(frames, 2, f"energy={fr.labels(frames[2]).energy}", f"energy={new}"))
        with pytest.raises(InputError, match=rf"frames\.xyz, frame 2, line 21: {said}"):
            fr.read_files([path])
        reading = fr.read_files([path], SKIP)
        assert energies(reading.frames) == energies([frames[i] for i in (0, 1, 3, 4)])
        assert reading.files[0].numbers == [0, 1, 3, 4]

    @pytest.mark.parametrize(
        ("kind", "said"), [("R:1", "expected 8 x 3 numbers, got 8 numbers"), ("S:1", "expected 8 x 3 numbers, got")]
    )
    def test_forces_of_another_shape(self, put, kind: str, said: str) -> None:
        written = text(labelled(2)).replace("forces:R:3", f"forces:{kind}:other:R:2")
        with pytest.raises(InputError, match=f"forces: {said}"):
            fr.read_files([put(written)])

    def test_labels_that_only_some_frames_have(self, put) -> None:
        frames = labelled(4)
        bare = frames[1].copy()
        path = put(text([frames[0], bare, *frames[2:]]))
        assert len(fr.read_files([path]).frames) == 4
        with pytest.raises(InputError, match=r"frame 1: expected forces, got none \(label missing; --skip-bad"):
            fr.read_files([path], needed=("forces",))
        assert len(fr.read_files([path], SKIP, ("forces",)).frames) == 3

    def test_a_single_atom_has_no_force(self, put) -> None:
        alone = fr.attach_labels(Atoms("Cu"), -0.3)
        reading = fr.read_files([put(text([*labelled(2), alone]))], needed=("energy", "forces"))
        np.testing.assert_array_equal(fr.labels(reading.frames[2]).forces, np.zeros((1, 3)))
        assert reading.report.lines() == ["forces of a single atom in its cell taken as zero, as symmetry has it: 1 frame"]

    def test_every_kind_is_listed_with_its_count_and_first_frame(self, put) -> None:
        frames = labelled(12)
        frames[3].positions[1] = frames[3].positions[0]
        frames[5].numbers[0] = 0
        blocks = [text([frame]) for frame in frames]
        blocks[7] = blocks[7].replace("energy=", "energy=x")
        blocks[8] = blocks[8].replace("energy=", "energy=x")
        path = put("".join(blocks))
        with pytest.raises(InputError) as caught:
            fr.read_files([path])
        said = str(caught.value).splitlines()
        assert said[0] == "4 of 12 frames cannot be used; nothing was computed"
        assert "not numbers: 2, first: " in said[1]
        assert "frame 7, line 71: energy" in said[1]
        assert any("atoms at one place: 1" in line and "frame 3" in line for line in said)
        assert any("species not known: 1" in line and "frame 5" in line for line in said)
        assert said[-1].strip() == "--skip-bad leaves them out"

    def test_a_stress_of_nine_or_six_numbers_and_a_virial_are_the_same(self, put) -> None:
        frames = labelled(2)
        six = " ".join(map(str, fr.labels(frames[0]).stress))
        virial = " ".join(map(str, voigt_6_to_full_3x3_stress(-frames[0].get_volume() * fr.labels(frames[0]).stress).ravel()))
        start = text(frames[:1])
        nine = start[start.index('stress="') : start.index('"', start.index('stress="') + 8) + 1]
        for new in (nine, f'stress="{six}"', f'virial="{virial}"', f'REF_virials="{virial}"'):
            (frame,) = fr.read(put(start.replace(nine, new)))
            np.testing.assert_allclose(fr.labels(frame).stress, fr.labels(frames[0]).stress, rtol=1e-12, atol=1e-15)

    def test_a_stress_that_is_not_symmetric_is_refused(self, put) -> None:
        start = text(labelled(1))
        nine = start[start.index('stress="') : start.index('"', start.index('stress="') + 8) + 1]
        with pytest.raises(InputError, match="stress: expected a symmetric matrix"):
            fr.read(put(start.replace(nine, 'stress="1 2 3 4 5 6 7 8 9"')))

    @pytest.mark.parametrize("form", ["xyz", "npz"])
    def test_what_does_not_repeat_in_three_directions_has_no_stress(self, tmp_path: Path, form: str) -> None:
        slab = fcc111("Cu", (1, 1, 3), vacuum=8.0)
        slab.calc = SinglePointCalculator(slab, energy=1.0, forces=np.ones((3, 3)), stress=np.ones(6))
        path = str(tmp_path / f"slab.{form}")
        if form == "npz":
            fr.save(path, [slab])
        else:
            ase.io.write(path, slab)
        reading = fr.read_files([path])
        assert fr.labels(reading.frames[0]).stress is None
        assert reading.report.lines() == ["stress left out, as the frame does not repeat along all three directions: 1 frame"]
        with pytest.raises(InputError, match="expected stress, and no frame repeats along all three directions"):
            fr.read_files([path], needed=("stress",))

    def test_atoms_that_were_moved_after_their_labels(self, tmp_path: Path) -> None:
        frames = labelled(2)
        database = ase.io.trajectory.Trajectory(str(tmp_path / "f.traj"), "w")
        database.write(frames[0])
        database.close()
        assert fr.labels(fr.read(tmp_path / "f.traj")[0]).energy == energies(frames)[0]

    def test_forces_on_atoms_held_still_are_not_known(self, tmp_path: Path) -> None:
        (frame,) = labelled(1)
        forces = fr.labels(frame).forces.copy()
        forces[:2] = 0.0
        frame = fr.attach_labels(frame, 1.0, forces)
        frame.set_constraint(FixAtoms([0, 1, 2]))
        for name in ("f.xyz", "f.npz"):
            fr.write(tmp_path / name, [frame])
            reading = fr.read_files([str(tmp_path / name)])
            assert any("held still" in line for line in reading.report.lines())
            known = fr.known_forces(reading.frames[0])
            assert known is not None
            assert known[:, 0].tolist() == [False, False, True, True, True, True, True, True]


class TestForces:
    def test_one_absurd_force_is_named(self, put) -> None:
        frames = labelled(12)
        fr.labels(frames[4]).forces[1, 0] *= 1e3
        path = put(text(frames))
        with pytest.raises(InputError, match=r"frame 4: a force of .* eV/A is above 100 eV/A; --largest-force"):
            fr.read_files([path])
        assert len(fr.read_files([path], SKIP).frames) == 11
        assert len(fr.read_files([path], ReadSettings(largest_force=1e9)).frames) == 12

    def test_one_far_beyond_all_others_is_named(self, put) -> None:
        frames = labelled(30)
        fr.labels(frames[4]).forces[1] = (60.0, 0.0, 0.0)
        with pytest.raises(InputError, match="frame 4: a force of 60 eV/A, where three in four frames have none above"):
            fr.read_files([put(text(frames))])

    def test_a_large_force_of_atoms_that_are_close_is_no_wonder(self, put) -> None:
        frames = labelled(30)
        dimer = Atoms("Cu2", [[0, 0, 0], [1.5, 0, 0]])
        frames.append(fr.attach_labels(dimer, 10.0, [[-140.0, 0, 0], [140.0, 0, 0]]))
        assert len(fr.read_files([put(text(frames))]).frames) == 31

    def test_crystals_at_rest_and_hot_ones_together(self, put) -> None:
        frames = labelled(30)
        for frame in frames[:20]:
            fr.labels(frame).forces[:] *= 1e-3
        fr.labels(frames[25]).forces[0] = (40.0, 0.0, 0.0)
        assert len(fr.read_files([put(text(frames))]).frames) == 30


class TestKeys:
    @pytest.mark.parametrize(
        ("names", "energy", "forces"),
        [
            (("energy", "forces"), "energy", "forces"),
            (("REF_energy", "REF_forces", "energy", "forces"), "REF_energy", "REF_forces"),
            (("dft_energy", "dft_force"), "dft_energy", "dft_force"),
            (("DFT_energy", "DFT_forces", "forces"), "DFT_energy", "DFT_forces"),
            (("free_energy", "energy", "force"), "free_energy", "force"),
            (("Energy", "Forces"), "Energy", "Forces"),
            (("REF_energy", "free_energy"), "REF_energy", None),
            (("MACE_energy", "MACE_forces"), None, None),
            (("config_energy_weight", "force_unit"), None, None),
        ],
    )
    def test_the_order_of_names(self, names: tuple[str, ...], energy: str | None, forces: str | None) -> None:
        keys = choose_keys(names, ReadSettings())
        assert (keys.energy, keys.forces) == (energy, forces)

    def test_keys_that_differ_in_capitals_are_two(self) -> None:
        assert choose_keys(("Energy", "energy"), ReadSettings(energy_key="energy")).energy == "energy"
        keys = choose_keys(("Energy", "energy"), ReadSettings(energy_key="Energy"))
        assert (keys.energy, keys.unused) == ("Energy", ("energy",))

    def test_who_names_a_virial_gets_no_stress_instead(self) -> None:
        keys = choose_keys(("stress", "virial"), ReadSettings(virial_key="virail"))
        assert (keys.stress, keys.virial) == (None, None)
        assert choose_keys(("stress", "virial"), ReadSettings(virial_key="virial")).stress is None
        assert choose_keys(("stress", "virial"), ReadSettings(stress_key="stress")).virial is None

    def test_labels_of_two_families_are_noted(self, put) -> None:
        reading = fr.read_files([put(text(labelled(3), energy="REF_energy"))])
        assert any("names of several kinds" in line for line in reading.report.lines())

    def test_labels_beside_those_taken_are_told(self, put) -> None:
        written = text(labelled(3), energy="REF_energy", forces="REF_forces")
        rows = [line + " 9 9 9" if line.startswith("Cu") else line for line in written.splitlines()]
        path = put("\n".join(rows).replace("REF_forces:R:3", "REF_forces:R:3:forces:R:3") + "\n")
        reading = fr.read_files([path])
        np.testing.assert_array_equal(fr.labels(reading.frames[0]).forces, fr.labels(labelled(1)[0]).forces)
        assert "there and not used: forces" in reading.report.lines()
        assert "forces taken from REF_forces" in reading.report.lines()
        # and they are gone: written again, nothing can be taken for a label that was none
        assert "forces" not in reading.frames[0].arrays

    def test_what_looks_like_a_label_is_offered(self, put) -> None:
        path = put(text(labelled(3), forces="xtb_forces"))
        with pytest.raises(
            InputError, match="3 of 3 frames have no forces; the file has xtb_forces: if that is it, --forces-key xtb_forces"
        ):
            fr.read_files([path], needed=("forces",))
        assert len(fr.read_files([path], ReadSettings(forces_key="xtb_forces"), ("forces",)).frames) == 3

    def test_a_named_key_that_is_not_there(self, put) -> None:
        path = put(text(labelled(2)))
        for settings in (ReadSettings(energy_key="dft"), ReadSettings(stress_key="REF_strss")):
            with pytest.raises(InputError, match=r"no frame has the key '(dft|REF_strss)' of --(energy|stress)-key, but"):
                fr.read_files([path], settings)

    def test_a_named_key_may_have_any_name(self, put) -> None:
        path = put(text(labelled(3), forces="frc", energy="Etot"))
        reading = fr.read_files([path], ReadSettings(forces_key="frc", energy_key="Etot"), ("energy", "forces"))
        assert energies(reading.frames) == energies(labelled(3))
        np.testing.assert_array_equal(fr.labels(reading.frames[0]).forces, fr.labels(labelled(1)[0]).forces)

    def test_the_energy_is_the_one_the_forces_derive_from(self, put) -> None:
        frames = labelled(2)
        plain = text(frames, energy="free_energy").replace(" free_energy=", " energy=99.0 free_energy=")
        reading = fr.read_files([put(plain)])
        assert energies(reading.frames) == energies(frames)
        assert reading.files[0].energies == "free"

    def test_energies_of_two_kinds_do_not_mix(self, put) -> None:
        frames = labelled(4)
        free = put(text(frames[:2], energy="free_energy").replace(" free_energy=", " energy=99.0 free_energy="), "free.xyz")
        other = put(text(frames[2:]), "other.xyz")
        with pytest.raises(InputError, match=r"energies of two kinds: .*free\.xyz has free energies"):
            fr.read_files([free, other])
        assert len(fr.read_files([free, other], ReadSettings(energy_key="energy")).frames) == 4
        both = put(text(frames[:2], energy="free_energy") + text(frames[2:]), "both.xyz")
        with pytest.raises(InputError, match=r"both\.xyz: some frames have a free energy"):
            fr.read_files([both])

    def test_our_own_files_say_which_energy_they_have(self, put, tmp_path: Path) -> None:
        frames = labelled(4)
        free = put(text(frames[:2], energy="free_energy").replace(" free_energy=", " energy=99.0 free_energy="), "free.xyz")
        other = put(text(frames[2:]), "other.xyz")
        for name in ("own.npz", "own.xyz"):
            fr.write(tmp_path / name, fr.read(free))
            own = str(tmp_path / name)
            assert len(fr.read_files([free, own]).frames) == 4
            with pytest.raises(InputError, match="energies of two kinds"):
                fr.read_files([own, other])

    def test_without_smearing_both_energies_are_one(self, put) -> None:
        frames = labelled(4)
        value = fr.labels(frames[0]).energy
        same = put(text(frames[:1]).replace(" energy=", f" free_energy={value} energy="), "same.xyz")
        assert len(fr.read_files([same, put(text(frames[1:]))]).frames) == 4


class TestUnits:
    def test_declared_units_are_converted(self, put) -> None:
        (frame,) = labelled(1)
        stored = fr.labels(frame)
        foreign = fr.attach_labels(frame, stored.energy / Hartree, stored.forces / (Hartree / Bohr), stored.stress / GPa)
        written = text([foreign]).replace(" energy=", ' energy-unit=hartree force_unit="Ha/bohr" stress_units=GPa energy=')
        reading = fr.read_files([put(written)])
        (back,) = reading.frames
        np.testing.assert_allclose(fr.labels(back).energy, stored.energy, rtol=1e-12)
        np.testing.assert_allclose(fr.labels(back).forces, stored.forces, rtol=1e-12)
        np.testing.assert_allclose(fr.labels(back).stress, stored.stress, rtol=1e-12)
        assert "energy from hartree: 1 frame" in reading.report.lines()

    @pytest.mark.parametrize("key", ["units_energy", "unit_energy", "energy_unit"])
    def test_units_whose_key_is_written_either_way(self, put, key: str) -> None:
        (frame,) = labelled(1)
        (back,) = fr.read(put(text([frame]).replace(" energy=", f" {key}=Hartree energy=")))
        np.testing.assert_allclose(fr.labels(back).energy, fr.labels(frame).energy * Hartree)

    @pytest.mark.parametrize("said", ["converged=F", "scf_converged=False", "dft_converged=no"])
    def test_a_frame_that_says_it_did_not_converge(self, put, said: str) -> None:
        path = put(change(labelled(3), 1, " energy=", f" {said} energy="))
        with pytest.raises(InputError, match=r"frame 1, line 11: .*did not converge"):
            fr.read(path)
        assert len(fr.read_files([path], SKIP).frames) == 2

    def test_units_that_the_user_names(self, put) -> None:
        (frame,) = labelled(1)
        settings = parse(ReadSettings, {"units": {"energy": "Ry", "length": "nm"}})
        (back,) = fr.read(put(text([frame])), settings=settings)
        np.testing.assert_allclose(fr.labels(back).energy, fr.labels(frame).energy * Hartree / 2)
        np.testing.assert_allclose(back.positions, 10 * frame.positions)
        np.testing.assert_allclose(np.asarray(back.cell), 10 * np.asarray(frame.cell))

    @pytest.mark.parametrize("declared", ["energy-unit=foo", "units=cgs", "force-unit=MeV/A", "stress_unit=eV"])
    def test_a_unit_that_nobody_knows_is_refused(self, put, declared: str) -> None:
        with pytest.raises(InputError, match="unknown unit"):
            fr.read(put(text(labelled(1)).replace(" energy=", f" {declared} energy=")))

    def test_a_setting_that_is_no_unit(self) -> None:
        with pytest.raises(InputError, match=r"unknown units: unit of energy 'Hatree'.*did you mean 'Hartree'"):
            parse(ReadSettings, {"units": {"energy": "Hatree"}})

    def test_magnitudes_of_another_unit_are_noted(self, put) -> None:
        frames = labelled(12)
        assert not fr.read_files([put(text(frames))]).report.notes
        kbar = [fr.attach_labels(f, fr.labels(f).energy, fr.labels(f).forces, fr.labels(f).stress / (0.1 * GPa)) for f in frames]
        (note,) = fr.read_files([put(text(kbar))]).report.notes
        assert "numbers in GPa or kbar look so" in note
        hartree = [fr.attach_labels(f, fr.labels(f).energy / Hartree, fr.labels(f).forces * Bohr / Hartree) for f in frames]
        (note,) = fr.read_files([put(text(hartree))]).report.notes
        assert "numbers in Hartree/Bohr look so" in note

    @pytest.mark.parametrize(
        ("energy", "length", "said"), [(Hartree, 1.0, "energies in Hartree look so"), (1.0, Bohr, "positions in Bohr look so")]
    )
    def test_units_that_do_not_go_together_are_noted(self, put, energy: float, length: float, said: str) -> None:
        rng = np.random.default_rng(3)
        atoms = bulk("Cu", cubic=True).repeat(2)
        atoms.rattle(0.1, seed=1)
        frames = []
        for _ in range(20):
            atoms.positions += 0.02 * rng.normal(size=(len(atoms), 3))
            atoms.calc = EMT()
            frame = fr.attach_labels(atoms, atoms.get_potential_energy() / energy, atoms.get_forces())
            frame.set_cell(np.asarray(frame.cell) / length, scale_atoms=True)
            frames.append(
                fr.attach_labels(frame, frame.calc.results["energy"], frame.calc.results["forces"]) if length == 1 else frame
            )
        notes = fr.read_files([put(text(frames))]).report.notes
        assert any(said in note for note in notes)


class TestGeometry:
    def test_atoms_at_one_place_also_across_a_boundary_and_in_large_frames(self, put) -> None:
        small, large = labelled(1)[0], bulk("Cu", cubic=True).repeat(3)
        small.positions[3] = small.positions[0] + small.cell[0] - small.cell[2]
        large.positions[70] = large.positions[5] + large.cell[1] + (0.01, 0.0, 0.0)
        reading = fr.read_files([put(text([*labelled(2), small, large]))], SKIP)
        assert len(reading.frames) == 2
        reasons = [fault.reason for fault in reading.report.faults]
        assert reasons == [
            "atoms 0 and 3 are 0 A apart, nearer than 0.1 A",
            "atoms 5 and 70 are 0.01 A apart, nearer than 0.1 A",
        ] or ("atoms 0 and 3" in reasons[0] and "atoms 5 and 70 are 0.01 A" in reasons[1])

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda atoms: atoms.set_cell([5, 5, 0]), "periodic along c, and the lattice vector c is 0 A long"),
            (lambda atoms: atoms.set_cell([[5, 0, 0], [0, 5, 0], [5, 5, 0]]), "the periodic lattice vectors lie in one plane"),
            (lambda atoms: atoms.positions.fill(np.nan), "positions: expected finite numbers"),
            (lambda atoms: atoms.numbers.fill(0), r"expected atomic numbers from 1 to 118, got 0 \('X'\)"),
        ],
    )
    def test_what_is_no_configuration(self, put, spoil, said: str) -> None:
        atoms = bulk("Cu", cubic=True)
        spoil(atoms)
        with pytest.raises(InputError, match=said):
            fr.read(put(text([atoms])))

    @pytest.mark.parametrize("name", ["lattice", "cell", "box"])
    def test_lattice_vectors_under_another_name(self, put, name: str) -> None:
        written = text(labelled(2)).replace("Lattice=", f"{name}=").replace(' pbc="T T T"', "")
        with pytest.raises(InputError, match=rf"expected the lattice vectors as Lattice=.*, got '{name}'"):
            fr.read(put(written))

    def test_a_byte_order_mark(self, put) -> None:
        assert len(fr.read(put("\ufeff" + text(labelled(2))))) == 2

    def test_no_atoms(self, put) -> None:
        frames = labelled(3)
        path = put(
            text(frames[:1]) + '0\nLattice="1 0 0 0 1 0 0 0 1" Properties=species:S:1:pos:R:3 energy=1.0\n' + text(frames[1:])
        )
        with pytest.raises(InputError, match="frame 1, line 11: expected atoms, got none"):
            fr.read(path)
        assert len(fr.read_files([path], SKIP).frames) == 3


class TestKept:
    @pytest.mark.parametrize("name", ["f.npz", "f.xyz"])
    def test_through_files(self, tmp_path: Path, name: str) -> None:
        first, second = labelled(2)
        first.info |= {"weight": 2.5, "config_type": "slab, 2x2", "charge": -1.0}
        first.set_initial_magnetic_moments([1, -1] * 4)
        first.calc.results["energies"] = np.arange(8.0)
        fr.write(tmp_path / name, [first, second])
        one, other = fr.read(tmp_path / name)
        assert {key: one.info[key] for key in ("weight", "config_type", "charge")} == {
            "weight": 2.5,
            "config_type": "slab, 2x2",
            "charge": -1.0,
        }
        np.testing.assert_array_equal(one.get_initial_magnetic_moments(), first.get_initial_magnetic_moments())
        np.testing.assert_array_equal(one.calc.results["energies"], np.arange(8.0))
        assert "weight" not in other.info
        assert "initial_magmoms" not in other.arrays
        assert fr.frame_id(one) == fr.frame_id(first)

    def test_extended_xyz_says_what_made_the_labels(self, tmp_path: Path) -> None:
        frames = labelled(4)
        engines = [{"calculator": "emt", "parameters": {"x": 1}}, {"calculator": "emt", "parameters": {"x": 2}}]
        for name, engine in zip("ab", engines, strict=True):
            fr.write(tmp_path / f"{name}.xyz", frames, engine)
        assert fr.read_files([str(tmp_path / "a.xyz")]).engine == engines[0]
        with pytest.raises(InputError, match="labels of two engines or settings"):
            fr.read_files([str(tmp_path / "a.xyz"), str(tmp_path / "b.xyz")])
        together = tmp_path / "c.xyz"
        together.write_text((tmp_path / "a.xyz").read_text() + (tmp_path / "b.xyz").read_text())
        with pytest.raises(InputError, match=r"c\.xyz, frame 4"):
            fr.read_files([str(together)])

    def test_moments_of_both_kinds_in_one_file(self, tmp_path: Path) -> None:
        collinear, vectors = labelled(2)
        collinear.set_initial_magnetic_moments(np.arange(8.0))
        vectors.set_initial_magnetic_moments(np.arange(24.0).reshape(8, 3))
        for frames in ([collinear, vectors], [vectors, collinear]):
            for name in ("f.npz", "f.xyz"):
                fr.write(tmp_path / name, frames)
                assert [fr.frame_id(frame) for frame in fr.read(tmp_path / name)] == [fr.frame_id(frame) for frame in frames]

    @pytest.mark.parametrize("info", [{"weight": "abc"}, {"weight": -1.0}, {"charge": "two"}])
    def test_what_an_exact_file_keeps_is_checked_too(self, tmp_path: Path, info: dict) -> None:
        first, second = labelled(2)
        second.info |= info
        fr.save(tmp_path / "f.npz", [first, second])
        with pytest.raises(InputError, match=r"f\.npz, frame 1: (weight|charge): expected a number"):
            fr.read(tmp_path / "f.npz")
        assert len(fr.read_files([str(tmp_path / "f.npz")], SKIP).frames) == 1

    def test_what_others_call_the_weight(self, put) -> None:
        (frame,) = fr.read(put(text(labelled(1)).replace(" energy=", " config_weight=0.5 energy=")))
        assert frame.info["weight"] == 0.5

    def test_moments_that_are_none(self, put) -> None:
        (frame,) = labelled(1)
        frame.set_initial_magnetic_moments([np.nan] * 8)
        with pytest.raises(InputError, match="initial_magmoms: expected a finite number or three of each atom, got"):
            fr.read(put(text([frame])))

    @pytest.mark.parametrize("weight", ["0", "-1", "heavy", "nan", "T"])
    def test_a_weight_that_is_none(self, put, weight: str) -> None:
        with pytest.raises(InputError, match="weight: expected a number"):
            fr.read(put(text(labelled(1)).replace(" energy=", f" weight={weight} energy=")))


class TestSources:
    def test_patterns_folders_and_compressed_files(self, tmp_path: Path) -> None:
        frames = labelled(4)
        for number, frame in enumerate(frames):
            (tmp_path / f"run{number}").mkdir()
            fr.write(tmp_path / f"run{number}" / "frame.xyz", [frame])
        assert energies(fr.read_files([str(tmp_path / "run*" / "*.xyz")]).frames) == energies(frames)
        with gzip.open(tmp_path / "f.xyz.gz", "wt") as handle:
            handle.write(text(frames))
        assert energies(fr.read(tmp_path / "f.xyz.gz")) == energies(frames)

    def test_nothing_matches(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no file matches this pattern"):
            fr.read_files([str(tmp_path / "*.nothing")])

    def test_labels_that_are_not_wanted_are_not_judged(self, put) -> None:
        frames = labelled(3)
        path = put(change(frames, 1, "energy=", "energy=x"))
        reading = fr.read_files([path], with_labels=False)
        assert len(reading.frames) == 3
        assert not fr.labels(reading.frames[0])
