"""What a user names - files, patterns, folders, compressed files, standard input - as files that a reader can open."""

from __future__ import annotations

import bz2
import glob
import gzip
import lzma
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alworkflows.errors import InputError
from alworkflows.frames.formats.registry import FOLDERS

__all__ = ["STANDARD_INPUT", "expand", "opened"]

#: what stands for standard input
STANDARD_INPUT = "-"
#: what opens compressed files, by their endings
_COMPRESSED: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
#: and by their first bytes, whatever they are called
_MAGIC = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
#: of a JSON file of FitSNAP, which has this in its first bytes
_FITSNAP, _HEAD = b'"Dataset"', 4096
#: how many times its size a compressed file may be
LARGEST_RATIO = 1000
#: what a folder is read as: the first of these in it
_IN_FOLDER = ("vasprun.xml", "vasprun.xml.gz", "OUTCAR", "OUTCAR.gz", "input.data", "pw.out")


def expand(texts: Sequence[str]) -> list[str]:
    """Return the files that are meant, patterns and folders replaced by what is in them.

    Raises
    ------
    InputError
        If there is no such file, a pattern matches nothing, or a folder holds nothing that is known.
    """
    return [path for text in texts for path in _expanded(text)]


def _expanded(text: str) -> list[str]:
    if text == STANDARD_INPUT:
        return [text]
    path = Path(text)
    if not path.exists() and any(sign in text for sign in "*?["):
        matches = sorted(glob.glob(text, recursive=True))
        if not matches:
            raise InputError(f"{text}: no file matches this pattern")
        return [file for match in matches for file in _expanded(match)]
    if path.is_dir():
        return _of_folder(path)
    return [text]


def _of_folder(folder: Path) -> list[str]:
    """Return the data set that a folder is, what it holds of a run, or the data sets below it."""
    if _is_data_set(folder):
        return [str(folder)]
    for name in _IN_FOLDER:
        if (folder / name).is_file():
            return [str(folder / name)]
    for found in (_data_sets, _fitsnap_files, _runs):
        if below := found(folder):
            return below
    held = sorted(path.name for path in folder.iterdir())
    raise InputError(
        f"{folder}: expected a file, or a folder of DeePMD ({', '.join(FOLDERS)}), of FitSNAP (JSON) or of runs "
        f"({', '.join(_IN_FOLDER[:3:2])}); "
        f"it holds {', '.join(held[:6]) or 'nothing'}{', ...' if len(held) > 6 else ''}; give its files, such as '{folder}/*'"
    )


def _is_data_set(folder: Path) -> bool:
    return any((folder / name).is_file() for name in FOLDERS)


def _data_sets(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*") if path.is_dir() and _is_data_set(path))


def _fitsnap_files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*.json") if _FITSNAP in _head(path))


def _runs(folder: Path) -> list[str]:
    """Return what each folder below holds of a run."""
    folders = sorted(path for path in folder.rglob("*") if path.is_dir())
    files = [next((path / name for name in _IN_FOLDER if (path / name).is_file()), None) for path in folders]
    return [str(file) for file in files if file is not None]


def _head(path: Path) -> bytes:
    with open(path, "rb") as handle:
        return handle.read(_HEAD)


@contextmanager
def opened(text: str) -> Iterator[Path]:
    """Give the path of a file as it is, or of an uncompressed copy, or of what came by standard input.

    Raises
    ------
    InputError
        If it does not exist, is not what its ending says, or would be absurdly large.
    """
    path = Path(text)
    if text != STANDARD_INPUT and not path.exists():
        raise InputError(f"{text}: no such file")
    if text != STANDARD_INPUT and (path.is_dir() or _unpacker(path) is None):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        if text == STANDARD_INPUT:
            path = Path(folder) / "standard_input"
            with open(path, "wb") as target:
                shutil.copyfileobj(sys.stdin.buffer, target)
        unpack = _unpacker(path)
        if unpack is None:
            yield path
            return
        copy = Path(folder) / "uncompressed" / (path.stem if path.suffix.lower() in _COMPRESSED else path.name)
        copy.parent.mkdir()
        try:
            with open(copy, "wb") as target, unpack(path, "rb") as source:
                _copy(source, target, text, LARGEST_RATIO * max(path.stat().st_size, 1024))
        except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
            raise InputError(f"{text}: cannot be uncompressed: {error}") from error
        yield copy


def _unpacker(path: Path) -> Any:
    """Return what opens a compressed file, told by its first bytes or its ending, or None."""
    head = _head(path)
    by_magic = next((unpack for magic, unpack in _MAGIC.items() if head.startswith(magic)), None)
    return by_magic or _COMPRESSED.get(path.suffix.lower())


def _copy(source: Any, target: Any, name: str, most: int) -> None:
    size = 0
    while block := source.read(1 << 20):
        size += len(block)
        if size > most:
            raise InputError(f"{name}: uncompressed it is more than {LARGEST_RATIO} times as large: not read")
        target.write(block)
