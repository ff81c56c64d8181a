"""Crystals by their lattice."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from alworkflows.settings.structures import CrystalSettings

__all__ = ["lattice"]

CUBIC = ("fcc", "bcc", "sc", "diamond", "rocksalt", "cesiumchloride", "zincblende", "fluorite")


def lattice(settings: CrystalSettings) -> Atoms:
    """Return the conventional cell of a crystal, cubic where there is one."""
    from ase.build import bulk

    formula = "".join(settings.species) + ("2" if settings.lattice == "fluorite" else "")
    cubic = settings.lattice in CUBIC
    # without a ratio, ASE takes that of the element's own crystal
    c = settings.c or (settings.a * np.sqrt(8 / 3) if settings.lattice in ("hcp", "wurtzite") else None)
    crystal = bulk(formula, settings.lattice, a=settings.a, c=c, cubic=cubic)
    return Atoms(numbers=crystal.numbers, positions=crystal.positions, cell=np.asarray(crystal.cell), pbc=True)
