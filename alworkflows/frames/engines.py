"""Which labels may stand in one data set: those of one engine and its settings, and those that a person vouches for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alworkflows.errors import InputError

__all__ = ["GIVEN", "is_given", "require_one_engine"]

#: key in a description of an engine: labels of which a person vouches that they are as the others of the data set
GIVEN = "given"


def is_given(engine: dict[str, Any] | None) -> bool:
    """Whether labels were given with a file that does not say what made them."""
    return engine is not None and GIVEN in engine


def require_one_engine(
    engines: Mapping[str, dict[str, Any] | None], where: str = "", *, vouched: bool = True
) -> dict[str, Any] | None:
    """Return the engine of the labels of one data set; None without labels.

    Parameters
    ----------
    engines
        Description of the engine by the name of each source; None: no labels, which go with no others.
    where
        What the data set is for, if the message is to say so.
    vouched
        Whether labels that a person vouches for go with any others; not where all become one node, which names one engine.

    Raises
    ------
    InputError
        If two sources were labelled by different engines or settings; the message names both.
    """
    if not engines:
        return None
    first = next((name for name, engine in engines.items() if not (vouched and is_given(engine))), next(iter(engines)))
    expected = engines[first]
    for name, engine in engines.items():
        if engine == expected or (vouched and expected is not None and is_given(engine)):
            continue
        raise InputError(
            f"{where}{': ' if where else ''}labels of two engines or settings: {first} has {expected or 'none'}, "
            f"{name} has {engine or 'none'}; one data set is labelled by one engine"
        )
    return expected
