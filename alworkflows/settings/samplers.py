"""Samplers: one class each, told apart by its name."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from alworkflows.schema import Count, Density, Fraction, Length, PositiveLength, Pressure, Rate, Settings, Temperature, Time

__all__ = [
    "CompressSettings",
    "DimerSettings",
    "DrivenDynamics",
    "Dynamics",
    "FramesSettings",
    "MeltSettings",
    "QuenchSettings",
    "RattleSettings",
    "Sampler",
    "SamplerSettings",
    "StrainSettings",
    "SurfaceMeltSettings",
]


class Sampler(Settings):
    """What all samplers share."""

    #: whether it is driven by an ensemble, and so cannot come first
    needs_ensemble: ClassVar[bool] = False
    #: along how many directions there may be vacuum, or nothing that repeats: 0 crystal, 1 slab, 2 wire, 3 particle in a box
    open_directions: ClassVar[tuple[int, ...]] = (0, 1, 2, 3)
    #: whether the structure must repeat in all directions, across vacuum or not
    needs_repeats: ClassVar[bool] = False
    #: whether atoms move by dynamics, which takes two of them
    is_dynamics: ClassVar[bool] = False

    snapshots: Count = Field(20, description="frames kept from each structure")


class Dynamics(Sampler):
    """What all molecular dynamics share."""

    is_dynamics: ClassVar[bool] = True

    timestep: Time = Field(1.0, description="fs")
    friction: Time = Field(100.0, description="damping time of the thermostat, fs")


class MeltSettings(Dynamics):
    """Heat crystals with a classical potential until they melt (first step of Kandy et al., 2023)."""

    needs_repeats: ClassVar[bool] = True

    name: Literal["melt"] = "melt"
    potential: str | dict[str, Any] = Field(
        "zno-binks-grimes", description="a published potential by name, or the parameters of your own"
    )
    temperature: tuple[Temperature, Temperature] = Field((300.0, 5000.0), description="start and end of the ramp, K")
    duration: Time = Field(20e3, description="fs")
    pressure: Pressure | None = Field(None, description="GPa; none: constant volume")


class DrivenDynamics(Dynamics):
    """Dynamics on the ensemble's mean force, watched."""

    needs_ensemble: ClassVar[bool] = True

    watch_every: Count = Field(20, description="steps between two looks at the ensemble's disagreement")
    before_stop: Count = Field(12, description="states looked at last that are kept as frames when a run stops by itself")
    shortest: PositiveLength = Field(
        0.55, description="a run has exploded when a distance falls below this times the sum of covalent radii (ratio)"
    )
    hottest: float = Field(4.0, gt=1, description="a run has exploded when its temperature exceeds this times the target (ratio)")


class SurfaceMeltSettings(DrivenDynamics):
    """Heat slabs with the ensemble's mean and keep frames along the path (second step of Kandy et al., 2023)."""

    open_directions: ClassVar[tuple[int, ...]] = (1, 2, 3)

    name: Literal["surface-melt"] = "surface-melt"
    temperature: tuple[Temperature, Temperature] = Field((300.0, 2000.0), description="start and end of the ramp, K")
    duration: Time = Field(10e3, description="fs")


class QuenchSettings(DrivenDynamics):
    """Make a liquid with the ensemble, equilibrate it, cool it fast, keep amorphous frames (third step of Kandy et al., 2023)."""

    open_directions: ClassVar[tuple[int, ...]] = (0,)

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


class RattleSettings(Sampler):
    """Displace every atom at random, and strain the cell a little."""

    name: Literal["rattle"] = "rattle"
    displacements: tuple[PositiveLength, ...] = Field(
        (0.05, 0.1, 0.2, 0.3), min_length=1, description="standard deviations of a coordinate, A; taken in turn"
    )
    strain: float = Field(0.03, ge=0, lt=0.3, description="standard deviation of each component of the cell's strain")
    shortest: PositiveLength = Field(0.6, description="frames with distances below this times the covalent radii are redrawn")


class StrainSettings(Sampler):
    """Strain the cell by a grid: volume, one axis, shear."""

    open_directions: ClassVar[tuple[int, ...]] = (0, 1, 2)

    name: Literal["strain"] = "strain"
    modes: tuple[Literal["volume", "uniaxial", "shear"], ...] = Field(
        ("volume", "uniaxial", "shear"), min_length=1, description="snapshots are shared among these"
    )
    volume: tuple[float, float] = Field((0.8, 1.2), description="smallest and largest volume, over that of the structure")
    strain: float = Field(0.06, gt=0, lt=0.5, description="largest strain along an axis, and largest shear")

    @model_validator(mode="after")
    def _range(self) -> StrainSettings:
        low, high = self.volume
        if not 0 < low < high:
            raise ValueError(f"expected volume as [smallest, largest], got {[low, high]}")
        return self


class CompressSettings(Sampler):
    """Bring all atoms closer, step by step (Benoit et al., 2020: to 75 % in ten steps)."""

    name: Literal["compress"] = "compress"
    smallest: float = Field(0.75, gt=0.2, lt=1, description="the last frame's distances, over those of the structure")
    snapshots: Count = Field(10, description="frames, evenly spaced from just below 1 to the smallest")
    displacement: Length = Field(0.0, ge=0, description="standard deviation of a random displacement of each coordinate, A")


class DimerSettings(Sampler):
    """Two atoms at growing distances (Benoit et al., 2020: from 1 A)."""

    name: Literal["dimer"] = "dimer"
    shortest: PositiveLength = Field(1.0, description="A")
    longest: PositiveLength = Field(5.0, description="A")

    @model_validator(mode="after")
    def _range(self) -> DimerSettings:
        if self.longest <= self.shortest:
            raise ValueError(f"expected longest above shortest ({self.shortest:g} A), got {self.longest:g} A")
        return self


class FramesSettings(Sampler):
    """Take frames from a file: those a structure's ``frames`` names, or a random draw of them."""

    name: Literal["frames"] = "frames"
    snapshots: Count = Field(1000, description="most frames; more than these are drawn from at random")


SamplerSettings = Annotated[
    MeltSettings
    | SurfaceMeltSettings
    | QuenchSettings
    | RattleSettings
    | StrainSettings
    | CompressSettings
    | DimerSettings
    | FramesSettings,
    Field(discriminator="name"),
]
