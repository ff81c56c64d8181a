"""How many jobs and labels a campaign may take: upper bounds, stage by stage, from its settings alone."""

from __future__ import annotations

from dataclasses import dataclass

from alworkflows.settings import Campaign, LabelSettings, Stage

__all__ = ["Forecast", "StageForecast", "forecast"]


@dataclass(frozen=True)
class StageForecast:
    """Upper bounds of one iteration of a stage, and of the stage (``total_``).

    Attributes
    ----------
    candidates
        Frames sampled.
    labels, test_labels
        Frames labelled to train on, and never trained on.
    jobs
        Sampling, describing, labelling and fitting.
    """

    stage: str
    sampler: str
    structures: int
    iterations: int
    candidates: int
    labels: int
    test_labels: int
    jobs: int

    @property
    def total_labels(self) -> int:
        """Of all iterations, both kinds."""
        return self.iterations * (self.labels + self.test_labels)

    @property
    def total_jobs(self) -> int:
        """Of all iterations."""
        return self.iterations * self.jobs


@dataclass(frozen=True)
class Forecast:
    """Upper bounds of a campaign; ``labels`` respects the campaign's budget, ``jobs`` leaves out second tries."""

    stages: tuple[StageForecast, ...]
    iterations: int
    candidates: int
    labels: int
    jobs: int


def forecast(campaign: Campaign) -> Forecast:
    """Return the most that a campaign may take; stages that converge early take less."""
    stages = tuple(_stage(stage, campaign) for stage in campaign.stages)
    labels = sum(stage.total_labels for stage in stages)
    if campaign.budget.labels is not None:
        labels = min(labels, campaign.budget.labels)
    return Forecast(
        stages=stages,
        iterations=sum(stage.iterations for stage in stages),
        candidates=sum(stage.iterations * stage.candidates for stage in stages),
        labels=labels,
        jobs=sum(stage.total_jobs for stage in stages) + 1,
    )


def _stage(stage: Stage, campaign: Campaign) -> StageForecast:
    candidates = len(stage.structures) * stage.sampler.snapshots
    tests = round(campaign.selection.test_share * candidates)
    if campaign.selection.test_share > 0 and candidates > 1:
        tests = max(tests, 1)
    budget = stage.budget or campaign.selection.budget
    labels = min(budget, candidates - tests)
    if not stage.train:
        tests, labels = min(budget, candidates), 0
    jobs = len(stage.structures) + 1 + _label_jobs(labels + tests, campaign.label) + 1
    return StageForecast(stage.name, stage.sampler.name, len(stage.structures), stage.iterations, candidates, labels, tests, jobs)


def _label_jobs(frames: int, settings: LabelSettings) -> int:
    if settings.engine != "ase":
        return frames  # the program itself runs on one frame at a time
    return min(max(-(-frames // settings.chunk), settings.jobs), frames) if frames else 0
