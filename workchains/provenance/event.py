"""One thing that happened to a frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["KINDS", "Event"]

#: what can happen to a frame, in the order in which it is told
KINDS = ("structure", "sample", "describe", "select", "label", "train", "test", "evaluate")


@dataclass(frozen=True)
class Event:
    """One thing that happened to a frame.

    Attributes
    ----------
    kind
        One of :data:`KINDS`.
    pk, process
        The process that did it: PK (None if there is none, as for frames stored by hand) and name.
    node
        PK of the node that came out of it: for ``train`` and ``test`` the ensemble, for ``evaluate`` the report of the errors.
    facts
        What is to be known of it, by name; units are in the names.
    """

    kind: str
    pk: int | None
    process: str
    node: int | None
    facts: dict[str, Any] = field(default_factory=dict)
