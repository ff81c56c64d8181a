"""Which files an ensemble can be written as: its members are asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alworkflows.atomic import write_text
from alworkflows.errors import InputError
from alworkflows.models.capabilities import LammpsFiles

if TYPE_CHECKING:
    from alworkflows.export.plip.lammps import Written
    from alworkflows.models import Ensemble

__all__ = ["export_lammps"]


def export_lammps(ensemble: Ensemble, folder: Path, leave_out: bool = False) -> Written:
    """Write the mean of an ensemble for LAMMPS into a folder.

    Parameters
    ----------
    leave_out
        Whether members that cannot be written, or not as one potential with the others, are left out of the mean; what is written
        says which they are.

    Raises
    ------
    InputError
        If members cannot be written, and are not to be left out; or the folder is a file.
    """
    able, others = ensemble.having(LammpsFiles, "export to LAMMPS")
    if others and not leave_out:
        kept = next(group for group in ensemble.groups if group not in others)
        raise InputError(
            f"export to LAMMPS: of this ensemble the mean of {kept} can be written alone, without {', '.join(map(str, others))}; "
            "say that these are to be left out (--leave-out), as that is another potential"
        )
    written: Written = able.write_lammps(folder)
    if not others:
        return written
    names = tuple(map(str, others))
    readme = folder / "README.md"
    title, rest = readme.read_text().split("\n", 1)
    note = f"Left out: {', '.join(names)}. What is here is the mean of the other members, another potential than the ensemble's."
    write_text(readme, f"{title}\n\n**{note}**\n{rest}")
    return replace(written, left_out=names)
