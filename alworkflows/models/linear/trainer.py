"""The trainer of linear models: sums of rows over the frames, and the path of models that they give."""

from __future__ import annotations

from typing import Self

from alworkflows.models.contract import Job, Trainer, TrainingData
from alworkflows.models.linear.fitting import Fit
from alworkflows.models.linear.unfinished import Unfinished
from alworkflows.settings import LinearSettings

__all__ = ["LinearTrainer"]


class LinearTrainer(Trainer):
    """Fit a committee by :class:`.fitting.Fit`, whose sums of earlier frames come from the cache."""

    settings: LinearSettings

    def fit(self, data: TrainingData, job: Job) -> Self:
        """Fit the members that the settings choose."""
        fit = Fit(
            data.frames,
            self.settings,
            self.species,
            self.seed,
            tests=data.tests,
            transfers=data.transfers,
            references=data.references,
            progress=job.say,
            cache=job.cache,
            unfinished=Unfinished(job.checkpoint, job.deadline) if job.checkpoint else None,
        )
        group = fit.group()
        self.models_, self.report_, self.left_out_ = list(group.models), group.report, list(group.left_out)
        self.course_ = fit.report
        return self
