"""Frames that are judged on and trained on, across formats, and those that stand in a set with two labels."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write as write_by_ase

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.frames import attach_labels, labels, read_files
from alworkflows.frames.leaks import FrameSet, repeats, require_apart, require_consistent, unparted
from alworkflows.frames.near import groups
from alworkflows.settings import ReadSettings


@pytest.fixture
def frames():
    made = []
    for seed in range(8):
        frame = bulk("Cu", cubic=True).repeat((2, 1, 1))
        frame.numbers[[2, 5]] = 79
        frame.rattle(0.1, seed=seed)
        frame.calc = EMT()
        made.append(attach_labels(frame, frame.get_potential_energy(), frame.get_forces()))
    return made


def as_set(frames, name="a"):
    return FrameSet(frames, [f"{name}, frame {index}" for index in range(len(frames))])


def write_deepmd(folder, frames):
    (folder / "set.000").mkdir(parents=True)
    symbols = sorted(set(frames[0].get_chemical_symbols()))
    (folder / "type_map.raw").write_text("\n".join(symbols))
    (folder / "type.raw").write_text("\n".join(str(symbols.index(symbol)) for symbol in frames[0].get_chemical_symbols()))
    arrays = {
        "coord": [frame.positions.ravel() for frame in frames],
        "box": [frame.cell.array.ravel() for frame in frames],
        "energy": [labels(frame).energy for frame in frames],
        "force": [labels(frame).forces.ravel() for frame in frames],
    }
    for name, values in arrays.items():
        np.save(folder / "set.000" / f"{name}.npy", np.array(values, dtype=np.float32))


def test_a_leak_is_found_across_formats(frames, tmp_path):
    frames_io.save(tmp_path / "a.npz", frames)
    write_by_ase(tmp_path / "b.xyz", frames, format="extxyz")
    write_by_ase(tmp_path / "POSCAR_c.vasp", frames[3], format="vasp", sort=True, direct=True)
    write_deepmd(tmp_path / "d", frames)
    training = FrameSet.of(read_files([str(tmp_path / "a.npz")]).files)
    for name, first in (("b.xyz", 0), ("POSCAR_c.vasp", 3), ("d", 0)):
        judged = FrameSet.of(read_files([str(tmp_path / name)]).files)
        count = len(judged)
        message = rf"{count} of {count} test frames are trained on too, .*{name}, frame 0 is .*a.npz, frame {first}\)"
        with pytest.raises(InputError, match=message):
            require_apart(training, judged)


def test_places_are_those_in_the_file_where_frames_were_left_out(frames, tmp_path):
    broken = [frames[0], frames[1].copy(), frames[2]]
    broken[1].positions[0] = broken[1].positions[1]
    broken[1] = attach_labels(broken[1], 0.0, np.zeros((8, 3)))
    write_by_ase(tmp_path / "b.xyz", broken, format="extxyz")
    settings = ReadSettings(skip_bad=True)
    places = FrameSet.of(read_files([str(tmp_path / "b.xyz")], settings).files).places
    assert [place.rsplit("/")[-1] for place in places] == ["b.xyz, frame 0", "b.xyz, frame 2"]


def test_steps_of_one_run_are_named_and_not_refused(frames):
    judged = [frame.copy() for frame in frames]
    for frame in judged[2:5]:
        frame.positions += 0.005
    for frame in [*judged[:2], *judged[5:]]:
        frame.positions += 0.02
    (note,) = require_apart(as_set(frames), as_set(judged, "b"))
    assert note.startswith("3 of 8 test frames lie within 0.01 A of a training frame")
    assert "first: b, frame 2 is 0.0087 A from a, frame 2" in note
    assert require_apart(as_set(frames), as_set(judged[:2], "b")) == []


def other_labels(frame, energy=0.0, force=0.0):
    order = np.random.default_rng(1).permutation(len(frame))
    forces = labels(frame).forces[order].copy()
    forces[3, 1] += force
    return attach_labels(frame[order], labels(frame).energy + energy * len(frame), forces)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy": 1.2e-3}, r"its energy differs by 1.2 meV/atom\)"),
        ({"force": -1.2e-3}, r"its forces differ by up to 0.0012 eV/A\)"),
        ({"energy": 0.1, "force": 0.2}, r"its energy differs by 100 meV/atom, forces differ by up to 0.2 eV/A\)"),
    ],
)
def test_labels_that_contradict_each_other_are_told(frames, change, message):
    mixed = as_set([*frames, other_labels(frames[2], **change)])
    with pytest.raises(InputError, match=r"1 of 9 frames stand there again .*: a, frame 8 is a, frame 2, and " + message):
        require_consistent(mixed)


def test_labels_that_agree_are_counted(frames):
    twice = as_set([*frames, other_labels(frames[2], energy=0.8e-3, force=0.8e-3), other_labels(frames[2])])
    assert require_consistent(twice) == ["2 of 10 frames stand there more than once, and weigh so"]
    assert require_consistent(twice, groups(twice.frames, 0.01)) == require_consistent(twice)
    assert repeats(twice.frames) == {8: 2, 9: 2}
    assert require_consistent(as_set(frames)) == []


def test_what_rounded_positions_explain_is_no_contradiction(frames):
    moved = frames[0].copy()
    moved.positions += np.random.default_rng(1).uniform(-5e-5, 5e-5, moved.positions.shape)
    moved.calc = EMT()
    moved = attach_labels(moved, moved.get_potential_energy(), moved.get_forces())
    assert np.abs(labels(moved).forces - labels(frames[0]).forces).max() > 1e-4
    assert require_consistent(as_set([frames[0], moved])) == ["1 of 2 frames stand there more than once, and weigh so"]


def test_a_set_without_labels_contradicts_nothing(frames):
    bare = [frame.copy() for frame in frames]
    assert require_consistent(as_set([*frames, *bare])) == ["8 of 16 frames stand there more than once, and weigh so"]


def test_how_many_frames_folds_part():
    assert unparted(np.array([0, 1, 2])) == []
    (note,) = unparted(np.array([0, 1, 0, 0, 4, 4]))
    assert note.startswith("5 of 6 training frames lie within 0.01 A of another")
