"""What labels frames."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field, field_validator, model_validator

from alworkflows.errors import suggest
from alworkflows.schema import NOT_WRITTEN, Count, Force, Fraction, PositiveLength, Settings
from alworkflows.settings.dft import EspressoSettings, VaspSettings

__all__ = ["Approval", "CalculatorSettings", "LabelSettings"]


class CalculatorSettings(Settings):
    """An ASE calculator by name, and its parameters."""

    name: str = Field("chgnet", description="as `alworkflows calculators` lists them")
    parameters: dict[str, Any] = Field(default_factory=dict)
    allowed: str | None = Field(
        None,
        description="what a person has allowed it to run beside ours and ASE's, with --allow-import; never written into a file",
        json_schema_extra=NOT_WRITTEN,
    )


class Approval(StrEnum):
    """When the campaign waits for a person before it pays for labels."""

    NEVER = "never"
    FIRST = "first"
    BATCH = "batch"


class LabelSettings(Settings):
    """What labels frames, how many go into one job, what is done about failures, and how many may fail."""

    engine: str = Field("ase", description="ase: a calculator in a job of ours; vasp, quantum-espresso: the program itself")
    calculator: CalculatorSettings = CalculatorSettings()
    vasp: VaspSettings | None = Field(None, description="of the engine vasp")
    espresso: EspressoSettings | None = Field(None, description="of the engine quantum-espresso")
    machine: str | None = Field(None, description="where labels are computed; none: where the rest runs")
    chunk: Count = Field(50, description="most frames in one job (engine ase)")
    jobs: Count = Field(1, description="jobs a batch is spread over, if it has frames enough (engine ase)")
    largest_force: Force = Field(100.0, description="eV/A; a label with a larger force is refused")
    moments: dict[str, float] = Field(default_factory=dict, description="initial magnetic moment by species, mu_B; none: no spin")
    largest_moment_change: float | None = Field(
        None,
        gt=0,
        description="mu_B per atom between initial and final total moment; a larger one is a spin jump. none: not looked at",
    )
    success_share: Fraction = Field(0.5, description="smallest share of labels that must succeed for the campaign to go on")
    remedies: bool = Field(True, description="a label that failed is tried again with its program's remedies, one at a time")
    restarts: int = Field(3, ge=0, description="times a label is continued in a new job after its job reached the walltime")
    reuse: bool = Field(True, description="a frame that was labelled before with the same settings is not labelled again")
    reuse_tolerance: PositiveLength = Field(1e-5, description="A; largest distance of an atom to its twin in that frame")
    approval: Approval = Field(Approval.NEVER, description="wait for `alworkflows approve` before the first batch, or each")
    clean: bool = Field(True, description="remove a job's folder on its machine once its labels are stored")

    @model_validator(mode="after")
    def _engine_settings(self) -> LabelSettings:
        for engine, block in (("vasp", "vasp"), ("quantum-espresso", "espresso")):
            if getattr(self, block) is not None and self.engine != engine:
                raise ValueError(f"{block}: settings of the engine '{engine}', but engine is '{self.engine}'")
            if getattr(self, block) is None and self.engine == engine:
                raise ValueError(f"{block}: the engine '{engine}' expects its settings here")
        return self

    @field_validator("moments")
    @classmethod
    def _symbols(cls, value: dict[str, float]) -> dict[str, float]:
        from ase.data import chemical_symbols

        for symbol in value:
            if symbol not in chemical_symbols[1:]:
                raise ValueError(f"unknown chemical symbol '{symbol}'{suggest(symbol, chemical_symbols[1:])}")
        return value

    @model_validator(mode="after")
    def _spin(self) -> LabelSettings:
        if self.largest_moment_change is not None and not self.moments:
            raise ValueError("largest_moment_change: expected 'moments' to compare with, got none")
        return self
