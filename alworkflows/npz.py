"""Reading ``.npz`` files of others: what they declare is looked at before memory is taken for it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from alworkflows.errors import InputError

__all__ = ["available_memory", "open_arrays"]

#: files that unpack to more than so many bytes, at more than so many times their size, are no data: zeros, to fill a memory
LARGE, PACKED = 256 * 2**20, 100
GIB = 2**30


@contextmanager
def open_arrays(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open the arrays of an ``.npz`` file, as ``numpy.load`` does, if they are sound and fit into memory; nothing is unpickled.

    Raises
    ------
    InputError
        If they need more memory than is free, or the file is packed as no data are.
    FileNotFoundError
        If it is missing.
    Exception
        Whatever a file that is none of arrays, or is truncated, makes a zip file or numpy raise.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise InputError(f"{path}: expected a file, got {'a folder' if Path(path).is_dir() else 'a device or a pipe'}")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        unpacked, packed = sum(item.file_size for item in members), sum(item.compress_size for item in members)
        if unpacked > LARGE and unpacked > PACKED * packed:
            raise InputError(
                f"{path}: unpacks to {unpacked / GIB:.1f} GiB, {unpacked // max(packed, 1)} times its size: not read"
            )
        if unpacked > (free := available_memory()):
            raise InputError(f"{path}: holds {unpacked / GIB:.1f} GiB, of {free / GIB:.1f} GiB that are free here")
        for item in members:
            _check_member(archive, item)
    with np.load(path, allow_pickle=False) as stored:
        yield stored


def _check_member(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> None:
    """Raise a ValueError unless a member holds as many bytes as the array that its head declares."""
    with archive.open(item) as handle:
        version = npy.read_magic(handle)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(handle)
        size = dtype.itemsize
        for length in shape:
            if length < 0:
                raise ValueError(f"{item.filename}: a negative length")
            size *= length  # of Python, which does not overflow
        if dtype.hasobject or size != item.file_size - handle.tell():
            raise ValueError(f"{item.filename}: {item.file_size} bytes are not an array {shape} of {dtype}")


def available_memory() -> int:
    """Return how many bytes of memory a process may still take, of this computer: what is free, and what is a cache of files."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:  # not Linux
        pass
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
