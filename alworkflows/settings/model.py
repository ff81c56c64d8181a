"""The ensemble: groups of members, each of one class; for linear ones descriptors, baseline and regression."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from alworkflows.errors import InputError
from alworkflows.schema import PositiveLength, Settings, untagged
from alworkflows.settings.descriptors import DescriptorSettings, PlipSettings
from alworkflows.settings.regression import FitSettings, TermsRule

__all__ = ["BaselineSettings", "GroupSettings", "LinearSettings", "ModelSettings", "UniversalSettings"]


class BaselineSettings(Settings):
    """A repulsion that is subtracted before the fit and added to every prediction: screened nuclei at short distances (ZBL)."""

    name: Literal["zbl"] = "zbl"
    inner: PositiveLength = Field(0.8, description="where it begins to be switched off, A; rounded to cutoff / 64")
    outer: PositiveLength = Field(
        1.3, description="where it is zero, A; rounded to cutoff / 64; best below the shortest distance in the data"
    )

    @model_validator(mode="after")
    def _ordered(self) -> BaselineSettings:
        if self.outer <= self.inner:
            raise ValueError(f"expected outer above inner ({self.inner:g} A), got {self.outer:g} A")
        return self


class GroupSettings(Settings):
    """Members of one class; what a campaign asks of any of them is a question here."""

    model_config = ConfigDict(serialize_by_alias=True)

    #: whether members are fitted to labels
    is_trained: ClassVar[bool] = True

    class_: str = Field(alias="class")
    members: int = Field(description="how many")

    @property
    def needs_transfer_set(self) -> bool:
        """Whether the fit asks for frames of a kind that is not trained on."""
        return False

    def without_transfer_set(self) -> Self:
        """Return the settings of a fit while there is no transfer set yet."""
        return self


class LinearSettings(GroupSettings):
    """Linear in descriptors: which, a baseline, the regression, and how members differ."""

    class_: Literal["linear"] = Field("linear", alias="class")
    descriptors: DescriptorSettings = PlipSettings()
    baseline: BaselineSettings | None = Field(None, description="a fixed repulsion at short distances; none: the fit alone")
    fit: FitSettings = FitSettings()
    members: int = Field(5, ge=1, le=32, description="committee size")
    folds: int = Field(10, ge=2, le=64, description="each member leaves out a different one of these")

    @model_validator(mode="after")
    def _consistent(self) -> LinearSettings:
        if self.members > self.folds:
            raise ValueError(f"expected at least as many folds as members ({self.members}), got {self.folds}")
        if self.baseline and self.baseline.outer > self.descriptors.cutoff:
            raise ValueError(
                f"baseline.outer: expected at most the cutoff ({self.descriptors.cutoff:g} A), got {self.baseline.outer:g} A"
            )
        return self

    @property
    def needs_transfer_set(self) -> bool:
        """Whether the model of the path is chosen by errors on transfer sets."""
        return self.fit.is_chosen and self.fit.rule is TermsRule.TRANSFER

    def without_transfer_set(self) -> Self:
        """Return the settings with the choice left to held-out errors."""
        if not self.needs_transfer_set:
            return self
        return self.model_copy(update={"fit": self.fit.model_copy(update={"rule": TermsRule.ONE_STANDARD_ERROR})})


class UniversalSettings(GroupSettings):
    """A pretrained potential, taken as it is: CHGNet, from the package of the extra ``universal``."""

    is_trained: ClassVar[bool] = False

    class_: Literal["universal"] = Field("universal", alias="class")
    name: Literal["chgnet"] = "chgnet"
    weights: Literal["0.3.0", "0.2.0", "r2scan"] = Field("0.3.0", description="which of the weights in the package")
    members: int = Field(
        1, ge=1, le=1, description="one: copies would only seem to agree; other weights are a group of their own"
    )


Group = Annotated[LinearSettings | UniversalSettings, Field(discriminator="class_"), untagged("class", "linear")]


def _listed(data: Any) -> Any:
    """Return one group as a list of one."""
    if isinstance(data, dict | GroupSettings):
        return [data]
    if not isinstance(data, list | tuple):
        raise ValueError(f"expected a mapping, or a list of groups, got {'nothing' if data is None else repr(data)}")
    return data


class ModelSettings(RootModel[Annotated[tuple[Group, ...], BeforeValidator(_listed), Field(min_length=1)]]):
    """An ensemble: one group of members, or a list of groups; two members at least."""

    model_config = ConfigDict(frozen=True)

    root: Annotated[tuple[Group, ...], BeforeValidator(_listed), Field(min_length=1)] = (LinearSettings(),)

    @model_validator(mode="after")
    def _enough(self) -> ModelSettings:
        if self.members < 2:
            raise ValueError(f"members: expected at least two in all, so that they can disagree, got {self.members}")
        for index, group in enumerate(self.root):
            if group in self.root[:index]:
                instead = "give that one more members" if group.is_trained else "give other weights"
                same = self.root.index(group)
                raise ValueError(f"{index}: the same as {same}: its members would be copies, and only seem to agree; {instead}")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> Any:
        groups = handler(self)
        return groups[0] if len(groups) == 1 else groups

    @classmethod
    def of(cls, *groups: GroupSettings) -> ModelSettings:
        """Return an ensemble of these groups."""
        return cls(groups)

    @property
    def groups(self) -> tuple[GroupSettings, ...]:
        """The groups, in the order of the file."""
        return self.root

    @property
    def members(self) -> int:
        """Number of members in all groups."""
        return sum(group.members for group in self.root)

    @property
    def is_trained(self) -> bool:
        """Whether anything is fitted to labels."""
        return any(group.is_trained for group in self.root)

    @property
    def needs_transfer_set(self) -> bool:
        """Whether the fit of any group asks for frames of a kind that is not trained on."""
        return any(group.needs_transfer_set for group in self.root)

    def without_transfer_set(self) -> ModelSettings:
        """Return the settings of a fit while there is no transfer set yet."""
        return ModelSettings.of(*(group.without_transfer_set() for group in self.root))

    def linear(self, what: str) -> LinearSettings:
        """Return the one group there is, if it is linear.

        Raises
        ------
        InputError
            If there are several, or it is of another class; ``what`` is what was to be done.
        """
        first = self.root[0]
        if len(self.root) == 1 and isinstance(first, LinearSettings):
            return first
        classes = ", ".join(f"{group.members} of class {group.class_}" for group in self.root)
        raise InputError(f"{what}: expected one group of linear members, got {classes}")
