"""Which candidates are paid for."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from alworkflows.schema import Count, Settings
from alworkflows.settings.structures import GeometryLimits

__all__ = ["LevelKind", "SelectionSettings", "TrustLevels"]


class LevelKind(StrEnum):
    """How trust levels are given."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"


class TrustLevels(Settings):
    """Below ``lower`` a frame is accurate, above ``upper`` it has failed, in between it is a candidate for a label."""

    kind: LevelKind = Field(
        LevelKind.RELATIVE, description="relative: multiples of the median disagreement on held-out frames; absolute: eV/A"
    )
    lower: float = Field(0.5, ge=0)
    upper: float = Field(200.0, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> TrustLevels:
        if self.upper <= self.lower:
            raise ValueError(f"expected upper above lower ({self.lower}), got {self.upper}")
        return self


class SelectionSettings(Settings):
    """Which candidates are paid for."""

    levels: TrustLevels = TrustLevels()
    budget: Count = Field(40, description="frames chosen per iteration")
    pool: float = Field(3.0, ge=1, description="diversity picks the budget among this times as many of the most uncertain")
    test_share: float = Field(0.1, ge=0, le=1, description="random share of candidates labelled and never trained on")
    geometry: GeometryLimits = GeometryLimits()
