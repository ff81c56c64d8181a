"""Descriptor sets by the name that settings give them; a module is imported when its set is built."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from alworkflows.descriptors.contract import Descriptors
from alworkflows.errors import unknown
from alworkflows.settings import DescriptorSettings

__all__ = ["DESCRIPTORS", "build"]

#: module and class of each descriptor set; its settings are a class of the union in :mod:`alworkflows.settings.descriptors`
DESCRIPTORS: dict[str, str] = {
    "chebyshev": "alworkflows.descriptors.chebyshev:Chebyshev",
    "plip": "alworkflows.descriptors.plip:Plip",
}


def build(settings: DescriptorSettings, species: Sequence[str]) -> Descriptors:
    """Return the descriptor set that ``settings`` describe, for these species.

    Raises
    ------
    InputError
        If the name or a species is unknown.
    """
    if settings.name not in DESCRIPTORS:
        raise unknown("descriptor set", settings.name, DESCRIPTORS)
    module, name = DESCRIPTORS[settings.name].split(":")
    descriptors: Descriptors = getattr(import_module(module), name)(settings, species)
    return descriptors
