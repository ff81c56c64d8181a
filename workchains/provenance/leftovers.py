"""Folders that jobs left on their machines: which, and, asked over there, how much room they take."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from aiida import orm

from alworkflows.errors import InputError
from workchains.provenance.tree import portions

__all__ = ["Disk", "disk", "folders_left"]

#: folders asked about in one command; command lines have a limit
FOLDERS_AT_ONCE = 200


@dataclass(frozen=True)
class Disk:
    """What folders take, and what the file system of a machine's ``work_dir`` still has.

    Attributes
    ----------
    used_bytes, used_inodes
        Of the folders; inodes are files and folders, which many clusters limit more strictly than bytes.
    free_bytes, free_inodes
        Of the file system; None where it does not say.
    """

    used_bytes: int
    used_inodes: int
    free_bytes: int | None
    free_inodes: int | None


def folders_left(jobs: Sequence[int]) -> dict[str, list[str]]:
    """Return the folders that jobs left and that are not cleaned: paths by the label of their computer."""
    folders: dict[str, list[str]] = {}
    for some in portions(jobs):
        query = orm.QueryBuilder()
        query.append(orm.CalcJobNode, filters={"id": {"in": some}}, tag="job")
        query.append(
            orm.RemoteData,
            with_incoming="job",
            edge_filters={"label": "remote_folder"},
            project=["attributes.remote_path", f"extras.{orm.RemoteData.KEY_EXTRA_CLEANED}"],
            tag="folder",
        )
        query.append(orm.Computer, with_node="folder", project="label")
        for path, cleaned, computer in query.all():
            if not cleaned:
                folders.setdefault(computer, []).append(path)
    return folders


def disk(computer: str, paths: Sequence[str]) -> Disk:
    """Return what folders take on a computer, asked there with ``du``, ``find`` and ``df``.

    Parameters
    ----------
    computer
        Its label.
    paths
        Of the folders; one that is gone counts as nothing.

    Raises
    ------
    InputError
        If the computer cannot be reached.
    """
    machine = orm.Computer.collection.get(label=computer)
    kilobytes = inodes = 0
    try:
        with machine.get_transport() as transport:
            for start in range(0, len(paths), FOLDERS_AT_ONCE):
                some = " ".join(shlex.quote(path) for path in paths[start : start + FOLDERS_AT_ONCE])
                command = f"du -skc {some} 2>/dev/null | tail -n 1; find {some} 2>/dev/null | wc -l"
                size, count = transport.exec_command_wait(command)[1].split("\n")[:2]
                kilobytes += int(size.split()[0])
                inodes += int(count)
            work_dir = shlex.quote(machine.get_workdir().format(username=transport.whoami()))
            free = [
                _available(transport.exec_command_wait(f"df -P{kind} {work_dir} 2>/dev/null | tail -n 1")[1]) for kind in "ki"
            ]
    except Exception as error:  # whatever a transport or a shell over there says
        raise InputError(f"{computer} cannot be asked about its disk: {type(error).__name__}: {error}") from error
    return Disk(kilobytes * 1024, inodes, None if free[0] is None else free[0] * 1024, free[1])


def _available(line: str) -> int | None:
    """Return the fourth column of a line of ``df``: what is available."""
    columns = line.split()
    return int(columns[3]) if len(columns) > 3 and columns[3].isdigit() else None
