"""A campaign: one material, its stages, its labels, its model."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from alworkflows.errors import suggest
from alworkflows.schema import Count, Fraction, Seed, Settings
from alworkflows.settings.labels import LabelSettings
from alworkflows.settings.model import LinearSettings, ModelSettings
from alworkflows.settings.reading import ReadSettings
from alworkflows.settings.samplers import SamplerSettings
from alworkflows.settings.selection import Criterion, SelectionSettings
from alworkflows.settings.stopping import Budget, Convergence
from alworkflows.settings.structures import GeometryLimits, StructureSettings

__all__ = ["Campaign", "GivenData", "Overlap", "Stage"]

#: what a structure may be called: it stands in file names, tables and the record
STRUCTURE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
#: names of groups of test frames beside those of the stages: what came with given data, and all together
TAKEN = ("given", "all")


class Stage(Settings):
    """One sampler on some structures, repeated until the ensemble agrees on what it visits."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    sampler: SamplerSettings
    structures: tuple[str, ...] = Field(min_length=1)
    iterations: Count = Field(1, description="most iterations of this stage")
    convergence: Convergence = Field(Convergence(), description="when the stage ends before its iterations are used up")
    budget: Count | None = Field(None, description="frames chosen per iteration; none: that of the selection")
    geometry: GeometryLimits | None = Field(
        None, description="which of its frames may be labelled, where they are extreme on purpose; none: as the selection says"
    )
    train: bool = Field(
        True,
        description="false: its labels are a transfer set of the stage's name, drawn at random and never trained on, against "
        "which the fit measures every model of its path",
    )


class GivenData(ReadSettings):
    """Labelled frames to begin with, from one source; a person vouches that their labels are as the campaign's own would be."""

    file: str | None = Field(None, description="a file, pattern or folder of frames with energy and forces")
    node: str | None = Field(None, description="UUID or PK of an earlier campaign, or of labelled frames, in the profile")
    archive: str | None = Field(None, description="an AiiDA archive, which is imported; 'node' says what in it, by UUID")
    test_share: Fraction = Field(0.1, description="random share that is never trained on")

    @model_validator(mode="after")
    def _one(self) -> GivenData:
        if self.file is not None and (self.node is not None or self.archive is not None):
            raise ValueError("expected a file, or a node (of the profile or of an archive), got both")
        if self.file is None and self.node is None:
            raise ValueError("expected a file, a node, or an archive and a node in it")
        return self


class Overlap(Settings):
    """What does not wait for all labels; off unless given, since the order in which labels come then decides what is fitted."""

    share: Fraction = Field(1.0, gt=0, description="the fit begins when this share of the labels of a batch is there")
    after: float | None = Field(None, gt=0, description="or so many hours after the labels were asked for, if any is there")
    sample_ahead: bool = Field(False, description="sampling that needs no ensemble is begun before its turn")


class Campaign(Settings):
    """A campaign: one material, its stages, its labels, its model."""

    name: str = Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    seed: Seed = 1
    machine: str | None = Field(
        None, description="where it runs, by the name of a machine that `alworkflows setup` made; none: the first one made"
    )
    species: tuple[str, ...] = Field(min_length=1, max_length=8, description="chemical symbols")
    structures: dict[str, StructureSettings] = Field(min_length=1)
    stages: tuple[Stage, ...] = Field(min_length=1)
    label: LabelSettings = LabelSettings()
    model: ModelSettings = Field(ModelSettings(), description="a group of members, linear unless its class says other, or a list")
    selection: SelectionSettings = SelectionSettings()
    budget: Budget = Budget()
    start: tuple[GivenData, ...] = Field((), description="labelled frames to begin with")
    overlap: Overlap = Overlap()

    @field_validator("structures")
    @classmethod
    def _structure_names(cls, value: dict[str, StructureSettings]) -> dict[str, StructureSettings]:
        for name in value:
            if not STRUCTURE_NAME.fullmatch(name):
                raise ValueError(
                    "expected names of at most 64 letters, digits, '_', '-' and '.' (of ASCII), the first a letter or digit, "
                    f"got {name if len(name) <= 80 else name[:77] + '...'!a}"
                )
        return value

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
        for name in names:
            if name in TAKEN:
                raise ValueError(f"stages.{name}: the name stands for other test frames; give the stage another one")
        for stage in self.stages:
            for name in stage.structures:
                if name not in self.structures:
                    raise ValueError(
                        f"stages.{stage.name}.structures: no structure '{name}'{suggest(name, self.structures)}; "
                        f"known: {', '.join(self.structures)}"
                    )
        if not self.stages[0].train:
            raise ValueError(f"stages.{names[0]}: the first stage has to train; put transfer sets (train: false) after it")
        if self.model.needs_transfer_set and all(stage.train for stage in self.stages):
            raise ValueError("model.fit.rule: 'transfer' needs a transfer set: a stage with 'train: false'")
        if self.selection.criterion is Criterion.GRADE and not any(isinstance(g, LinearSettings) for g in self.model.groups):
            raise ValueError("selection.criterion: 'grade' needs linear members, and 'model' has none")
        if self.stages[0].sampler.needs_ensemble and not self.start:
            raise ValueError(
                f"stages.{names[0]}: the first stage has no ensemble to drive '{self.stages[0].sampler.name}'; "
                "begin with one that needs none, such as 'melt' or 'rattle', or give labelled frames under 'start'"
            )
        return self

    def limits(self, stage: Stage) -> GeometryLimits:
        """Return which frames of a stage may be labelled."""
        if stage.geometry is not None:
            return stage.geometry
        boxed = any(self.structures[name].isolated for name in stage.structures)
        return self.selection.geometry.in_a_box() if boxed else self.selection.geometry
