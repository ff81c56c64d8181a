"""What a user names - files, patterns, folders, compressed files, standard input - as files that a reader can open."""

from __future__ import annotations

import bz2
import glob
import gzip
import lzma
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alworkflows.errors import InputError
from alworkflows.frames.formats.registry import FOLDERS

__all__ = ["STANDARD_INPUT", "expand", "opened"]

#: what stands for standard input
STANDARD_INPUT = "-"
#: what opens compressed files, by their ending
_COMPRESSED: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
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
    below = sorted(str(path) for path in folder.rglob("*") if path.is_dir() and _is_data_set(path))
    if below:
        return below
    held = sorted(path.name for path in folder.iterdir())
    raise InputError(
        f"{folder}: expected a file, or a folder of DeePMD ({', '.join(FOLDERS)}) or of one run ({', '.join(_IN_FOLDER[:3:2])}); "
        f"it holds {', '.join(held[:6]) or 'nothing'}{', ...' if len(held) > 6 else ''}; give its files, such as '{folder}/*'"
    )


def _is_data_set(folder: Path) -> bool:
    return any((folder / name).is_file() for name in FOLDERS)


@contextmanager
def opened(text: str) -> Iterator[Path]:
    """Give the path of a file as it is, or of an uncompressed copy, or of what came by standard input.

    Raises
    ------
    InputError
        If it does not exist, is not what its ending says, or would be absurdly large.
    """
    path = Path(text)
    unpack = _COMPRESSED.get(path.suffix.lower())
    if text != STANDARD_INPUT and not path.exists():
        raise InputError(f"{text}: no such file")
    if text != STANDARD_INPUT and unpack is None:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / ("standard_input" if text == STANDARD_INPUT else path.stem)
        try:
            with open(copy, "wb") as target:
                if unpack is None:
                    shutil.copyfileobj(sys.stdin.buffer, target)
                else:
                    with unpack(path, "rb") as source:
                        _copy(source, target, text, LARGEST_RATIO * max(path.stat().st_size, 1024))
        except (EOFError, gzip.BadGzipFile, lzma.LZMAError, OSError) as error:
            raise InputError(f"{text}: cannot be uncompressed: {error}") from error
        yield copy


def _copy(source: Any, target: Any, name: str, most: int) -> None:
    size = 0
    while block := source.read(1 << 20):
        size += len(block)
        if size > most:
            raise InputError(f"{name}: uncompressed it is more than {LARGEST_RATIO} times as large: not read")
        target.write(block)
