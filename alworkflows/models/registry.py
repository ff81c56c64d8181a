"""Classes of models by the name that files and settings give them; a module is imported when its class is needed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from alworkflows.models.contract import Model, Trainer

__all__ = ["MODELS", "ModelClass"]


@dataclass(frozen=True)
class ModelClass:
    """A class of models, and what fits it, by their names in a package or module that is imported when they are needed."""

    home: str
    model_name: str
    trainer_name: str

    @property
    def model(self) -> type[Model]:
        """The class."""
        model_class: type[Model] = getattr(import_module(self.home), self.model_name)
        return model_class

    @property
    def trainer(self) -> type[Trainer]:
        """What fits it."""
        trainer_class: type[Trainer] = getattr(import_module(self.home), self.trainer_name)
        return trainer_class


#: one line a class; its settings are a class of the union in :mod:`alworkflows.settings.model`
MODELS: dict[str, ModelClass] = {
    "linear": ModelClass("alworkflows.models.linear", "LinearModel", "LinearTrainer"),
    "universal": ModelClass("alworkflows.models.universal", "UniversalModel", "Pretrained"),
}
