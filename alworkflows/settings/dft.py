"""Settings of density functional codes that AiiDA drives by work chains of their own."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from alworkflows.errors import suggest
from alworkflows.schema import Count, Settings
from alworkflows.settings.namelists import namelists

__all__ = ["EspressoSettings", "VaspSettings"]


class VaspSettings(Settings):
    """VASP: an INCAR protocol for single points with changes to it, k-points, potentials."""

    protocol: str = Field("pbe", description="INCAR settings for force labels, by name")
    incar: dict[str, Any] = Field(
        default_factory=dict,
        description="INCAR tags laid over the protocol's; a tag that VASP wants by species (LDAUU, ...): {species: value}",
    )
    kpoints_spacing: float | None = Field(
        None, gt=0, description="1/A, 2 pi included; one point along vacuum. Without it and kpoints: Gamma only"
    )
    kpoints: tuple[Count, Count, Count] | None = Field(None, description="mesh around Gamma, for frames of one shape")
    potential_family: str = Field(description="POTCAR family, as aiida-vasp knows it")
    potential_mapping: dict[str, str] = Field(
        min_length=1, description="POTCAR of each species of the campaign, as the family names it: {Zn: Zn, O: O_s}"
    )
    stop_margin: float = Field(
        0.05, ge=0, lt=1, description="share of the walltime kept for the last electronic step and for writing wave functions"
    )

    @model_validator(mode="after")
    def _one_mesh(self) -> VaspSettings:
        if self.kpoints is not None and self.kpoints_spacing is not None:
            raise ValueError(
                f"kpoints: expected a mesh or kpoints_spacing, got both: {list(self.kpoints)}, {self.kpoints_spacing}"
            )
        return self


class EspressoSettings(Settings):
    """Quantum ESPRESSO: parameters of pw.x, k-points, pseudopotentials."""

    parameters: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="namelists CONTROL, SYSTEM, ELECTRONS of pw.x, laid over those for force labels; "
        "a tag that pw.x wants by species (hubbard_u(i), ...): {species: value}",
    )
    kpoints_spacing: float | None = Field(
        None, gt=0, description="1/A, 2 pi included; one point along vacuum. Without it and kpoints: Gamma only"
    )
    kpoints: tuple[Count, Count, Count] | None = Field(None, description="mesh around Gamma, for frames of one shape")
    pseudo_family: str = Field(description="family of pseudopotentials, as aiida-pseudo knows it")
    species: tuple[str, ...] = Field(
        min_length=1,
        description="all species of the campaign: their pseudopotentials are part of what defines a label, and the family's "
        "recommended cutoffs for them are used if the parameters have none",
    )
    stop_margin: float = Field(
        0.05, ge=0, lt=1, description="share of the walltime kept for the last electronic step and for writing wave functions"
    )

    @field_validator("parameters", mode="before")
    @classmethod
    def _namelists(cls, value: Any) -> Any:
        return namelists(value) if isinstance(value, dict) else value

    @field_validator("species")
    @classmethod
    def _symbols(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from ase.data import atomic_numbers

        for symbol in value:
            if symbol not in atomic_numbers:
                raise ValueError(f"expected chemical symbols, got '{symbol}'{suggest(symbol, atomic_numbers)}")
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _one_mesh(self) -> EspressoSettings:
        if self.kpoints is not None and self.kpoints_spacing is not None:
            raise ValueError(
                f"kpoints: expected a mesh or kpoints_spacing, got both: {list(self.kpoints)}, {self.kpoints_spacing}"
            )
        return self
