"""Regression: what is fitted, how, and which model of the path is taken."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from alworkflows.schema import Force, Settings

__all__ = ["FitMethod", "FitSettings", "OutlierRule", "TermsRule"]


Terms = Annotated[int, Field(ge=1, le=10_000)]


class FitMethod(StrEnum):
    """Which regression."""

    LASSO_LARS = "lasso-lars"
    LASSO = "lasso"
    RIDGE = "ridge"
    LEAST_SQUARES = "least-squares"


class TermsRule(StrEnum):
    """How a model of the path is chosen from errors."""

    BEST = "best"
    ONE_STANDARD_ERROR = "one-standard-error"
    TRANSFER = "transfer"


class OutlierRule(StrEnum):
    """What becomes of training frames whose labels contradict those of frames like them."""

    KEEP = "keep"
    DOWNWEIGHT = "downweight"
    DROP = "drop"


class FitSettings(Settings):
    """Linear regression: a path over the penalty, a rule that chooses on it, and for sparse models a refit on the support."""

    quantities: tuple[Literal["energy", "forces", "stress"], ...] = Field(("forces",), min_length=1)
    energy_weight: float = Field(1.0, gt=0, description="weight of an energy per atom (eV) against a force component (eV/A)")
    stress_weight: float = Field(1.0, gt=0, description="weight of a virial per atom (eV) against a force component (eV/A)")
    force_limit: Force | None = Field(None, description="force components above this are not fitted, eV/A")
    force_scale: Force | None = Field(
        None, description="frames with larger forces than this (eV/A, RMS) weigh less, in proportion; none: all weigh alike"
    )
    method: FitMethod = Field(
        FitMethod.LASSO_LARS,
        description="lasso-lars: least angle regression; lasso: the same minimum by coordinate descent; ridge; least-squares",
    )
    alpha: float | None = Field(
        None,
        gt=0,
        description="penalty, as scikit-learn has it for columns of unit norm; none: by the number of terms or the rule",
    )
    terms: Terms | None = Field(None, description="terms of each member; none: by the rule")
    rule: TermsRule = Field(
        TermsRule.ONE_STANDARD_ERROR,
        description="best: smallest held-out error; one-standard-error: fewest terms that close to it; transfer: smallest error "
        "on the transfer sets (in a campaign one-standard-error until one is labelled)",
    )
    max_terms: Terms = Field(300, description="where the path ends")
    rows: int = Field(40, ge=2, le=400, description="models along the path that are judged and reported")
    refit: bool = Field(True, description="least squares on the chosen support")
    rows_per_term: float = Field(
        40.0, gt=0, description="fewest fitted force components for each term: the path ends earlier while data are few"
    )
    ridge: float = Field(1e-8, ge=0, description="of the refit, relative to the normalised Gram matrix")
    rank_cutoff: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="least squares: eigenvalues of the normalised Gram matrix below this share of the largest are zero; "
        "none: the number of descriptors times the rounding of a double",
    )
    outliers: OutlierRule = Field(
        OutlierRule.KEEP,
        description="training frames whose labels contradict those of frames like them. keep: they are named; downweight: they "
        "count less, the farther off the less; drop: they are left out; if more than a tenth are off, all are kept",
    )
    reference_energies: dict[str, float] | Literal["auto", "least-squares"] = Field(
        "auto",
        description="energy of an atom of each species, eV; least-squares: as fits the reference frames, or else the data, best; "
        "auto: those of isolated atoms if there is one of each species among the data, else least-squares",
    )
    type_weights: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="weight of frames by their config_type, which multiplies their own; others: 1",
    )

    @model_validator(mode="after")
    def _one_choice(self) -> FitSettings:
        if self.alpha is not None and self.terms is not None:
            raise ValueError(f"expected alpha or terms, got both ({self.alpha:g} and {self.terms})")
        if self.terms is not None and self.method is not FitMethod.LASSO_LARS:
            raise ValueError(f"a number of terms can be asked of the method lasso-lars only, got {self.method.value}")
        return self

    @property
    def fixed_energies(self) -> dict[str, float] | None:
        """The reference energies, if they are given."""
        return self.reference_energies if isinstance(self.reference_energies, dict) else None

    @property
    def is_chosen(self) -> bool:
        """Whether the rule chooses a model of the path, rather than a number of terms or a penalty."""
        return self.terms is None and self.alpha is None
