"""Potentials as files that other programs run."""

from alworkflows.export.lammps import export_lammps

__all__ = ["export_lammps"]
