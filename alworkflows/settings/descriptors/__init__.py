"""The descriptor sets that a model may name, each with its settings; one that names none is PLIP."""

from typing import Annotated

from pydantic import Field

from alworkflows.schema import untagged
from alworkflows.settings.descriptors.chebyshev import ChebyshevSettings
from alworkflows.settings.descriptors.plip import PlipSettings

__all__ = ["ChebyshevSettings", "DescriptorSettings", "PlipSettings"]

DescriptorSettings = Annotated[PlipSettings | ChebyshevSettings, Field(discriminator="name"), untagged("name", "plip")]
