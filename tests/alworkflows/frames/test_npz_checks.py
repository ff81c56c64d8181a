"""Is an exact file of frames what it says?"""

import json

import numpy as np
import pytest
from ase.build import bulk

from alworkflows.errors import InputError
from alworkflows.frames.labels import attach_labels
from alworkflows.frames.npz_checks import bad_frames, check_frames
from alworkflows.frames.storage import FORMAT, VERSION, pack

HEADER = {"format": FORMAT, "version": VERSION}


@pytest.fixture
def arrays():
    """Three frames of 4, 1 and 4 atoms: with all labels, with none, with forces alone."""
    first, second, third = bulk("Cu", cubic=True), bulk("Cu"), bulk("Cu", cubic=True)
    frames = [
        attach_labels(first, -1.0, np.ones((4, 3)), np.ones(6)),
        second,
        attach_labels(third, None, np.ones((4, 3))),
    ]
    return pack(frames)


def check(arrays, header=HEADER):
    check_frames(arrays, header, FORMAT, VERSION, "a.npz")


def as_bytes(value):
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


def test_sound_frames_pass(arrays):
    check(arrays)
    check(arrays | {"of_a_later_time": np.zeros(1)}, HEADER | {"engine": {"name": "emt"}})
    check(pack([]))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({}, "expected a header of format 'alworkflows-frames', got 'none'"),
        ([], "got a list"),
        (7, "got a int"),
        ({"format": "other", "version": 1}, "got 'other'"),
        ({"format": FORMAT}, "expected the version of the format as a number, got None"),
        ({"format": FORMAT, "version": True}, "as a number, got True"),
        ({"format": FORMAT, "version": 99}, "frames format version 99, but this program knows version"),
        (HEADER | {"engine": "emt"}, "engine: expected a mapping, got 'emt'"),
    ],
)
def test_a_header_that_is_none(header, says, arrays):
    with pytest.raises(InputError, match=says):
        check(arrays, header)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (
            "offsets",
            np.array([0, 4, 5, 10]),
            r"numbers: expected an array \(10,\) for 3 frames of 10 atoms in all, got int32 \(9,\)",
        ),
        ("offsets", np.array([0, 5, 4, 9]), "do not fall, got 0, 5, 4, 9"),
        ("offsets", np.array([1, 4, 5, 9]), "begin with 0"),
        ("offsets", np.array([-4, 0, 5, 9]), "begin with 0"),
        ("offsets", np.array([0, 4, 9]), r"cells: expected an array \(2, 3, 3\)"),
        ("offsets", np.array([], dtype=int), "expected a list of whole numbers"),
        ("offsets", np.array([0.0, 4.0, 5.0, 9.0]), "expected a list of whole numbers, got float64"),
        ("offsets", np.array(9), "expected a list of whole numbers"),
        ("offsets", np.array([0, 4, 5, 2**62]), f"of {2**62} atoms"),
        ("numbers", np.full(9, 29.5), "numbers: expected an array .* got float64"),
        ("positions", np.zeros((9, 2)), "positions: expected an array"),
        ("positions", np.full((9, 3), "x"), "positions: expected an array"),
        ("cells", np.zeros((3, 9)), "cells: expected an array"),
        ("pbc", np.full((3, 3), np.nan), "pbc: expected an array"),
        ("energies", np.full(3, True), "energies: expected an array .* got bool"),
        ("forces", np.zeros((9, 3), dtype=complex), "forces: expected an array"),
        ("stresses", np.zeros((3, 3, 3)), "stresses: expected an array"),
        ("origins", as_bytes([{}, {}]), "origins: expected a list of 3, one a frame, got 2"),
        ("origins", as_bytes({}), "origins: expected a list of 3, one a frame, got a dict"),
        ("origins", as_bytes([{}, 7, {}]), "origin of frame 1: expected a mapping, got 7"),
        ("origins", as_bytes([{}, {}, ["a"]]), r"origin of frame 2: expected a mapping, got \['a'\]"),
        ("origins", np.frombuffer(b"[" * 10**5, dtype=np.uint8), "its origins cannot be read: expected JSON"),
        ("origins", np.frombuffer(b"\xff\xfe", dtype=np.uint8), "its origins cannot be read: expected JSON"),
    ],
)
def test_arrays_that_do_not_belong_together(name, value, says, arrays):
    with pytest.raises(InputError, match=f"a.npz: .*{says}"):
        check(arrays | {name: value})


def test_an_array_that_is_missing(arrays):
    del arrays["cells"], arrays["origins"]
    with pytest.raises(InputError, match="origins, cells missing"):
        check(arrays)


@pytest.mark.parametrize(
    ("name", "place", "value", "frame", "says"),
    [
        *(("numbers", 4, number, 1, f"atomic numbers from 1 to 118, got {number}") for number in (0, -3, 119, 500)),
        ("positions", (4, 2), np.nan, 1, "position: expected finite"),
        ("cells", (2, 0, 0), np.inf, 2, "cell: expected finite"),
        ("energies", 1, -np.inf, 1, "energy: expected finite"),
        ("forces", (3, 1), np.nan, 0, "forces: expected finite"),
        ("forces", 5, np.nan, 2, "forces: expected finite"),  # all of an atom, but not of the frame
        ("forces", 4, np.inf, 1, "forces: expected finite"),
        ("stresses", (0, 3), np.nan, 0, "stress: expected finite"),
        ("stresses", 1, np.inf, 1, "stress: expected finite"),
    ],
)
def test_a_frame_that_cannot_be_used(name, place, value, frame, says, arrays):
    arrays[name][place] = value
    assert list(bad_frames(arrays)) == [frame]
    with pytest.raises(InputError, match=f"a.npz: frame {frame}: .*{says}"):
        check(arrays)
