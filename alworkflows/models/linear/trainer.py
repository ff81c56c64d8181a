"""The trainer of linear models: sums of rows over the frames, and the path of models that they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from ase import Atoms

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
        return self._of(fit, data)

    def _of(self, fit: Fit, data: TrainingData) -> Self:
        group = fit.group()
        self.models_, self.report_, self.left_out_ = list(group.models), group.report, list(group.left_out)
        self.course_ = fit.report
        self._fit, self._data = fit, data
        return self

    def unseen_by(self, atoms: Atoms) -> Sequence[int]:
        """Return the member whose fold the frame is in, if there is one."""
        return self._fit.unseen_by(atoms)

    def reweighted(self, weights: Mapping[int, float]) -> Self:
        """Return the trainer with some frames weighted anew: their rows are taken out of the sums, in whole or in part."""
        return type(self)(self.settings, self.species, self.seed)._of(
            self._fit.reweighted(self._data.frames, weights), self._data
        )
