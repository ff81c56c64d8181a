"""What a report shows, as plain data: nothing here knows AiiDA, and nothing here draws.

Whatever a running or failed campaign does not have yet is None or empty; the page says so where it would have stood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from workchains.processes.naming import numbered

if TYPE_CHECKING:
    from alworkflows.insight import Insight
    from workchains.provenance import Costs
    from workchains.report.labelling import Labelling
    from workchains.report.trust import Trust

__all__ = ["Evaluation", "Failure", "FrameMap", "Iteration", "Job", "Report", "Term", "Terms"]

#: the levels of the trust window, in the order they are stacked
LEVELS = ("accurate", "candidate", "failed", "refused")


@dataclass(frozen=True)
class Iteration:
    """One iteration of the loop.

    Attributes
    ----------
    state
        What it does (``sampling``, ``labelling``, ...), ``done``, or ``stopped`` if a step failed.
    counts
        Candidates by level, as selection counted them; empty before it ran.
    window
        Lower and upper trust level, eV/A; None without an ensemble.
    accurate_share
        Share of the candidates with a sound geometry on which the ensemble agreed; None without an ensemble.
    batch, tests, failed_labels
        Labels that came, to train on and to test on; frames of both that got none.
    trained_on, tested_on
        Frames this iteration's ensemble was trained on (all batches so far) and judged on when it was fitted.
    test_error, test_std
        Root mean square error and standard deviation of the force components of the test frames there were then, eV/A.
    terms
        Mean number of terms of the members that have any, of this iteration's ensemble.
    nodes
        PK of each output of this iteration.
    """

    number: int
    stage: str
    state: str = "done"
    sampler: str = ""
    candidates: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    window: tuple[float, float] | None = None
    accurate_share: float | None = None
    batch: int | None = None
    tests: int | None = None
    failed_labels: int | None = None
    trained_on: int | None = None
    tested_on: int | None = None
    test_error: float | None = None
    test_std: float | None = None
    terms: float | None = None
    seconds: float | None = None
    nodes: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name under which outputs of this iteration stand."""
        return numbered("iteration", self.number)


@dataclass(frozen=True)
class Evaluation:
    """The judgement on the final test set: labelled random candidates, never trained on.

    Attributes
    ----------
    groups
        Names of the stages, in order.
    errors
        Root mean square error of force components, eV/A: ``{iteration: {group or "all": error}}``.
    stds
        Standard deviation of the reference force components, eV/A: ``{group or "all": std}``.
    reference, predicted
        (N, 3) forces of the last ensemble, eV/A.
    atoms, group
        (F,) atoms and group index of each frame.
    largest_error, disagreement
        (F,) of the last ensemble on each frame, eV/A.
    """

    groups: tuple[str, ...]
    errors: Mapping[int, Mapping[str, float]]
    stds: Mapping[str, float]
    reference: np.ndarray
    predicted: np.ndarray
    atoms: np.ndarray
    group: np.ndarray
    largest_error: np.ndarray
    disagreement: np.ndarray

    def names(self) -> tuple[str, ...]:
        """Return the groups, and ``all``."""
        return (*self.groups, "all")

    def share(self, number: int, name: str) -> float | None:
        """Return an iteration's error as a share of the standard deviation of forces."""
        error, std = self.errors.get(number, {}).get(name), self.stds.get(name)
        return error / std if error is not None and std else None


@dataclass(frozen=True)
class FrameMap:
    """Frames on the two axes along which their fingerprints vary most.

    Attributes
    ----------
    points
        (F, 2) coordinates, in standard deviations of a fingerprint's columns.
    explained
        Share of the variance on each axis.
    stage, use
        (F,) index into ``stages``; (F,) one of ``candidate``, ``chosen``, ``test``.
    """

    points: np.ndarray
    explained: tuple[float, float]
    stages: tuple[str, ...]
    stage: np.ndarray
    use: np.ndarray


@dataclass(frozen=True)
class Job:
    """One job and when it ran; ``end`` is None while it runs. ``made`` and ``gone``: of its node, before and after that."""

    pk: int
    step: str
    label: str
    start: datetime
    end: datetime | None
    state: str = "finished"
    iteration: int | None = None
    made: datetime | None = None
    gone: datetime | None = None


@dataclass(frozen=True)
class Term:
    """One descriptor in the last ensemble.

    Attributes
    ----------
    body
        ``2``, ``3`` or ``N``.
    members
        How many members chose it.
    weight
        Mean over all members of its share of the member's size of forces; None if unknown.
    """

    name: str
    body: str
    members: int
    weight: float | None = None


@dataclass(frozen=True)
class Terms:
    """The terms of the last ensemble's linear members.

    Attributes
    ----------
    per_member
        One mapping a member: terms by body order.
    available
        Descriptors to choose from, by body order.
    chosen
        Every term that a member chose, strongest first.
    """

    per_member: tuple[Mapping[str, int], ...]
    available: Mapping[str, int]
    chosen: tuple[Term, ...]

    @property
    def shared(self) -> float:
        """Share of the chosen terms that all members have."""
        return sum(term.members == len(self.per_member) for term in self.chosen) / len(self.chosen) if self.chosen else 0.0


@dataclass(frozen=True)
class Failure:
    """Frames or runs that failed, of one iteration and for one reason."""

    iteration: int
    step: str
    reason: str
    count: int


@dataclass(frozen=True)
class Report:
    """All that the page shows.

    Attributes
    ----------
    state
        ``running``, ``finished``, ``stopped`` (an exit code) or ``failed`` (killed or excepted).
    ending
        How the campaign ended, or what it waits for, as a sentence.
    idle
        Seconds of the wall time in which no job ran, by what went on meanwhile; None if unknown.
    settings
        The campaign, as YAML.
    insight
        Force shares and curves of the last ensemble.
    path
        Rows of the path that the last ensemble was chosen on, and the index of the chosen one; see ``insight.errors.path_rows``.
    costs
        What the jobs cost; None if unknown.
    outliers
        What the last fit says of training and test frames whose labels are off; see
        :meth:`alworkflows.models.scrutiny.Scrutiny.as_dict`.
    trust
        The trust levels of each iteration that had an ensemble.
    missing
        Sentences on what could not be shown, by section.
    """

    name: str
    pk: int
    uuid: str
    description: str
    state: str
    ending: str
    started: datetime
    ended: datetime
    versions: Mapping[str, str]
    engine: str | None
    stages: tuple[str, ...]
    iterations: tuple[Iteration, ...]
    settings: str
    evaluation: Evaluation | None = None
    frame_map: FrameMap | None = None
    terms: Terms | None = None
    insight: Insight | None = None
    path: tuple[list[dict[str, Any]], int] | None = None
    jobs: tuple[Job, ...] = ()
    idle: Mapping[str, float] | None = None
    failures: tuple[Failure, ...] = ()
    labelling: Labelling | None = None
    costs: Costs | None = None
    outliers: Mapping[str, Any] | None = None
    trust: tuple[Trust, ...] = ()
    nodes: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> int:
        """Labels that came, test frames included."""
        return sum((row.batch or 0) + (row.tests or 0) for row in self.iterations)

    @property
    def seconds(self) -> float:
        """Wall time from the start to the end, or until now."""
        return (self.ended - self.started).total_seconds()

    @property
    def idle_share(self) -> float | None:
        """Share of the wall time in which no job ran."""
        return None if self.idle is None or not self.seconds else sum(self.idle.values()) / self.seconds

    def summary(self) -> dict[str, Any]:
        """Return the figures of the page as plain JSON types; without arrays and pictures."""
        evaluation = self.evaluation
        return {
            "campaign": self.name,
            "pk": self.pk,
            "uuid": self.uuid,
            "state": self.state,
            "ending": self.ending,
            "started": self.started.isoformat(),
            "ended": None if self.state == "running" else self.ended.isoformat(),
            "seconds": round(self.seconds, 1),
            "idle_share": self.idle_share,
            "idle_seconds": None if self.idle is None else dict(self.idle),
            "labels": self.labels,
            "costs": None if self.costs is None else asdict(self.costs),
            "outliers": None if self.outliers is None else dict(self.outliers),
            "trust": [trust.summary() for trust in self.trust],
            "labelling": None if self.labelling is None else self.labelling.summary(),
            "versions": dict(self.versions),
            "iterations": [_plain(asdict(row)) for row in self.iterations],
            "errors": None
            if evaluation is None
            else {
                "groups": list(evaluation.groups),
                "force_std": dict(evaluation.stds),
                "force_rmse": [{"iteration": number, **errors} for number, errors in sorted(evaluation.errors.items())],
            },
            "failures": [asdict(item) for item in self.failures],
            "nodes": dict(self.nodes),
            "missing": dict(self.missing),
        }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in row.items()}
