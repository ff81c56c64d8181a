"""Descriptor sets by the name that settings give them."""

from __future__ import annotations

from collections.abc import Sequence

from alworkflows.descriptors.contract import Descriptors
from alworkflows.descriptors.plip.descriptors import Plip
from alworkflows.errors import unknown
from alworkflows.settings import DescriptorSettings

__all__ = ["DESCRIPTORS", "build"]

#: one line a descriptor set
DESCRIPTORS: dict[str, type[Plip]] = {"plip": Plip}


def build(settings: DescriptorSettings, species: Sequence[str]) -> Descriptors:
    """Return the descriptor set that ``settings`` describe, for these species.

    Raises
    ------
    InputError
        If the name or a species is unknown.
    """
    if settings.name not in DESCRIPTORS:
        raise unknown("descriptor set", settings.name, DESCRIPTORS)
    return DESCRIPTORS[settings.name](settings, species)
