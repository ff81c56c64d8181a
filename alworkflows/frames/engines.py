"""Which labels may stand in one data set: those of one engine and its settings, and those that a person vouches for."""

from __future__ import annotations

from typing import Any

__all__ = ["GIVEN", "is_given", "same_engine"]

#: key in a description of an engine: labels of which a person vouches that they are as the others of the data set
GIVEN = "given"


def is_given(engine: dict[str, Any] | None) -> bool:
    """Whether labels were given with a file that does not say what made them."""
    return engine is not None and GIVEN in engine


def same_engine(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Whether labels of two engines may stand in one data set; those that a person vouches for go with any."""
    return one == other or (one is not None and other is not None and (is_given(one) or is_given(other)))
