"""A campaign: one material, its stages, its labels, its model."""

from __future__ import annotations

from pydantic import Field, model_validator

from alworkflows.errors import suggest
from alworkflows.schema import Count, Fraction, Settings
from alworkflows.settings.labels import LabelSettings
from alworkflows.settings.model import ModelSettings
from alworkflows.settings.samplers import SamplerSettings
from alworkflows.settings.selection import SelectionSettings
from alworkflows.settings.structures import GeometryLimits, StructureSettings

__all__ = ["Budget", "Campaign", "Stage"]


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
    geometry: GeometryLimits | None = Field(
        None, description="which of its frames may be labelled, where they are extreme on purpose; none: as the selection says"
    )
    train: bool = Field(
        True,
        description="false: its labels are a transfer set of the stage's name, drawn at random and never trained on, against "
        "which the fit measures every model of its path",
    )


class Campaign(Settings):
    """A campaign: one material, its stages, its labels, its model."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    seed: int = Field(1, ge=0, lt=2**31)
    machine: str | None = Field(
        None, description="where it runs, by the name of a machine that `alworkflows setup` made; none: the first one made"
    )
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
        if not self.stages[0].train:
            raise ValueError(f"stages.{names[0]}: the first stage has to train; put transfer sets (train: false) after it")
        if self.model.fit.rule == "transfer" and all(stage.train for stage in self.stages):
            raise ValueError("model.fit.rule: 'transfer' needs a transfer set: a stage with 'train: false'")
        if self.stages[0].sampler.needs_ensemble:
            raise ValueError(
                f"stages.{names[0]}: the first stage has no ensemble to drive '{self.stages[0].sampler.name}'; "
                "begin with one that needs none, such as 'melt' or 'rattle'"
            )
        return self

    def limits(self, stage: Stage) -> GeometryLimits:
        """Return which frames of a stage may be labelled."""
        if stage.geometry is not None:
            return stage.geometry
        boxed = any(self.structures[name].isolated for name in stage.structures)
        return self.selection.geometry.in_a_box() if boxed else self.selection.geometry
