"""Reading files of arrays that others made."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from alworkflows import npz
from alworkflows.errors import InputError
from alworkflows.npz import open_arrays


def opened(path):
    with open_arrays(path) as stored:
        return {name: stored[name] for name in stored.files}


def member(path, content):
    """Write a file of one member."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
    return path


def as_npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_arrays_of_any_shape_come_back(tmp_path):
    arrays = {
        "matrix": np.arange(12.0).reshape(3, 4),
        "number": np.array(3),
        "none": np.zeros((0, 3)),
        "texts": np.array(["a", "bb"]),
        "turned": np.asfortranarray(np.arange(12).reshape(3, 4)),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        found = opened(tmp_path / "a.npz")
        assert set(found) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)


def test_what_unpacks_to_a_thousand_times_its_size_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "LARGE", 2**20)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, a=np.zeros(2**20))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"bomb.npz: unpacks to 0.0 GiB, \d+ times its size: not read"):
        opened(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    np.savez(path, a=np.zeros(2**20))  # not packed: as large on the disk
    assert len(opened(path)["a"]) == 2**20


def test_what_does_not_fit_into_memory_is_not_read(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", a=np.zeros(1000))
    monkeypatch.setattr(npz, "available_memory", lambda: 1000)
    with pytest.raises(InputError, match=r"a.npz: holds 0.0 GiB, of 0.0 GiB that are free here"):
        opened(tmp_path / "a.npz")


@pytest.mark.parametrize("shape", [(3 * 10**12,), (2**62, 2**62), (2,), (-1,), (-1, -3)])
def test_an_array_that_declares_what_it_does_not_hold(shape, tmp_path):
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"shape": shape, "fortran_order": False, "descr": "<f8"})
    with pytest.raises(ValueError, match=r"are not an array|a negative length"):
        opened(member(tmp_path / "a.npz", buffer.getvalue() + bytes(24)))


@pytest.mark.parametrize("content", [b"", b"text", as_npy(np.zeros(3))[:-1], as_npy(np.zeros(3)) + b"x"])
def test_what_is_no_array(content, tmp_path):
    with pytest.raises(ValueError):
        opened(member(tmp_path / "a.npz", content))


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError):
        opened(tmp_path / "a.npz")


def test_what_is_no_file(tmp_path):
    with pytest.raises(InputError, match="expected a file, got a folder"):
        opened(tmp_path)
    with pytest.raises(InputError, match="expected a file, got a device or a pipe"):
        opened("/dev/zero")
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "none.npz")


def test_there_is_memory():
    assert npz.available_memory() > 2**20
