"""Files that are whole or not there: what is written takes its place when it is complete, and nothing is lost before.

A full disk, a signal or an error in the middle leaves what was there as it was, and no half-written file beside it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["PART", "filling", "replacing", "write_text"]

#: the ending of what is being written
PART = ".part"
#: of a long name, so many characters are kept in that of its part: file systems allow 255 bytes
_KEPT = 40


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path in the same folder to write to; what stands there when the block ends takes the place of ``path``.

    If the block ends in an error, or by a signal that Python turns into one, ``path`` is as it was and the part is gone. A
    symbolic link is written through, permissions of a file that is replaced are kept, and a device or a pipe is written to as
    it is. Writers that tell a format from the ending of a name must be given it: that of the part is ``.part``.

    Raises
    ------
    OSError
        If it cannot be written; it names ``path``, also where the system named the part or nothing.
    """
    if Path(path).exists() and not Path(path).is_file():
        yield Path(path)  # also a folder, of which whoever opens it is told
        return
    target = Path(os.path.realpath(path))
    part = target.with_name(f"{target.name[:_KEPT]}.{secrets.token_hex(4)}{PART}")
    try:
        if target.exists() and not os.access(target, os.W_OK):
            open(target, "ab").close()  # what its owner protected is not replaced; this raises the system's own error
        yield part
        if target.exists():
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and _names(error) & {None, str(part)}:
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise


@contextmanager
def filling(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty folder to write into; what stands there when the block ends is moved into ``folder``.

    Files of the same names are replaced, others stay. If the block ends in an error, ``folder`` is as it was.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    target = Path(os.path.realpath(folder))
    existed = target.exists()
    made = [place for place in (target, *target.parents) if not place.exists()]
    part = target / f"{secrets.token_hex(4)}{PART}"
    try:
        part.mkdir(parents=True)
        yield part
        for source in sorted(part.rglob("*")):
            goal = target / source.relative_to(part)
            if source.is_dir():
                goal.mkdir(exist_ok=True)
            else:
                source.replace(goal)
        shutil.rmtree(part)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if not existed:
            for empty in made:
                with suppress(OSError):  # not empty: another program wrote there meanwhile
                    empty.rmdir()
        if isinstance(error, OSError) and error.errno and (place := _place(error, part)) is not None:
            raise OSError(error.errno, error.strerror, str(Path(folder) / place)) from error
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file (UTF-8) that is whole or not there; raise as :func:`replacing`."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def _names(error: OSError) -> set[str | None]:
    """Return the files that an error names, None if it names none."""
    names = {os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes | os.PathLike)}
    return names or {None}  # type: ignore[return-value]


def _place(error: OSError, part: Path) -> Path | None:
    """Return where in a folder an error in the part of it happened: the folder itself, if the system named none."""
    for name in _names(error):
        if name is None:
            return Path()
        if Path(name).is_relative_to(part):
            return Path(name).relative_to(part)
    return None
