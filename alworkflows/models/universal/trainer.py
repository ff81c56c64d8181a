"""What stands for a trainer where there is nothing to fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from ase import Atoms

from alworkflows.models.contract import Job, Trainer, TrainingData
from alworkflows.models.universal.model import UniversalModel
from alworkflows.settings.model import UniversalSettings

__all__ = ["Pretrained"]


class Pretrained(Trainer):
    """Hand over the potential as it is."""

    is_trained: ClassVar[bool] = False
    settings: UniversalSettings

    def fit(self, data: TrainingData, job: Job) -> Self:
        """Look at no frame."""
        model = UniversalModel(self.species, self.settings.weights)
        model.check_installed()
        self.models_ = [model]
        self.report_: dict[str, Any] = {"name": self.settings.name, "weights": self.settings.weights}
        self.course_: dict[str, Any] = {}
        self.left_out_ = []
        return self

    def unseen_by(self, atoms: Atoms) -> Sequence[int]:
        """Return that the one model saw none."""
        return (0,)
