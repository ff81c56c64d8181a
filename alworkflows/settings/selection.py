"""Which candidates are paid for."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from alworkflows.schema import Count, Settings
from alworkflows.settings.structures import GeometryLimits

__all__ = ["Criterion", "Diversity", "LevelKind", "SelectionSettings", "TrustLevels"]


class LevelKind(StrEnum):
    """How trust levels are given."""

    CALIBRATED = "calibrated"
    RELATIVE = "relative"
    ABSOLUTE = "absolute"


class Criterion(StrEnum):
    """What makes a frame worth a label."""

    DISAGREEMENT = "disagreement"
    ELEMENT_DISAGREEMENT = "element-disagreement"
    GRADE = "grade"
    DISTANCE = "distance"
    RANDOM = "random"


class Diversity(StrEnum):
    """How near-copies are kept out of a batch."""

    FARTHEST_POINT = "farthest-point"
    CUR = "cur"
    LEVERAGE = "leverage"
    NONE = "none"


#: of the kinds that need numbers: multiples of the reference disagreement, and eV/A of disagreement
DEFAULTS = {LevelKind.RELATIVE: (0.5, 200.0), LevelKind.ABSOLUTE: (0.05, 20.0)}


class TrustLevels(Settings):
    """Below ``lower`` a frame is accurate, above ``upper`` it has failed, in between it is a candidate for a label."""

    kind: LevelKind = Field(
        LevelKind.CALIBRATED,
        description="calibrated: errors in eV/A, turned into disagreements by what the random test frames show; relative: "
        "multiples of the median disagreement on held-out frames; absolute: disagreements in eV/A",
    )
    lower: float | None = Field(
        None,
        ge=0,
        description="none: of kind calibrated, a share of the stage's forces; 0.5 (relative); 0.05 eV/A (absolute)",
    )
    upper: float | None = Field(
        None, gt=0, description="none: of kind calibrated, as the forces and the geometry say; 200 (relative); 20 eV/A (absolute)"
    )
    coverage: float = Field(
        0.9,
        gt=0,
        lt=1,
        description="share of the frames at the lower level whose largest error is to lie below it (kind calibrated)",
    )

    @model_validator(mode="after")
    def _ordered(self) -> TrustLevels:
        lower, upper = self.numbers()
        if lower is not None and upper is not None and upper <= lower:
            raise ValueError(f"expected upper above lower ({lower:g}), got {upper:g}")
        return self

    def numbers(self) -> tuple[float | None, float | None]:
        """Return both levels, with the defaults of their kind; None: found from the data."""
        lower, upper = DEFAULTS.get(self.kind, (None, None))
        return (lower if self.lower is None else self.lower, upper if self.upper is None else self.upper)


class SelectionSettings(Settings):
    """Which candidates are paid for."""

    levels: TrustLevels = TrustLevels()
    criterion: Criterion = Field(
        Criterion.DISAGREEMENT,
        description="what ranks the frames within the levels: disagreement (largest over the atoms), element-disagreement (each "
        "species on its own scale), grade (extrapolation by D-optimality), distance (to the data set), random",
    )
    diversity: Diversity = Field(
        Diversity.FARTHEST_POINT, description="how near-copies are kept out of a batch: farthest-point, cur, leverage, none"
    )
    budget: Count = Field(40, description="frames chosen per iteration")
    core_hours: float | None = Field(
        None, gt=0, description="core-hours that the labels of an iteration may take, going by those there are; none: no limit"
    )
    pool: float = Field(3.0, ge=1, description="diversity picks the budget among this times as many of the highest rank")
    test_share: float = Field(0.1, ge=0, le=1, description="random share of candidates labelled and never trained on")
    geometry: GeometryLimits = GeometryLimits()
