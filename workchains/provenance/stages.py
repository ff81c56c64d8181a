"""Which stage an iteration belongs to, from what is stored and not from labels, which a person may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from workchains.provenance.record import IterationRecord
from workchains.provenance.tree import Step, settings_of

__all__ = ["LATE", "stages_of"]

#: in place of a stage, for an iteration that does nothing but fit to labels which came late
LATE = "late labels"


def stages_of(
    node: orm.ProcessNode,
    children: Mapping[str, Mapping[str, Step]],
    decided: Mapping[str, str | None],
    before: str | None,
    begun: IterationRecord | None,
) -> dict[str, str]:
    """Return the name of the stage of each iteration of a campaign, ``?`` where nothing says it.

    Parameters
    ----------
    children
        Steps of each iteration, by key and name, oldest first.
    decided
        The stage that the decision at an iteration's end names; None until then. Until then it is the one that samples as the
        iteration does.
    before
        The stage of the last iteration of the campaign that this one went on from.
    begun
        The iteration whose choice of frames was taken over from there.
    """
    found: dict[str, str] = {}
    stages = settings_of(node)["stages"] if children else []
    names = [stage["name"] for stage in stages]
    sampled = _sampled([group["sample"].pk for key, group in children.items() if "sample" in group and not decided.get(key)])
    last = before
    for key, group in children.items():
        name = decided.get(key)
        if name is None and begun is not None and begun.key == key:
            name = begun.stage
        if name is None and "sample" in group:
            fitting = [
                stage["name"]
                for stage in stages
                if (stage["sampler"], list(stage["structures"])) == sampled.get(group["sample"].pk)
            ]
            # two stages may sample the same: then it is the first of them that is not over
            later = [item for item in fitting if last not in names or names.index(item) >= names.index(last)]
            name = next(iter(later or fitting), None)
        found[key] = name or (LATE if set(group) == {"train"} else "?")
        last = name or last
    return found


def _sampled(chains: list[int]) -> dict[int, tuple[dict[str, Any], list[str]]]:
    """Return sampler and structures of sampling steps."""
    if not chains:
        return {}
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={"id": {"in": chains}}, project="id", tag="chain")
    query.append(orm.Dict, with_outgoing="chain", edge_filters={"label": "sampler"}, project="attributes")
    query.append(orm.List, with_outgoing="chain", edge_filters={"label": "names"}, project="attributes.list")
    return {pk: (sampler, list(names)) for pk, sampler, names in query.all()}
