"""How far and how many: what every descriptor set keeps to, so that no number in a file asks for more memory than there is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alworkflows.schema import PositiveLength

__all__ = ["MOST_FUNCTIONS", "Cutoff", "Distance"]

#: radial functions of one set
MOST_FUNCTIONS = 500

#: between the shortest bond and what 4 000 neighbours in a crystal are
Cutoff = Annotated[PositiveLength, Field(ge=0.5, le=20.0)]
#: a length in a radial function
Distance = Annotated[PositiveLength, Field(le=100.0)]
