"""What a campaign has cost: core-hours and jobs by step, iteration, stage and engine; what a label costs, and what was saved.

There is one way of counting: the wall time in which a job ran (see :func:`~workchains.provenance.timeline`) times its cores.
Queues cost nothing; a job in flight costs what it ran until now. Calcfunctions run in the daemon and are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiida import orm
from aiida.common.links import LinkType

from workchains.provenance.labels import label_tallies, test_labels, together
from workchains.provenance.lost import failed_core_seconds, saved_core_hours
from workchains.provenance.places import Places, is_labelling, labelling_below
from workchains.provenance.timeline import Interval, intervals
from workchains.provenance.tree import Step, earlier_campaign, steps_below, steps_of

__all__ = ["Cost", "Costs", "LabelCosts", "core_hours_of", "core_hours_spent", "costs", "steps_of_jobs"]

#: key of what belongs to no iteration, stage or engine
WHOLE = "whole campaign"


@dataclass(frozen=True)
class Cost:
    """What some jobs took: how many they are, how many of them have not ended, seconds they ran, core-hours."""

    jobs: int = 0
    running: int = 0
    seconds: float = 0.0
    core_hours: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.jobs + other.jobs,
            self.running + other.running,
            self.seconds + other.seconds,
            self.core_hours + other.core_hours,
        )


@dataclass(frozen=True)
class LabelCosts:
    """What labels cost.

    Attributes
    ----------
    new, reused, failed
        Labels made, labels taken over, frames without one.
    accepted
        Frames that were chosen to train on and have a label, new or taken over.
    core_hours
        Of all jobs that label, also those that gave nothing.
    failed_core_hours
        Of the attempts that gave no label, whether or not a later one did.
    per_label
        Core-hours of a new label, those of failed attempts included; None before there is one.
    per_accepted
        Core-hours of the whole campaign over the accepted frames; None before there is one.
    saved
        Core-hours that labels taken over would have cost, at the mean of the new ones or, without any, at what they cost where
        they were made; None if neither is known.
    """

    new: int = 0
    reused: int = 0
    failed: int = 0
    accepted: int = 0
    core_hours: float = 0.0
    failed_core_hours: float = 0.0
    per_label: float | None = None
    per_accepted: float | None = None
    saved: float | None = 0.0


@dataclass(frozen=True)
class Costs:
    """What a campaign has cost.

    Attributes
    ----------
    total
        Of all jobs.
    steps
        By step: ``sample``, ``describe``, ``label``, ``fit``, ``evaluate``.
    iterations, stages
        By number of the iteration (as text) and by stage, each by step; ``whole campaign`` is what belongs to none.
    engines
        Of the jobs that label, by what makes the labels.
    labels
        What a label costs.
    before
        Core-hours of the campaigns that this one went on from; in none of the other figures.
    """

    total: Cost = Cost()
    steps: dict[str, Cost] = field(default_factory=dict)
    iterations: dict[str, dict[str, Cost]] = field(default_factory=dict)
    stages: dict[str, dict[str, Cost]] = field(default_factory=dict)
    engines: dict[str, Cost] = field(default_factory=dict)
    labels: LabelCosts = LabelCosts()
    before: float = 0.0

    def by(self, what: str) -> dict[str, dict[str, Cost]]:
        """Return costs by step within each ``iteration`` or ``stage``, or, by ``step``, of the whole campaign."""
        groups = {"step": {WHOLE: self.steps}, "iteration": self.iterations, "stage": self.stages}
        return groups[what]


def core_hours_spent(node: orm.ProcessNode) -> float:
    """Return the core-hours of all jobs below a process until now, those in flight included."""
    return sum(job.core_seconds for job in _jobs(steps_below(node))) / 3600.0


def core_hours_of(jobs: list[int]) -> dict[int, float]:
    """Return the core-hours of each of some jobs until now, by its PK."""
    return {job.pk: job.core_seconds / 3600.0 for job in intervals(steps_of(jobs))}


def steps_of_jobs(steps: Sequence[Step]) -> dict[int, str]:
    """Return the step that each job below a campaign belongs to, by its PK: ``sample``, ``describe``, ``label``, ``fit``, ..."""
    labels = labelling_below(steps)
    # whatever program labels, its jobs are the label step's
    return {
        step.pk: "label" if step.pk in labels else step.process.removesuffix("Job").lower()
        for step in steps
        if step.kind == "job"
    }


def costs(node: orm.ProcessNode, steps: list[Step] | None = None) -> Costs:
    """Return what a campaign, or labels made by hand, has cost until now.

    Parameters
    ----------
    node
        The campaign, or a run of ``LabelWorkChain``.
    steps
        What :func:`~workchains.provenance.steps_below` returned, if it was called already.
    """
    steps = steps_below(node) if steps is None else steps
    jobs = _jobs(steps)
    alive = {step.pk for step in steps if not step.ended}
    by_hand = node.process_label == "LabelWorkChain"  # each look at it asks the database
    places, named = Places(node, steps), steps_of_jobs(steps)

    def iteration(job: Interval) -> str:
        place = places.of(job.pk)
        return str(place.number) if place is not None else WHOLE

    def stage(job: Interval) -> str:
        place = places.of(job.pk)
        return place.stage if place is not None else WHOLE

    def step(job: Interval) -> str:
        return "label" if by_hand else named[job.pk]

    def group(key: Callable[[Interval], str]) -> dict[str, dict[str, Cost]]:
        rows: dict[str, dict[str, Cost]] = {}
        for job in sorted(jobs, key=lambda job: (key(job) == WHOLE, job.pk)):
            row = rows.setdefault(key(job), {})
            row[step(job)] = row.get(step(job), Cost()) + _cost(job, alive)
        return rows

    by_step = group(step)
    total = sum((_cost(job, alive) for job in jobs), Cost())
    engines, labels = _labels(node, steps, [job for job in jobs if step(job) == "label"], alive, total)
    return Costs(
        total=total,
        steps={name: row[name] for name, row in by_step.items()},
        iterations=group(iteration),
        stages=group(stage),
        engines=engines,
        labels=labels,
        before=_before(node),
    )


def _before(node: orm.ProcessNode) -> float:
    earlier = earlier_campaign(node)
    return 0.0 if earlier is None else core_hours_spent(earlier) + _before(earlier)


def _jobs(steps: Sequence[Step]) -> list[Interval]:
    return intervals([step for step in steps if step.kind == "job"])


def _cost(job: Interval, alive: set[int]) -> Cost:
    seconds = (job.end - job.start).total_seconds()
    return Cost(1, int(job.pk in alive), seconds, job.core_seconds / 3600.0)


# ------------------------------------------------------------------------------------------------ labels


def _labels(
    node: orm.ProcessNode, steps: Sequence[Step], jobs: Sequence[Interval], alive: set[int], total: Cost
) -> tuple[dict[str, Cost], LabelCosts]:
    """Return what labels cost by engine, and each."""
    chains = [step for step in steps if is_labelling(step)] or _itself(node)
    tallies = label_tallies(chains, list(steps))
    engine_of = _engines([chain.pk for chain in chains])
    below = {chain.pk: chain.pk for chain in chains}  # which chain a process belongs to
    tasks: dict[int, Step] = {}  # the child of a chain that a process is, or is below of
    for step in sorted(steps, key=lambda step: step.pk):
        if step.parent in below:
            tasks[step.pk] = step if step.parent == below[step.parent] else tasks[step.parent]
            below[step.pk] = below[step.parent]
    engines: dict[str, Cost] = {}
    for job in jobs:
        name = engine_of.get(below.get(job.pk, 0), "unknown")
        engines[name] = engines.get(name, Cost()) + _cost(job, alive)
    whole = together(list(tallies.values()))
    hours = sum(job.core_seconds for job in jobs) / 3600.0
    accepted = whole.labels - test_labels([chain.pk for chain in chains])
    per_label = hours / whole.done if whole.done else None
    return engines, LabelCosts(
        new=whole.done,
        reused=whole.reused,
        failed=whole.failed,
        accepted=accepted,
        core_hours=hours,
        failed_core_hours=failed_core_seconds(jobs, tasks, alive) / 3600.0,
        per_label=per_label,
        per_accepted=total.core_hours / accepted if accepted else None,
        saved=saved_core_hours(whole, per_label, [chain.pk for chain in chains]),
    )


def _itself(node: orm.ProcessNode) -> list[Step]:
    """Return labels made by hand as a step of their own."""
    from workchains.provenance.labels import as_step

    return [as_step(node)] if node.process_label == "LabelWorkChain" else []


def _engines(chains: list[int]) -> dict[int, str]:
    """Return what each labelling step labels with: the engine, and of ASE's the calculator."""
    if not chains:
        return {}
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={"id": {"in": chains}}, project="id", tag="chain")
    edge = {"type": LinkType.INPUT_WORK.value, "label": "settings"}
    query.append(orm.Dict, with_outgoing="chain", edge_filters=edge, project=["attributes.engine", "attributes.calculator.name"])
    return {pk: (calculator if engine in (None, "ase") else engine) or "ase" for pk, engine, calculator in query.all()}
