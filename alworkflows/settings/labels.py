"""What labels frames."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from alworkflows.schema import Count, Force, Fraction, Settings

__all__ = ["CalculatorSettings", "LabelSettings"]


class CalculatorSettings(Settings):
    """An ASE calculator by name, and its parameters."""

    name: str = Field("chgnet", description="as `alworkflows calculators` lists them")
    parameters: dict[str, Any] = Field(default_factory=dict)


class LabelSettings(Settings):
    """What labels frames, how many go into one job, and how many may fail."""

    engine: str = "ase"
    calculator: CalculatorSettings = CalculatorSettings()
    chunk: Count = Field(50, description="most frames in one job")
    jobs: Count = Field(1, description="jobs a batch is spread over, if it has frames enough")
    largest_force: Force = Field(100.0, description="eV/A; a label with a larger force is refused")
    success_share: Fraction = Field(0.5, description="smallest share of labels that must succeed for the campaign to go on")
