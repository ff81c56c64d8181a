"""Which iteration of a campaign a process belongs to, as the graph says it: iterations are children of the campaign, and each is
told its number and its stage as an input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiida import orm

from workchains.provenance.tree import Step, is_campaign, outputs_of, pk_of, portions
from workchains.provenance.versions import check_version

__all__ = ["Place", "Places", "is_iteration", "is_labelling", "labelling_below", "told_of"]

#: child of an iteration that labels frames, and the one that takes what there is of it before its end
LABEL, LABEL_EARLY = "label", "label_early"
#: what an iteration has by the time its frames are chosen
CHOICE = ("trust_levels", "candidates", "deviation", "selection", "fingerprints", "chosen")
#: child that samples for a later iteration
SAMPLE_AHEAD = "sample_ahead"


def is_iteration(step: Step) -> bool:
    """Whether a step is an iteration."""
    return step.process == "IterationWorkChain"


def is_labelling(step: Step) -> bool:
    """Whether a step labels a set of frames."""
    return step.process == "LabelWorkChain"


def labelling_below(steps: Sequence[Step]) -> set[int]:
    """Return the PKs of the steps that label, and of all below them."""
    pks = {step.pk for step in steps if is_labelling(step)}
    for step in sorted(steps, key=lambda step: step.pk):
        if step.parent in pks:
            pks.add(step.pk)
    return pks


@dataclass(frozen=True)
class Place:
    """One iteration in the record: its process, its number and stage, and its children by key.

    What was sampled before its turn, as a child of an earlier iteration, is a child of the one that used it; until then of none.
    """

    step: Step
    number: int
    stage: str
    stage_iteration: int
    children: dict[str, Step] = field(default_factory=dict)


class Places:
    """The iterations of a campaign, oldest first, and which of them each process below the campaign belongs to.

    Parameters
    ----------
    node
        The campaign.
    steps
        What :func:`~workchains.provenance.steps_below` returned.

    Raises
    ------
    InputError
        If another version made the campaign: see :func:`~workchains.provenance.versions.check_version`.
    """

    def __init__(self, node: orm.ProcessNode, steps: Sequence[Step]) -> None:
        if is_campaign(node):
            check_version(node)
        own = {step.pk: step for step in steps if step.parent == pk_of(node) and is_iteration(step)}
        told = told_of(list(own))
        places = [
            Place(step, told[pk]["iteration"], told[pk]["name"], told[pk]["stage_iteration"])
            for pk, step in own.items()
            if pk in told
        ]
        self.iterations = sorted(places, key=lambda place: (place.number, place.step.pk))
        by_pk = {place.step.pk: place for place in self.iterations}
        for step in steps:
            # of several with one key, the last that did not crash counts
            if (place := by_pk.get(step.parent)) and (step.key not in place.children or step.state != "excepted"):
                place.children[step.key] = step
        self._parents = {step.pk: step.parent for step in steps}
        self._roots: dict[int, Place | None] = {**by_pk, **self._sampled_ahead()}

    def _sampled_ahead(self) -> dict[int, Place | None]:
        """Move what was sampled before its turn to the iteration that used it; return where each such step belongs."""
        ahead = {step.pk: step for place in self.iterations if (step := place.children.pop(SAMPLE_AHEAD, None)) is not None}
        if not ahead:
            return {}
        makers = {links["candidates"]: pk for pk, links in outputs_of(list(ahead)).items() if "candidates" in links}
        places: dict[int, Place | None] = dict.fromkeys(ahead, None)
        for pk, candidates in inputs_named([place.step.pk for place in self.iterations], "candidates").items():
            if candidates in makers:
                place = next(place for place in self.iterations if place.step.pk == pk)
                place.children["sample"] = ahead[makers[candidates]]
                places[makers[candidates]] = place
        return places

    def of(self, pk: int) -> Place | None:
        """Return the iteration that a process is, or is below of; None if it belongs to none."""
        path = []
        current = pk
        while current not in self._roots and current in self._parents:
            path.append(current)
            current = self._parents[current]
        place = self._roots.get(current)
        self._roots.update(dict.fromkeys(path, place))
        return place


def told_of(iterations: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return what iterations were told of themselves, by PK: ``name`` (of the stage), ``iteration``, ``stage_iteration``."""
    told: dict[int, dict[str, Any]] = {}
    for some in portions(iterations):
        query = orm.QueryBuilder()
        query.append(orm.WorkChainNode, filters={"id": {"in": some}}, project="id", tag="iteration")
        query.append(orm.Dict, with_outgoing="iteration", edge_filters={"label": "stage"}, project="attributes")
        told.update(dict(query.all()))
    return told


def inputs_named(processes: Sequence[int], label: str) -> dict[int, int]:
    """Return the PK of an input of each process that has it."""
    query = orm.QueryBuilder()
    query.append(orm.ProcessNode, filters={"id": {"in": list(processes)}}, project="id", tag="process")
    query.append(orm.Data, with_outgoing="process", edge_filters={"label": label}, project="id")
    return dict(query.all()) if processes else {}
