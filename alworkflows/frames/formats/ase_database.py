"""Databases of ASE (SQLite or JSON): a frame a row, with its key-value pairs, read one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.formats.with_ase import raw_frame
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_database"]


def read_database(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the rows of a database in the order of their numbers; key-value pairs stand in ``info``.

    Raises
    ------
    InputError
        If ASE cannot read it.
    """
    import ase.db

    index = 0
    try:
        with ase.db.connect(path, type=_kind(path)) as database:
            expected = database.count()
            for row in database.select():
                place = f"row {row.id}"
                try:
                    atoms = row.toatoms()
                    atoms.info.update(row.key_value_pairs)
                except Exception as error:  # what a row holds may be anything
                    reason = f"cannot be read ({type(error).__name__}: {error})"
                    yield Fault(FaultKind.UNREADABLE, name, index, reason, place)
                else:
                    yield raw_frame(atoms, index, name, place)
                index += 1
    except GeneratorExit:
        raise
    except Exception as error:  # SQLite and ASE raise anything
        raise InputError(f"{name}: ASE cannot read this database ({type(error).__name__}: {error})") from error
    if index != expected:
        yield Fault(FaultKind.UNREADABLE, name, None, f"expected {expected} rows, got {index}")


def _kind(path: Path) -> str:
    with open(path, "rb") as handle:
        return "db" if handle.read(6) == b"SQLite" else "json"
