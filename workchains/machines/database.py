"""The file of a profile's database: in SQLite's write-ahead mode a step of a job waits for the disk once, not three times.

AiiDA commits at each change of a process, a hundred times a job. In SQLite's first mode each commit waits until two files and a
folder are on the disk; with a log of what is written ahead (https://www.sqlite.org/wal.html), one, and who reads does not wait
for who writes. Nothing that was committed is lost either way. The mode stays with the file. It needs memory that all processes
share, so a file on a network's disk keeps the first.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["on_network", "write_ahead"]

#: s to wait for others that use the file
PATIENCE = 5.0
#: kinds of file systems that several machines share
SHARED = ("9p", "afs", "beegfs", "ceph", "cifs", "fuse.", "gfs2", "glusterfs", "gpfs", "lustre", "nfs", "ocfs2", "pvfs2", "smb")


def write_ahead(path: Path) -> bool:
    """Set a database to write ahead unless it does; return whether that changed it.

    One that others are writing to right now, or that lies on a network's disk, stays as it is.
    """
    if on_network(path):
        return False
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            return False
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
    return bool(mode == "wal")


def on_network(path: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Return whether a file lies on a disk that several machines may share."""
    kinds = {Path("/"): ""}
    for line in mounts.read_text().splitlines():
        _, where, kind, *_ = line.split()
        kinds[Path(where.replace("\\040", " "))] = kind
    path = path.resolve()
    nearest = next(parent for parent in path.parents if parent in kinds)
    return kinds[nearest].startswith(SHARED)
