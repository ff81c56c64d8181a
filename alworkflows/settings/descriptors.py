"""Descriptor sets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from alworkflows.schema import PositiveLength, Settings

__all__ = ["DescriptorSettings"]


class DescriptorSettings(Settings):
    """PLIP: Gaussian two-, three- and N-body descriptors (Benoit et al., 2020)."""

    name: Literal["plip"] = "plip"
    cutoff: PositiveLength = 6.0
    centres: tuple[PositiveLength, ...] = Field(
        tuple(0.5 * k for k in range(1, 13)), min_length=1, description="centres of the Gaussians, A"
    )
    widths: tuple[float, ...] = Field((0.5, 1.0, 1.5), min_length=1, description="a of exp(-a (r - b)^2), A^-2")
    l: tuple[int, ...] = Field((0, 1, 2, 3, 4, 5), description="powers of the cosine in three-body terms; empty: none")  # noqa: E741
    m: tuple[int, ...] = Field((4, 5, 6, 7), description="powers of the N-body density; empty: none")
    switch: PositiveLength = Field(1.1, description="N-body density is switched off between 95 % and 105 % of this, A")

    @model_validator(mode="after")
    def _ranges(self) -> DescriptorSettings:
        if any(not 0 <= value <= 8 for value in self.l) or len(set(self.l)) != len(self.l):
            raise ValueError(f"expected distinct l between 0 and 8, got {list(self.l)}")
        if any(not 2 <= value <= 9 for value in self.m) or len(set(self.m)) != len(self.m):
            raise ValueError(f"expected distinct m between 2 and 9, got {list(self.m)}")
        if any(width <= 0 for width in self.widths):
            raise ValueError(f"expected widths above zero, got {list(self.widths)}")
        return self
