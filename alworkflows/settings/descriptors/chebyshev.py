"""Two-body Chebyshev functions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alworkflows.schema import Settings
from alworkflows.settings.descriptors.bounds import Cutoff

__all__ = ["ChebyshevSettings"]


class ChebyshevSettings(Settings):
    """Two-body terms: Chebyshev polynomials of the distance (Lindsey et al., 2017)."""

    name: Literal["chebyshev"] = "chebyshev"
    cutoff: Cutoff = Field(6.0, description="reach of the descriptors, A")
    degree: Annotated[int, Field(ge=1, le=64)] = Field(
        12, description="largest degree of the polynomials, from 0 on, of each pair of species"
    )
