"""Potentials as files that other programs run."""

from alworkflows.export.registry import export_lammps

__all__ = ["export_lammps"]
