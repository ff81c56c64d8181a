"""A committee: descriptors, regression, members."""

from __future__ import annotations

from pydantic import Field, model_validator

from alworkflows.schema import Settings
from alworkflows.settings.descriptors import DescriptorSettings
from alworkflows.settings.fit import FitSettings

__all__ = ["ModelSettings"]


class ModelSettings(Settings):
    """Descriptors, regression, and the committee."""

    descriptors: DescriptorSettings = DescriptorSettings()
    fit: FitSettings = FitSettings()
    members: int = Field(5, ge=2, le=32, description="committee size")
    folds: int = Field(10, ge=2, le=64, description="each member leaves out a different one of these")

    @model_validator(mode="after")
    def _folds(self) -> ModelSettings:
        if self.members > self.folds:
            raise ValueError(f"expected at least as many folds as members ({self.members}), got {self.folds}")
        return self
