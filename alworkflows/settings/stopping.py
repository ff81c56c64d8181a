"""When a stage has converged, when it is not worth going on, and what may be spent."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from alworkflows.schema import Count, Force, Fraction, Settings

__all__ = ["Budget", "Combine", "Convergence"]


class Combine(StrEnum):
    """How several criteria make one decision."""

    ALL = "all"
    ANY = "any"


class Convergence(Settings):
    """A stage has converged when all (or any) of the criteria given hold, each over the last ``over`` iterations.

    With neither criterion its plan is its number of iterations, and it is done when they are.
    """

    accurate_share: Fraction | None = Field(
        0.95, description="share of the candidates on which the ensemble agrees; none: not looked at"
    )
    test_error: Force | None = Field(None, description="RMS force error on the stage's test frames, eV/A; none: not looked at")
    combine: Combine = Field(Combine.ALL, description="all: each of those given must hold; any: one is enough")
    over: Count = Field(1, description="iterations in a row over which they must hold")
    least_gain: Force | None = Field(
        None,
        description="the stage ends, unconverged, when 100 more labels took less than this off the RMS force error on its test "
        "frames (eV/A, mean of the last 'over' iterations); none: not looked at",
    )

    @model_validator(mode="after")
    def _some(self) -> Convergence:
        if self.combine is Combine.ANY and self.accurate_share is None and self.test_error is None:
            raise ValueError("combine: any: expected accurate_share, test_error or both to combine, got none")
        return self

    @property
    def has_criterion(self) -> bool:
        """Whether anything can make the stage converge before its iterations are used up."""
        return self.accurate_share is not None or self.test_error is not None


class Budget(Settings):
    """What may be spent, whatever the ensemble says; none: no limit. Nothing that was begun is cut off."""

    labels: Count | None = Field(None, description="labels paid for in all, test frames and transfer sets included")
    core_hours: float | None = Field(None, gt=0, description="core-hours of all jobs together")
    hours: float | None = Field(None, gt=0, description="wall time from the launch, h, of each launch or resume by itself")
