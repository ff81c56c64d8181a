import os
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from alworkflows import frames as fr
from alworkflows.errors import InputError

ORIGIN = {"structure": "copper", "sampler": "melt", "seed": 7, "step": 120, "temperature": 812.25}


def make(count: int = 4, labelled: bool = True, seed: int = 1) -> list[Atoms]:
    """Frames of several sizes, cells and periodicities, with numbers that have no short decimal form."""
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(count):
        atoms = bulk("Cu", cubic=True).repeat((1, 1, 1 + number % 3))
        atoms.numbers[0] = 79
        atoms.set_cell(np.asarray(atoms.cell) + 0.1 * rng.normal(size=(3, 3)), scale_atoms=True)
        atoms.positions += 0.1 * rng.normal(size=(len(atoms), 3))
        atoms.pbc = (True, True, number % 2)
        atoms.info["origin"] = {**ORIGIN, "step": number}
        if labelled:
            atoms = fr.attach_labels(atoms, rng.normal(), rng.normal(size=(len(atoms), 3)), rng.normal(size=6))
        frames.append(atoms)
    return frames


def same(first: Atoms, second: Atoms) -> None:
    """Equal to the last bit, labels and origin included."""
    for name in ("numbers", "positions", "pbc"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    np.testing.assert_array_equal(np.asarray(first.cell), np.asarray(second.cell))
    assert first.info.get("origin") == second.info.get("origin")
    one, other = fr.labels(first), fr.labels(second)
    for name in ("energy", "forces", "stress"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b)


class TestIdentity:
    def test_is_sixteen_hex_digits_and_does_not_see_labels_or_origin(self) -> None:
        (frame,) = make(1)
        bare = frame.copy()
        bare.info = {}
        assert fr.frame_id(frame) == fr.frame_id(bare)
        assert len(fr.frame_id(frame)) == 16
        int(fr.frame_id(frame), 16)

    def test_is_the_same_in_every_process_and_version(self) -> None:
        # the id is stored in databases: it must never change
        atoms = Atoms("ZnO", [[0, 0, 0], [0.5, 0.25, -0.125]], cell=[4, 5, 6], pbc=[True, True, False])
        assert fr.frame_id(atoms) == "5b55165ff03bffb7"

    @pytest.mark.parametrize("change", ["number", "position", "cell", "pbc"])
    def test_sees_the_last_bit(self, change: str) -> None:
        (frame,) = make(1)
        other = frame.copy()
        if change == "number":
            other.numbers[1] = 30
        elif change == "position":
            other.positions[2, 1] = np.nextafter(other.positions[2, 1], 10)
        elif change == "cell":
            other.cell[0, 0] = np.nextafter(other.cell[0, 0], 100)
        else:
            other.pbc[2] = not other.pbc[2]
        assert fr.frame_id(other) != fr.frame_id(frame)

    def test_minus_zero_is_zero(self) -> None:
        assert fr.frame_id(Atoms("H", [[0.0, 0, 0]])) == fr.frame_id(Atoms("H", [[-0.0, 0, 0]]))

    def test_duplicates(self) -> None:
        frames = make(3)
        assert fr.duplicates([*frames, frames[1].copy(), frames[0].copy()]) == [3, 4]
        assert fr.duplicates(frames) == []


class TestLabels:
    def test_attach_copies_and_keeps_the_origin(self) -> None:
        (frame,) = make(1, labelled=False)
        forces = np.ones((len(frame), 3))
        labelled = fr.attach_labels(frame, forces=forces)
        forces[:] = 7
        assert frame.calc is None
        np.testing.assert_array_equal(fr.labels(labelled).forces, 1.0)
        assert (fr.labels(labelled).energy, fr.labels(labelled).stress) == (None, None)
        assert labelled.info["origin"] == frame.info["origin"]

    def test_a_live_calculator_is_not_a_label_and_is_not_run(self) -> None:
        atoms = bulk("Cu")
        atoms.calc = EMT()
        assert not fr.labels(atoms)
        atoms.get_potential_energy()
        assert not fr.labels(atoms)

    def test_energy_zero_is_a_label(self) -> None:
        assert fr.labels(fr.attach_labels(bulk("Cu"), energy=0.0))

    def test_forces_of_another_size_are_refused(self) -> None:
        with pytest.raises(ValueError, match="reshape"):
            fr.attach_labels(bulk("Cu"), forces=np.zeros((2, 3)))

    def test_check_counts_what_lacks(self) -> None:
        frames = [*make(3), *make(2, labelled=False)]
        fr.check_labelled(frames[:3], ("energy", "forces", "stress"))
        with pytest.raises(InputError, match=r"data: 2 of 5 frames have no forces \(first: frame 3\)"):
            fr.check_labelled(frames, where="data")
        with pytest.raises(InputError, match="expected at least one frame, got none"):
            fr.check_labelled([])


class TestExact:
    @pytest.mark.parametrize("labelled", [True, False])
    def test_round_trip_through_npz(self, tmp_path: Path, labelled: bool) -> None:
        frames = make(7, labelled)
        fr.save(tmp_path / "f.npz", frames, {"engine": {"name": "emt"}})
        back, header = fr.load(tmp_path / "f.npz")
        assert header == {"format": "alworkflows-frames", "version": 1, "engine": {"name": "emt"}}
        assert len(back) == 7
        for one, other in zip(frames, back, strict=True):
            same(one, other)
            assert fr.frame_id(one) == fr.frame_id(other)

    def test_partly_labelled_frames_survive(self) -> None:
        frames = make(3, labelled=False)
        frames[0] = fr.attach_labels(frames[0], energy=-1.0)
        frames[2] = fr.attach_labels(frames[2], forces=np.zeros((len(frames[2]), 3)))
        for one, other in zip(frames, fr.unpack(fr.pack(frames)), strict=True):
            same(one, other)

    def test_no_frames_at_all(self) -> None:
        assert fr.unpack(fr.pack([])) == []

    def test_a_frame_without_atoms_is_kept_without_labels(self) -> None:
        (back,) = fr.unpack(fr.pack([Atoms(cell=[1, 2, 3])]))
        assert len(back) == 0
        assert not fr.labels(back)

    def test_unpacked_frames_own_their_numbers(self) -> None:
        arrays = fr.pack(make(2))
        first = fr.unpack(arrays)
        first[0].positions += 1
        fr.labels(first[0]).forces[:] = 9  # type: ignore[index]
        same(fr.unpack(arrays)[0], make(2)[0])

    @pytest.mark.parametrize("name", ["positions", "forces", "energy", "stress", "cell"])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_nan_is_refused(self, name: str, value: float) -> None:
        frames = make(2)
        stored = {"energy": 0.0, "forces": np.zeros((len(frames[1]), 3)), "stress": np.zeros(6)}
        if name == "positions":
            frames[1].positions[0, 0] = value
        elif name == "cell":
            frames[1].cell[0, 0] = value
        elif name == "energy":
            stored["energy"] = value
        else:
            stored[name].flat[1] = value  # type: ignore[union-attr]
        frames[1] = fr.attach_labels(frames[1], **stored)
        with pytest.raises(InputError, match=f"{name} of frame 1: expected finite numbers"):
            fr.pack(frames)

    def test_saving_replaces_at_once_and_leaves_nothing_beside(self, tmp_path: Path) -> None:
        path = tmp_path / "f.npz"
        fr.save(path, make(2))
        bad = make(1)
        bad[0].positions[0] = np.nan
        with pytest.raises(InputError, match="positions of frame 0"):
            fr.save(path, bad)
        assert len(fr.load(path)[0]) == 2
        assert os.listdir(tmp_path) == ["f.npz"]

    def test_an_origin_of_numpy_numbers_is_kept(self) -> None:
        (frame,) = make(1)
        frame.info["origin"] = {"step": np.int64(3), "temperature": np.float64(1.5), "supercell": np.array([1, 2])}
        (back,) = fr.unpack(fr.pack([frame]))
        assert back.info["origin"] == {"step": 3, "temperature": 1.5, "supercell": [1, 2]}


class TestForeign:
    def damage(self, path: Path, kind: str) -> None:
        whole = path.read_bytes()
        if kind == "truncated":
            path.write_bytes(whole[: len(whole) // 2])
        elif kind == "empty":
            path.write_bytes(b"")
        elif kind == "text":
            path.write_text("not a zip")
        elif kind == "other npz":
            np.savez(path, a=np.zeros(3))
        elif kind == "other header":
            np.savez(path, header=np.frombuffer(b'{"format": "else", "version": 1}', dtype=np.uint8))
        elif kind == "list header":
            np.savez(path, header=np.frombuffer(b"[1]", dtype=np.uint8))
        elif kind == "missing array":
            np.savez(path, header=np.frombuffer(b'{"format": "alworkflows-frames", "version": 1}', dtype=np.uint8))
        elif kind == "pickle":
            np.savez(path, header=np.array([{"format": "alworkflows-frames"}], dtype=object))
        elif kind == "short positions":
            with np.load(path) as stored:
                arrays = dict(stored)
            arrays["positions"] = arrays["positions"][:-1]
            np.savez(path, **arrays)

    @pytest.mark.parametrize(
        "kind",
        ["truncated", "empty", "text", "other npz", "other header", "list header", "missing array", "pickle", "short positions"],
    )
    def test_corrupt_and_foreign_files(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "f.npz"
        fr.save(path, make(2))
        self.damage(path, kind)
        said = {
            "missing array": "not a sound frames file: offsets, origins",
            "short positions": r"positions: expected an array \(12, 3\)",
        }.get(kind, "not a frames file of alworkflows")
        for read in (fr.load, fr.read):
            with pytest.raises(InputError, match=rf"f\.npz: {said}"):
                read(path)

    def test_a_later_version(self, tmp_path: Path) -> None:
        path = tmp_path / "f.npz"
        fr.save(path, make(1), {"version": 99})
        with pytest.raises(InputError, match="version 99, but this program knows version 1"):
            fr.load(path)

    @pytest.mark.parametrize("name", ["nowhere.npz", "nowhere.xyz"])
    def test_missing(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(InputError, match=f"{name}: no such file"):
            fr.read(tmp_path / name)

    def test_ase_cannot_read_it(self, tmp_path: Path) -> None:
        (tmp_path / "f.xyz").write_text("three\natoms\n")
        with pytest.raises(InputError, match=r"f\.xyz, line 1: expected the number of atoms of the next frame, got 'three'"):
            fr.read(tmp_path / "f.xyz")

    def test_nothing_in_it(self, tmp_path: Path) -> None:
        fr.save(tmp_path / "f.npz", [])
        with pytest.raises(InputError, match="holds no frames"):
            fr.read(tmp_path / "f.npz")

    def test_nan_in_a_text_file_is_named(self, tmp_path: Path) -> None:
        frames = make(2)
        fr.write(tmp_path / "f.xyz", frames)
        text = (tmp_path / "f.xyz").read_text().splitlines()
        words = text[-1].split()
        words[-1] = "nan"
        (tmp_path / "f.xyz").write_text("\n".join([*text[:-1], " ".join(words)]) + "\n")
        with pytest.raises(InputError, match=r"f\.xyz, frame 1, line 7: forces: expected finite numbers"):
            fr.read(tmp_path / "f.xyz")


class TestExchange:
    def test_extended_xyz_keeps_labels_origin_and_id(self, tmp_path: Path) -> None:
        frames = make(3)
        frames[1].info["origin"] = {
            "structure": 'quote " and = \\ signs',
            "miller": [1, 0, 0],
            "polar": False,
            "note": "95 % of\nit",
        }
        fr.write(tmp_path / "f.xyz", frames)
        back = fr.read(tmp_path / "f.xyz")
        assert len(back) == 3
        for one, other in zip(frames, back, strict=True):
            assert fr.frame_id(other) == fr.frame_id(one)
            np.testing.assert_array_equal(fr.labels(other).forces, fr.labels(one).forces)
            if one.pbc.all():
                np.testing.assert_array_equal(fr.labels(other).stress, fr.labels(one).stress)
            else:
                assert fr.labels(other).stress is None
            assert fr.labels(other).energy == fr.labels(one).energy
            assert other.info["origin"] == one.info["origin"]
            np.testing.assert_array_equal(other.pbc, one.pbc)

    @pytest.mark.parametrize("origin", ["by hand", "7", "[1, 2]", '{"half": '])
    def test_a_foreign_origin_becomes_a_note(self, tmp_path: Path, origin: str) -> None:
        atoms = bulk("Cu")
        atoms.info["origin"] = origin
        ase.io.write(tmp_path / "f.xyz", atoms)
        (frame,) = fr.read(tmp_path / "f.xyz")
        assert list(frame.info["origin"]) == ["note"]

    def test_writing_does_not_touch_the_frames(self, tmp_path: Path) -> None:
        frames = make(2)
        fr.write(tmp_path / "f.xyz", frames)
        for one, other in zip(frames, make(2), strict=True):
            same(one, other)
            assert set(one.info) == {"origin"}

    def test_ase_reads_what_was_written(self, tmp_path: Path) -> None:
        frames = make(1)
        fr.write(tmp_path / "f.xyz", frames)
        atoms: Any = ase.io.read(tmp_path / "f.xyz")
        np.testing.assert_allclose(atoms.get_forces(), fr.labels(frames[0]).forces, atol=1e-8)

    def test_other_formats_are_read(self, tmp_path: Path) -> None:
        ase.io.write(tmp_path / "POSCAR", bulk("Cu", cubic=True), format="vasp")
        (frame,) = fr.read(tmp_path / "POSCAR")
        assert len(frame) == 4
        assert not fr.labels(frame)

    def test_an_npz_is_written_exactly(self, tmp_path: Path) -> None:
        fr.write(tmp_path / "f.npz", make(2))
        same(fr.read(tmp_path / "f.npz")[1], make(2)[1])

    def test_a_slice_is_read_from_either_format(self, tmp_path: Path) -> None:
        frames = make(4)
        for name in ("f.npz", "f.xyz"):
            fr.write(tmp_path / name, frames)
            assert [f.info["origin"]["step"] for f in fr.read(tmp_path / name, "1:3")] == [1, 2]
            assert [f.info["origin"]["step"] for f in fr.read(tmp_path / name, "-1")] == [3]
            with pytest.raises(InputError, match=name):
                fr.read(tmp_path / name, "7")


def test_the_writer_hands_over_what_it_has(tmp_path: Path) -> None:
    writer = fr.FrameWriter(tmp_path / "f.npz", {"note": 1})
    frames = make(3)
    for count, frame in enumerate(frames, 1):
        writer.append(frame)
        back, header = fr.load(tmp_path / "f.npz")
        assert len(back) == count
        assert header["note"] == 1
    same(back[-1], frames[-1])


def test_origins_are_read_without_the_frames(tmp_path):
    frames = [bulk("Cu"), bulk("Cu")]
    frames[1].info["origin"] = {"structure": "copper", "label": {"seconds": 1.5}}
    path = tmp_path / "frames.npz"
    fr.save(path, frames)
    assert fr.load_origins(path) == [{}, frames[1].info["origin"]]
    assert [frame.info.get("origin", {}) for frame in fr.load(path)[0]] == fr.load_origins(path)
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="not a frames file of alworkflows"):
        fr.load_origins(path)
