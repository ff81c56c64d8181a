"""Settings of density functional codes that AiiDA drives by work chains of their own."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from alworkflows.schema import Settings

__all__ = ["EspressoSettings", "VaspSettings"]


class VaspSettings(Settings):
    """VASP: an INCAR protocol for single points with changes to it, k-points, potentials."""

    protocol: str = Field("pbe", description="INCAR settings for force labels, by name")
    incar: dict[str, Any] = Field(default_factory=dict, description="INCAR tags laid over the protocol's")
    kpoints_spacing: float | None = Field(None, gt=0, description="1/A, 2 pi included; none: Gamma only")
    potential_family: str = Field(description="POTCAR family, as aiida-vasp knows it")
    potential_mapping: dict[str, str] = Field(default_factory=dict, description="POTCAR of a species where it is not its symbol")


class EspressoSettings(Settings):
    """Quantum ESPRESSO: parameters of pw.x, k-points, pseudopotentials."""

    parameters: dict[str, Any] = Field(default_factory=dict, description="namelists of pw.x, laid over those for force labels")
    kpoints_spacing: float | None = Field(None, gt=0, description="1/A, 2 pi included; none: Gamma only")
    pseudo_family: str = Field(description="family of pseudopotentials, as aiida-pseudo knows it")
