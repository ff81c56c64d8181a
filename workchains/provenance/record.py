"""What an iteration of a campaign did: the record of one."""

from __future__ import annotations

from dataclasses import dataclass, field

from workchains.provenance.labels import LabelTally

__all__ = ["IterationRecord"]


@dataclass(frozen=True)
class IterationRecord:
    """One iteration of a campaign; what has not come yet is None (counts of labels: 0).

    Attributes
    ----------
    key, number
        ``iteration_01`` and 1.
    campaign
        PK of the campaign in which it ran: an earlier one, where a campaign went on from that.
    stage, stage_iteration, sampler
        Name of the stage, the iteration's number in it, and the name of its sampler.
    state
        ``sampling``, ``describing``, ``selecting``, ``labelling``, ``training``; ``done``; or ``stopped`` if a step failed.
    candidates
        Frames that were sampled.
    counts
        Of the candidates: ``accurate``, ``candidate``, ``failed``, ``refused`` (geometry), ``known``.
    window
        Lower and upper trust level, eV/A; None without an ensemble.
    strategy
        That picked the frames.
    accurate_share
        Of the candidates with a valid geometry; None without an ensemble.
    chosen, test
        Frames picked to train on, and at random to test on.
    labels, test_labels
        How many of them have labels.
    labelling
        What became of the frames of both, new labels and those taken over, failures by kind; None before labels are asked for.
        It counts while labels are made, so its labels may be more than those in ``labels`` and ``test_labels``.
    failed_labels
        How many of both have none; ``failures`` counts them by reason.
    training_frames
        Labels of all iterations so far, on which this one's ensemble was trained.
    terms
        Mean number of terms of the ensemble's members that have any; None where none has.
    held_out_error, test_error
        RMS force error (eV/A) on frames that members left out, and on the test frames there were.
    final_error
        RMS force error (eV/A) of this iteration's ensemble on the final test set, all stages; known at the end.
    jobs_done, jobs
        That ended, and in all so far.
    seconds
        From its first step to its last, or until now.
    steps
        PK of each of its children, by the name of the step.
    nodes
        PK of what it handed over, by the names of its outputs.
    """

    key: str
    number: int
    stage: str
    sampler: str
    state: str
    stage_iteration: int = 0
    candidates: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    window: tuple[float, float] | None = None
    strategy: str | None = None
    accurate_share: float | None = None
    chosen: int | None = None
    test: int | None = None
    labels: int = 0
    test_labels: int = 0
    labelling: LabelTally | None = None
    failed_labels: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    training_frames: int | None = None
    terms: float | None = None
    held_out_error: float | None = None
    test_error: float | None = None
    final_error: float | None = None
    jobs_done: int = 0
    jobs: int = 0
    seconds: float = 0.0
    campaign: int | None = None
    steps: dict[str, int] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)
