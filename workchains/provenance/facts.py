"""Attributes of many nodes of data with a query a kind, so that a campaign of many iterations is read in no time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida import orm

from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.provenance.tree import portions

__all__ = ["facts_of"]

#: by the kind of node, what is read: attribute, and the name it goes by
READ: dict[type[orm.Data], dict[str, str]] = {
    FramesData: {"n_frames": "n_frames"},
    EnsembleData: {"terms": "terms"},
    orm.Dict: {
        # of a selection
        "counts": "counts",
        "window": "window",
        "strategy": "strategy",
        "accurate_share": "accurate_share",
        "chosen": "chosen",
        "test": "test",
        # of a fit's report, whose points on test frames may be many
        "training_frames": "training_frames",
        "fit.held_out_rmse": "held_out_rmse",
        "test.force_rmse": "test_rmse",
        # of a decision
        "stage": "stage",
        # of what labelling says at its end
        "failures": "failures",
    },
}


def facts_of(nodes: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return what iterations are told by of nodes: {PK: {name: value}}; what a node does not have is None."""
    pks = sorted({pk for pk in nodes if pk})
    facts: dict[int, dict[str, Any]] = {}
    for some in portions(pks):
        for kind, names in READ.items():
            query = orm.QueryBuilder()
            query.append(kind, filters={"id": {"in": some}}, project=["id", *(f"attributes.{name}" for name in names)])
            facts.update({pk: dict(zip(names.values(), values, strict=True)) for pk, *values in query.all()})
    return facts
