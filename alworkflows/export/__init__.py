"""Potentials as files that other programs run."""

from alworkflows.export.plip.lammps import export_lammps

__all__ = ["export_lammps"]
