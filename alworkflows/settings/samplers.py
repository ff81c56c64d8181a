"""Samplers: one class each, told apart by its name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from alworkflows.schema import Count, Density, Fraction, PositiveLength, Pressure, Rate, Settings, Temperature, Time

__all__ = ["DrivenDynamics", "Dynamics", "MeltSettings", "QuenchSettings", "SamplerSettings", "SurfaceMeltSettings"]


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
