"""One job in a folder at a time, should the scheduler have been given the same job twice.

A workflow manager that dies between handing a job to the scheduler and noting its number hands it over again when it is back: two
jobs then share a folder. The second waits for the first, and has nothing left to do if that left a result.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["OUTPUT", "lock_folder"]

OUTPUT = "output.json"
LOCK = ".running"
#: what a workflow manager makes in each folder of a job, and nobody by hand, who may well run a verb again where it ran before
MANAGED = ".aiida"


@contextmanager
def lock_folder(folder: Path) -> Iterator[dict[str, Any] | None]:
    """Hold a job's folder; yield the result that another job left in it, or None if there is work to do.

    Where the file system knows no locks, nothing is held.
    """
    if not (folder / MANAGED).is_dir():
        yield None
        return
    with (folder / LOCK).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            yield None
            return
        yield _result(folder / OUTPUT)


def _result(path: Path) -> dict[str, Any] | None:
    try:
        result = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) else None
