"""What became of the frames to be labelled: counted with a few queries, however many jobs there are, also while they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from ase import Atoms

from workchains.data.frames import FramesData
from workchains.processes.queueing import MARK
from workchains.provenance.label_failures import failures_of, single_failures
from workchains.provenance.tree import Step, created_by, pk_of, portions, steps_below
from workchains.steps.select import TEST

__all__ = [
    "LabelTally",
    "as_step",
    "label_tallies",
    "label_tally",
    "labelled_frames",
    "labelled_parts",
    "test_labels",
    "together",
]

#: link label under which a calcfunction of a labelling step hands over labels that were there before
REUSED = "reused"
#: calcfunctions that only put together, or divide, what others made
GATHER = ("gather_labels", "divide_labels", "divide_given", "merge_frames", "late_labels")


@dataclass(frozen=True)
class LabelTally:
    """What became of the frames of labelling steps, or is becoming of them.

    Attributes
    ----------
    total
        Frames to be labelled.
    done
        That have a new label.
    reused
        Whose label was there before and was taken over.
    failed
        That have none: for good once all has ended, so far until then.
    in_flight
        In jobs that have not ended.
    queued
        That wait for a free slot, for a remedy's turn, or for a twin that is labelled elsewhere; 0 at the end.
    recovered
        That failed at first, and have a label by a remedy or in a further job; 0 until the end.
    kinds
        Of the failed ones by kind, see :class:`alworkflows.calculators.failures.FailureKind`.
    examples
        A reason of each kind.
    live
        Whether more is to come.
    """

    total: int = 0
    done: int = 0
    reused: int = 0
    failed: int = 0
    in_flight: int = 0
    queued: int = 0
    recovered: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    live: bool = False

    @property
    def labels(self) -> int:
        """Labels there are, new and taken over."""
        return self.done + self.reused


def together(tallies: Sequence[LabelTally]) -> LabelTally:
    """Return the sum of several."""
    kinds: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for tally in tallies:
        kinds.update(tally.kinds)
        examples = {**tally.examples, **examples}
    names = ("total", "done", "reused", "failed", "in_flight", "queued", "recovered")
    sums: dict[str, Any] = {name: sum(getattr(tally, name) for tally in tallies) for name in names}
    return LabelTally(**sums, kinds=dict(kinds.most_common()), examples=examples, live=any(tally.live for tally in tallies))


def label_tallies(chains: Sequence[Step], steps: Sequence[Step]) -> dict[int, LabelTally]:
    """Return what became of the frames of each labelling step, by its PK.

    Parameters
    ----------
    chains
        The labelling steps.
    steps
        All processes below them, as :func:`~workchains.provenance.steps_below` returns them.
    """
    summaries = _told([chain.pk for chain in chains])
    tallies = {}
    for chain in chains:
        if chain.pk in summaries:
            values = summaries[chain.pk]
            examples = {item["kind"]: item["reason"] for item in reversed(values["failures"])}
            failed, reused = values["failed"], values["reused"]
            tallies[chain.pk] = LabelTally(
                total=values["total"],
                done=values["total"] - failed - reused,
                reused=reused,
                failed=failed,
                recovered=values["recovered"],
                kinds=dict(Counter(values["kinds"]).most_common()),
                examples=examples,
            )
    rest = {chain.pk: chain for chain in chains if chain.pk not in summaries}
    if rest:
        tallies.update(_counted(rest, [step for step in steps if step.parent in rest]))
    return tallies


def label_tally(node: orm.ProcessNode) -> LabelTally:
    """Return what became of the frames of one labelling step."""
    step = as_step(node)
    return label_tallies([step], [] if "failures" in _returned(node) else steps_below(node, depth=1))[step.pk]


def as_step(node: orm.ProcessNode) -> Step:
    """Return a process as a step without a parent, as labels made by hand are."""
    state = node.process_state.value if node.process_state else "created"
    return Step(
        pk=pk_of(node),
        parent=0,
        path="",
        kind="workchain",
        process=str(node.process_label),
        label=node.label,
        state=state,
        exit_status=node.exit_status,
        exit_message=node.exit_message,
        created=node.ctime,
        modified=node.mtime,
        info={},
    )


def labelled_frames(node: orm.ProcessNode) -> tuple[list[Atoms], dict[str, Any] | None]:
    """Return the labelled frames of a labelling step, in the order of the frames it was given, and what made the labels.

    Of a step that runs, or was killed, those that came so far.
    """
    if "batch" in _returned(node):
        return node.outputs.batch.get_frames(), node.outputs.batch.engine
    parts = labelled_parts(node)
    labelled: dict[str, Atoms] = {}
    for part in parts:
        labelled.update(zip(part.ids, part.get_frames(), strict=True))
    engine = parts[-1].engine if parts else None
    return [labelled[identity] for identity in node.inputs.frames.ids if identity in labelled], engine


def labelled_parts(node: orm.ProcessNode) -> list[FramesData]:
    """Return what the children of a labelling step have made so far, oldest first; they do not overlap."""
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={"id": node.pk}, tag="chain")
    makers = {"attributes.process_label": {"!in": list(GATHER)}}
    query.append(orm.ProcessNode, with_incoming="chain", filters=makers, tag="process")
    query.append(FramesData, with_incoming="process", edge_filters={"type": LinkType.CREATE.value}, tag="frames")
    parts = query.order_by({"frames": {"id": "asc"}}).distinct().all(flat=True)
    # labels of a version before, if any, are being made anew
    return [part for part in parts if part.engine == parts[-1].engine]


def test_labels(chains: list[int]) -> int:
    """Return how many labels of labelling steps are of frames that were chosen to test on; those are never trained on."""
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": {"in": chains}}, project="id", tag="chain")
    told_uses, wanted = {"attributes": {"has_key": "uses"}}, ["attributes.ids", "attributes.uses"]
    query.append(FramesData, with_outgoing="chain", edge_filters={"label": "frames"}, filters=told_uses, project=wanted)
    summaries, number = _told(chains), 0
    for pk, ids, uses in query.all() if chains else []:
        tests = {identity for identity, use in zip(ids, uses, strict=True) if use == TEST}
        if pk in summaries:
            number += len(tests - {item["id"] for item in summaries[pk]["failures"]})
        else:
            chain: Any = orm.load_node(pk)
            number += len(tests & {identity for part in labelled_parts(chain) for identity in part.ids})
    return number


def _returned(node: orm.ProcessNode) -> list[str]:
    return node.base.links.get_outgoing(link_type=LinkType.RETURN).all_link_labels()


def _told(chains: list[int]) -> dict[int, dict[str, Any]]:
    """Return what labelling steps that came to their end say of themselves."""
    if not chains:
        return {}
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={"id": {"in": chains}}, project="id", tag="chain")
    edge = {"type": LinkType.RETURN.value, "label": "failures"}
    query.append(orm.Dict, with_incoming="chain", edge_filters=edge, project="attributes")
    return dict(query.all())


def _counted(chains: dict[int, Step], children: list[Step]) -> dict[int, LabelTally]:
    """Return the tallies of steps that have not come to their end, from what their children made."""
    totals = _totals(list(chains))
    parent = {child.pk: child.parent for child in children}
    ended = [child.pk for child in children if child.ended and child.process not in GATHER]
    marks = _marks([child.pk for child in children if child.kind != "function"])
    counts: dict[int, Counter[str]] = {pk: Counter() for pk in chains}
    labelled: dict[int, set[str]] = {pk: set() for pk in chains}
    makers = set()
    for process, ids, link in created_by(ended, "attributes.ids", kind=FramesData):
        counts[parent[process]]["reused" if link == REUSED else "done"] += len(ids)
        labelled[parent[process]] |= set(ids)
        makers.add(process)
    for child in children:
        if not child.ended:
            counts[child.parent]["in_flight"] += len(marks.get(child.pk, ()))
    failures: dict[int, dict[str, tuple[str, str]]] = {pk: {} for pk in chains}
    for process, items in failures_of(ended):
        for item in items:
            if item["id"] not in labelled[parent[process]]:
                failures[parent[process]][item["id"]] = (item["kind"], item["reason"])
    for child, key, kind in single_failures(children, marks, makers):
        failures[child.parent][key] = (kind, child.exit_message or f"{child.process} {child.pk} ended: {child.state}")
    tallies = {}
    for pk, chain in chains.items():
        kinds = Counter(kind for kind, _ in failures[pk].values())
        total, busy = totals.get(pk, 0), sum(counts[pk].values()) + len(failures[pk])
        tallies[pk] = LabelTally(
            total=total,
            failed=len(failures[pk]),
            queued=0 if chain.ended else max(total - busy, 0),
            kinds=dict(kinds.most_common()),
            examples=dict(reversed(failures[pk].values())),
            live=not chain.ended,
            **counts[pk],
        )
    return tallies


def _totals(chains: list[int]) -> dict[int, int]:
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={"id": {"in": chains}}, project="id", tag="chain")
    query.append(FramesData, with_outgoing="chain", edge_filters={"label": "frames"}, project="attributes.n_frames")
    return dict(query.all())


def _marks(processes: list[int]) -> dict[int, list[str]]:
    """Return the keys of the frames that each process is to label."""
    marks = {}
    for some in portions(processes):
        wanted = ["id", f"extras.{MARK}.contents"]
        query = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": {"in": some}}, project=wanted)
        marks.update({pk: contents for pk, contents in query.all() if contents})
    return marks
