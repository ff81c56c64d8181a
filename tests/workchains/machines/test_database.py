"""Databases that write ahead: the mode stays with the file, and a file on a network's disk is left alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from workchains.machines import database
from workchains.machines.database import on_network, write_ahead


def new_database(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE numbers (value INT)")
        connection.commit()
    return path


def mode(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_the_mode_stays_with_the_file(tmp_path: Path) -> None:
    path = new_database(tmp_path / "database.sqlite")
    assert mode(path) == "delete"
    assert write_ahead(path)
    assert mode(path) == "wal"
    assert not write_ahead(path), "it does already"


def test_one_that_is_being_written_to_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = new_database(tmp_path / "database.sqlite")
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not write_ahead(path)
        other.rollback()
    assert mode(path) == "delete"


@pytest.mark.parametrize(
    ("where", "is_shared"),
    [("/data/me/database.sqlite", False), ("/data/far/me/database.sqlite", True), ("/home/my disk/database.sqlite", True)],
)
def test_disks_of_a_network(tmp_path: Path, where: str, is_shared: bool) -> None:
    mounts = tmp_path / "mounts"
    lines = ["/dev/sda / ext4 rw 0 0", "far:/x /data/far nfs4 rw 0 0", "me@far: /home/my\\040disk fuse.sshfs rw 0 0"]
    mounts.write_text("\n".join([*lines, "tmpfs /data tmpfs rw 0 0"]) + "\n")
    assert on_network(Path(where), mounts) is is_shared
