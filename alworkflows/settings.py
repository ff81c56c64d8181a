"""The campaign file: every key, its type, unit and default, each written once.

Numbers are in eV, A, fs, K (pressure in GPa, density in g/cm^3, rate in K/ps); a text such as ``"10 ps"`` or ``"1 nm"`` is
converted. A key, unit, species or name that is not known is an error that suggests the nearest.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from alworkflows.errors import suggest
from alworkflows.schema import (
    Count,
    Density,
    Force,
    Fraction,
    PositiveLength,
    Pressure,
    Rate,
    Settings,
    Temperature,
    Time,
    merge,
    parse,
    read_yaml,
)

__all__ = [
    "Budget",
    "CalculatorSettings",
    "Campaign",
    "DescriptorSettings",
    "FitSettings",
    "GeometryLimits",
    "LabelSettings",
    "LevelKind",
    "MeltSettings",
    "ModelSettings",
    "QuenchSettings",
    "SamplerSettings",
    "SelectionSettings",
    "Settings",
    "Stage",
    "StructureSettings",
    "SurfaceMeltSettings",
    "TermsRule",
    "TrustLevels",
    "merge",
    "parse",
    "read_yaml",
]

# ------------------------------------------------------------------------------------------------ structures


class StructureSettings(Settings):
    """Where one starting structure comes from: a crystal prototype by name, or a file; then supercell or slab."""

    prototype: str | None = Field(None, description="name of a built-in crystal, such as zno-wurtzite")
    file: str | None = Field(None, description="a file that ASE or pymatgen reads")
    supercell: tuple[Count, Count, Count] = (1, 1, 1)
    miller: tuple[int, int, int] | None = Field(None, description="Miller indices of a slab's surface; none: bulk")
    layers: Count = Field(4, description="thickness of a slab in unit repeats along its normal")
    vacuum: PositiveLength = Field(12.0, description="empty space of a slab, in all, A")

    @model_validator(mode="after")
    def _one_source(self) -> StructureSettings:
        if (self.prototype is None) == (self.file is None):
            raise ValueError("expected exactly one of 'prototype' and 'file'")
        if self.miller is not None and not any(self.miller):
            raise ValueError("expected Miller indices that are not all zero, got (0, 0, 0)")
        return self


class GeometryLimits(Settings):
    """Which frames may be labelled: nothing fused, nothing flown apart."""

    shortest: PositiveLength = Field(0.6, description="shortest allowed distance over the sum of covalent radii (ratio)")
    volume_per_atom: tuple[float, float] = Field((3.0, 400.0), description="allowed range, A^3 (slabs include their vacuum)")

    @model_validator(mode="after")
    def _range(self) -> GeometryLimits:
        low, high = self.volume_per_atom
        if not 0 <= low < high:
            raise ValueError(f"expected volume_per_atom as [smallest, largest], got {[low, high]}")
        return self


# ------------------------------------------------------------------------------------------------ samplers


class Dynamics(Settings):
    """What all molecular dynamics share."""

    timestep: Time = Field(1.0, description="fs")
    snapshots: Count = Field(20, description="frames kept from each run")
    friction: Time = Field(100.0, description="damping time of the thermostat, fs")


class MeltSettings(Dynamics):
    """Heat crystals with a classical potential until they melt (first step of Kandy et al., 2023)."""

    name: Literal["melt"] = "melt"
    potential: str | dict[str, Any] = Field(
        "zno-binks-grimes", description="a published potential by name, or the parameters of your own"
    )
    temperature: tuple[Temperature, Temperature] = Field((300.0, 5000.0), description="start and end of the ramp, K")
    duration: Time = Field(20e3, description="fs")
    pressure: Pressure | None = Field(None, description="GPa; none: constant volume")


class DrivenDynamics(Dynamics):
    """Dynamics on the ensemble's mean force, watched."""

    watch_every: Count = Field(20, description="steps between two looks at the ensemble's disagreement")
    before_stop: Count = Field(12, description="states looked at last that are kept as frames when a run stops by itself")
    shortest: PositiveLength = Field(
        0.55, description="a run has exploded when a distance falls below this times the sum of covalent radii (ratio)"
    )
    hottest: float = Field(4.0, gt=1, description="a run has exploded when its temperature exceeds this times the target (ratio)")


class SurfaceMeltSettings(DrivenDynamics):
    """Heat slabs with the ensemble's mean and keep frames along the path (second step of Kandy et al., 2023)."""

    name: Literal["surface-melt"] = "surface-melt"
    temperature: tuple[Temperature, Temperature] = Field((300.0, 2000.0), description="start and end of the ramp, K")
    duration: Time = Field(10e3, description="fs")


class QuenchSettings(DrivenDynamics):
    """Make a liquid with the ensemble, equilibrate it, cool it fast, keep amorphous frames (third step of Kandy et al., 2023)."""

    name: Literal["quench"] = "quench"
    melt_temperature: Temperature = Field(4000.0, description="K, at which the crystal loses its order")
    melt_duration: Time = Field(3e3, description="fs")
    temperature: tuple[Temperature, Temperature] = Field((3000.0, 300.0), description="start and end of the quench, K")
    equilibrate: Time = Field(2e3, description="fs at the start temperature")
    rate: Rate = Field(500.0, description="K/ps")
    hold: Time = Field(1e3, description="fs at the end temperature, over which amorphous snapshots are taken")
    density: Density | None = Field(None, description="g/cm^3; none: that of the starting structure")
    pressure: Pressure | None = Field(None, description="GPa during the quench; none: constant volume")
    liquid_share: Fraction = Field(0.25, description="share of the snapshots taken before the hold, along the cooling")


SamplerSettings = Annotated[MeltSettings | SurfaceMeltSettings | QuenchSettings, Field(discriminator="name")]


# ------------------------------------------------------------------------------------------------ labels


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


# ------------------------------------------------------------------------------------------------ models


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


# ------------------------------------------------------------------------------------------------ selection


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
    test_share: float = Field(0.1, ge=0, lt=1, description="random share of candidates labelled and never trained on")
    geometry: GeometryLimits = GeometryLimits()


class Budget(Settings):
    """When to stop, whatever the ensemble says."""

    labels: Count | None = Field(None, description="labels paid for in all; none: no limit")


class Stage(Settings):
    """One sampler on some structures, repeated until the ensemble agrees on what it visits."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    sampler: SamplerSettings
    structures: tuple[str, ...] = Field(min_length=1)
    iterations: Count = Field(1, description="most iterations of this stage")
    accurate_share: Fraction = Field(0.95, description="the stage ends early when this share of its candidates is accurate")
    budget: Count | None = Field(None, description="frames chosen per iteration; none: that of the selection")


class Campaign(Settings):
    """A campaign: one material, its stages, its labels, its model."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    seed: int = Field(1, ge=0, lt=2**31)
    species: tuple[str, ...] = Field(min_length=1, max_length=8, description="chemical symbols")
    structures: dict[str, StructureSettings] = Field(min_length=1)
    stages: tuple[Stage, ...] = Field(min_length=1)
    label: LabelSettings = LabelSettings()
    model: ModelSettings = ModelSettings()
    selection: SelectionSettings = SelectionSettings()
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _consistent(self) -> Campaign:
        from ase.data import chemical_symbols

        for symbol in self.species:
            if symbol not in chemical_symbols[1:]:
                raise ValueError(f"species: unknown chemical symbol '{symbol}'{suggest(symbol, chemical_symbols[1:])}")
        if len(set(self.species)) != len(self.species):
            raise ValueError(f"species: expected each symbol once, got {list(self.species)}")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stages: expected each name once, got {names}")
        for stage in self.stages:
            for name in stage.structures:
                if name not in self.structures:
                    raise ValueError(
                        f"stages.{stage.name}.structures: no structure '{name}'{suggest(name, self.structures)}; "
                        f"known: {', '.join(self.structures)}"
                    )
        if not isinstance(self.stages[0].sampler, MeltSettings):
            raise ValueError(
                f"stages.{names[0]}: the first stage has no ensemble to drive '{self.stages[0].sampler.name}'; begin with 'melt'"
            )
        return self
