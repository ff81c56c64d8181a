"""PLIP: families of radial functions, and the terms made of them.

A family's lists are combined each with each: 3 ``widths`` and 12 ``centres`` are 36 functions. Defaults are of Benoit et al.,
"Measuring transferability issues in machine-learning force fields: the example of gold-iron interactions with linearized
potentials", Table I; the default set is the Gaussians of Ammothum Kandy et al., "Comparing transferability in neural network
approaches and linear models for machine-learning interaction potentials".
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal

from pydantic import Field, model_validator

from alworkflows.schema import Settings
from alworkflows.settings.descriptors.bounds import MOST_FUNCTIONS, Cutoff, Distance

__all__ = [
    "BuckinghamFunctions",
    "FunctionSettings",
    "GaussianFunctions",
    "GaussianOrbitalFunctions",
    "LennardJonesFunctions",
    "LogNormalFunctions",
    "LorentzianFunctions",
    "MorseFunctions",
    "PlipSettings",
    "SlaterFunctions",
    "YukawaFunctions",
]

#: how sharp a function is, in powers of A^-1
Sharpness = Annotated[float, Field(gt=0, le=1e4)]
Start = Annotated[float, Field(ge=-100.0, le=100.0)]
PeakPower = Annotated[int, Field(ge=2, le=40)]
OrbitalPower = Annotated[int, Field(ge=-12, le=12)]
Lengths = tuple[Distance, ...]


def _some(default: tuple[float, ...], description: str) -> tuple[float, ...]:
    values: tuple[float, ...] = Field(default, min_length=1, max_length=MOST_FUNCTIONS, description=description)
    return values


class FunctionSettings(Settings):
    """A family of radial functions, and the terms it serves."""

    bodies: Literal["all", "two-body"] = Field("all", description="terms made of these functions: all, or two-body ones alone")

    @model_validator(mode="after")
    def _distinct(self) -> FunctionSettings:
        for name in type(self).model_fields:
            values = getattr(self, name)
            if isinstance(values, tuple) and len(set(values)) != len(values):
                raise ValueError(f"{name}: expected each value once, got {list(values)}")
        return self

    @property
    def count(self) -> int:
        """How many functions its lists make, each combined with each."""
        values = [getattr(self, name) for name in type(self).model_fields]
        return prod(len(value) for value in values if isinstance(value, tuple))


class GaussianFunctions(FunctionSettings):
    """Gaussian peaks, exp(-a (r - b)^2)."""

    family: Literal["gaussian"] = "gaussian"
    centres: Lengths = Field(tuple(0.5 * k for k in range(1, 13)), min_length=1, max_length=MOST_FUNCTIONS, description="b, A")
    widths: tuple[Sharpness, ...] = _some((0.5, 1.0, 1.5), "a, A^-2")


class LorentzianFunctions(FunctionSettings):
    """Lorentzian peaks, 1 / ((r - a)^b + 1) with r in A."""

    family: Literal["lorentzian"] = "lorentzian"
    centres: Lengths = Field((1.0, 2.0, 3.0, 4.0, 5.0, 6.0), min_length=1, max_length=MOST_FUNCTIONS, description="a, A")
    powers: tuple[PeakPower, ...] = Field((2, 4, 6, 8), min_length=1, max_length=MOST_FUNCTIONS, description="b, even")

    @model_validator(mode="after")
    def _even(self) -> LorentzianFunctions:
        if any(power < 2 or power % 2 for power in self.powers):
            raise ValueError(f"expected even powers of 2 or more (an odd one has a pole), got {list(self.powers)}")
        return self


class LogNormalFunctions(FunctionSettings):
    """Log-normal peaks, exp(-ln^2((r - a) / b)) for r > a, zero below."""

    family: Literal["log-normal"] = "log-normal"
    starts: tuple[Start, ...] = _some((1.0, 2.0, 3.0, 4.0, 5.0, 6.0), "a, A")
    scales: Lengths = Field(
        (1.0, 1.5, 2.0, 2.5), min_length=1, max_length=MOST_FUNCTIONS, description="b, A: the peak is at a + b"
    )


class SlaterFunctions(FunctionSettings):
    """Slater-type orbitals, r^a exp(-b r) with r in A."""

    family: Literal["slater"] = "slater"
    powers: tuple[OrbitalPower, ...] = Field((-2, -1, 0, 1, 2), min_length=1, max_length=MOST_FUNCTIONS, description="a")
    decays: tuple[Sharpness, ...] = _some((2.0, 4.0, 6.0, 8.0, 10.0), "b, A^-1")


class GaussianOrbitalFunctions(FunctionSettings):
    """Gaussian-type orbitals, r^a exp(-b r^2) with r in A."""

    family: Literal["gaussian-orbital"] = "gaussian-orbital"
    powers: tuple[OrbitalPower, ...] = Field((-2, -1, 0, 1, 2), min_length=1, max_length=MOST_FUNCTIONS, description="a")
    decays: tuple[Sharpness, ...] = _some((2.0, 4.0, 6.0, 8.0, 10.0), "b, A^-2")


class PairFunctions(FunctionSettings):
    """A family that mimics a pair potential: two-body terms alone."""

    bodies: Literal["two-body"] = Field("two-body", description="two-body terms alone")


class LennardJonesFunctions(PairFunctions):
    """Lennard-Jones, (s / r)^12 - (s / r)^6."""

    family: Literal["lennard-jones"] = "lennard-jones"
    sigmas: Lengths = Field(tuple(1.5 + 0.25 * k for k in range(8)), min_length=1, max_length=MOST_FUNCTIONS, description="s, A")


class MorseFunctions(PairFunctions):
    """Morse, exp(-2 a (r - b)) - 2 exp(-a (r - b))."""

    family: Literal["morse"] = "morse"
    minima: Lengths = Field((1.5, 2.0, 2.5, 3.0), min_length=1, max_length=MOST_FUNCTIONS, description="b, A")
    decays: tuple[Sharpness, ...] = _some((1.0, 1.5, 2.0), "a, A^-1")


class BuckinghamFunctions(PairFunctions):
    """The terms of Buckingham's potential, exp(-r / b) and, apart, (1 A / r)^6."""

    family: Literal["buckingham"] = "buckingham"
    ranges: Lengths = Field((0.15, 0.2, 0.25, 0.3, 0.35, 0.4), min_length=1, max_length=MOST_FUNCTIONS, description="b, A")
    dispersion: bool = Field(True, description="with the term r^-6")

    @property
    def count(self) -> int:
        """How many functions there are, the dispersion among them."""
        return super().count + self.dispersion


class YukawaFunctions(PairFunctions):
    """Screened Coulomb, (1 A / r) exp(-r / b)."""

    family: Literal["yukawa"] = "yukawa"
    ranges: Lengths = Field((0.25, 0.5, 1.0, 2.0), min_length=1, max_length=MOST_FUNCTIONS, description="b, A")


Family = Annotated[
    GaussianFunctions
    | LorentzianFunctions
    | LogNormalFunctions
    | SlaterFunctions
    | GaussianOrbitalFunctions
    | LennardJonesFunctions
    | MorseFunctions
    | BuckinghamFunctions
    | YukawaFunctions,
    Field(discriminator="family"),
]


class PlipSettings(Settings):
    """PLIP: two-, three- and N-body descriptors on families of radial functions (Benoit et al., 2020)."""

    name: Literal["plip"] = "plip"
    cutoff: Cutoff = Field(6.0, description="reach of the descriptors, A")
    functions: tuple[Family, ...] = Field(
        (GaussianFunctions(),), min_length=1, max_length=MOST_FUNCTIONS, description="families of radial functions"
    )
    l: tuple[int, ...] = Field((0, 1, 2, 3, 4, 5), description="powers of the cosine in three-body terms; empty: none")  # noqa: E741
    m: tuple[int, ...] = Field((4, 5, 6, 7), description="powers of the N-body density; empty: none")
    switch: Distance = Field(1.1, description="N-body density is switched off between 95 % and 105 % of this, A")
    core: Distance = Field(
        0.5,
        description="where, A, a function that diverges at the origin begins to go on as a parabola; rounded up to cutoff / 64",
    )

    @model_validator(mode="after")
    def _ranges(self) -> PlipSettings:
        if any(not 0 <= value <= 8 for value in self.l) or len(set(self.l)) != len(self.l):
            raise ValueError(f"expected distinct l between 0 and 8, got {list(self.l)}")
        if any(not 2 <= value <= 9 for value in self.m) or len(set(self.m)) != len(self.m):
            raise ValueError(f"expected distinct m between 2 and 9, got {list(self.m)}")
        if self.core > 0.5 * self.cutoff:
            raise ValueError(f"expected core within half the cutoff ({0.5 * self.cutoff:g} A), got {self.core:g} A")
        count = sum(functions.count for functions in self.functions)
        if count > MOST_FUNCTIONS:
            raise ValueError(f"functions: expected at most {MOST_FUNCTIONS} radial functions in all, got {count}")
        if any(functions in self.functions[:index] for index, functions in enumerate(self.functions)):
            raise ValueError("functions: expected each family with other values, got the same one twice")
        return self

    @classmethod
    def gaussians(cls, centres: tuple[float, ...], widths: tuple[float, ...] = (1.0,), **more: object) -> PlipSettings:
        """Return settings with one family of Gaussians."""
        return cls(functions=(GaussianFunctions(centres=centres, widths=widths),), **more)
