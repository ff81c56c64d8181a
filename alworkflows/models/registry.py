"""Classes of models by the name that files and settings give them."""

from __future__ import annotations

from dataclasses import dataclass

from alworkflows.models.contract import Model, Trainer
from alworkflows.models.linear.model import LinearModel
from alworkflows.models.linear.trainer import LinearTrainer
from alworkflows.models.universal.model import UniversalModel
from alworkflows.models.universal.trainer import Pretrained

__all__ = ["MODELS", "ModelClass"]


@dataclass(frozen=True)
class ModelClass:
    """A class of models, and what fits them."""

    model: type[Model]
    trainer: type[Trainer]


#: one line a class
MODELS: dict[str, ModelClass] = {
    "linear": ModelClass(LinearModel, LinearTrainer),
    "universal": ModelClass(UniversalModel, Pretrained),
}
