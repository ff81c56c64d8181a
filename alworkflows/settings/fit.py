"""Regression: what is fitted, how, and which model of the path is taken."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from alworkflows.schema import Count, Force, Settings

__all__ = ["FitSettings", "TermsRule"]


class TermsRule(StrEnum):
    """How the number of terms follows from the errors on the frames that members left out."""

    BEST = "best"
    ONE_STANDARD_ERROR = "one-standard-error"


class FitSettings(Settings):
    """Sparse linear regression: least angle regression path, then a refit on the support."""

    quantities: tuple[Literal["energy", "forces", "stress"], ...] = Field(("forces",), min_length=1)
    energy_weight: float = Field(1.0, gt=0, description="weight of an energy per atom (eV) against a force component (eV/A)")
    stress_weight: float = Field(1.0, gt=0, description="weight of a virial per atom (eV) against a force component (eV/A)")
    force_limit: Force | None = Field(None, description="force components above this are not fitted, eV/A")
    force_scale: Force | None = Field(
        None, description="frames with larger forces than this (eV/A, RMS) weigh less, in proportion; none: all weigh alike"
    )
    terms: Count | None = Field(None, description="terms of each member; none: by the rule")
    rule: TermsRule = Field(
        TermsRule.ONE_STANDARD_ERROR,
        description="best: smallest held-out error; one-standard-error: fewest terms that close to it",
    )
    max_terms: Count = Field(300, description="where the path ends")
    refit: bool = Field(True, description="least squares on the chosen support")
    rows_per_term: float = Field(
        40.0, gt=0, description="fewest fitted force components for each term: the path ends earlier while data are few"
    )
    ridge: float = Field(1e-8, ge=0, description="of the refit, relative to the normalised Gram matrix")
