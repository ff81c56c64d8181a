"""Files that are not read, since reading them would run what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.settings.reading import ReadSettings

__all__ = ["refuse_pickle"]


def refuse_pickle(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Raise an :class:`InputError` that says how a pickle becomes something that can be read."""
    raise InputError(
        f"{name}: a pickle, which can run any code when it is loaded, is not read; if you trust who made it, write its frames as "
        "extended XYZ where it was made. With pacemaker's: df = pandas.read_pickle(FILE, compression='gzip'); for each row set "
        "atoms = row.ase_atoms, atoms.calc = SinglePointCalculator(atoms, energy=row.energy, forces=row.forces); then "
        "ase.io.write('frames.xyz', list_of_atoms)"
    )
