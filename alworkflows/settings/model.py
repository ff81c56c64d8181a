"""A committee: descriptors, baseline, regression, members."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from alworkflows.schema import PositiveLength, Settings
from alworkflows.settings.descriptors import DescriptorSettings, PlipSettings
from alworkflows.settings.regression import FitSettings

__all__ = ["BaselineSettings", "ModelSettings"]


class BaselineSettings(Settings):
    """A repulsion that is subtracted before the fit and added to every prediction: screened nuclei at short distances (ZBL)."""

    name: Literal["zbl"] = "zbl"
    inner: PositiveLength = Field(0.8, description="where it begins to be switched off, A; rounded to cutoff / 64")
    outer: PositiveLength = Field(
        1.3, description="where it is zero, A; rounded to cutoff / 64; best below the shortest distance in the data"
    )

    @model_validator(mode="after")
    def _ordered(self) -> BaselineSettings:
        if self.outer <= self.inner:
            raise ValueError(f"expected outer above inner ({self.inner:g} A), got {self.outer:g} A")
        return self


class ModelSettings(Settings):
    """Descriptors, baseline, regression, and the committee."""

    descriptors: DescriptorSettings = PlipSettings()
    baseline: BaselineSettings | None = Field(None, description="a fixed repulsion at short distances; none: the fit alone")
    fit: FitSettings = FitSettings()
    members: int = Field(5, ge=2, le=32, description="committee size")
    folds: int = Field(10, ge=2, le=64, description="each member leaves out a different one of these")

    @model_validator(mode="after")
    def _consistent(self) -> ModelSettings:
        if self.members > self.folds:
            raise ValueError(f"expected at least as many folds as members ({self.members}), got {self.folds}")
        if self.baseline and self.baseline.outer > self.descriptors.cutoff:
            raise ValueError(
                f"baseline.outer: expected at most the cutoff ({self.descriptors.cutoff:g} A), got {self.baseline.outer:g} A"
            )
        return self
