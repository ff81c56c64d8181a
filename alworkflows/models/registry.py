"""Classes of models by the name that files and settings give them; a module is imported when its class is needed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from alworkflows.models.contract import Model, Trainer

__all__ = ["MODELS", "ModelClass"]


@dataclass(frozen=True)
class ModelClass:
    """Where a class of models is, and what fits it: package, then ``module:Class`` in it."""

    package: str
    model_place: str
    trainer_place: str

    @property
    def model(self) -> type[Model]:
        """The class."""
        found: type[Model] = self._at(self.model_place)
        return found

    @property
    def trainer(self) -> type[Trainer]:
        """What fits it."""
        found: type[Trainer] = self._at(self.trainer_place)
        return found

    def _at(self, place: str) -> type:
        module, name = place.split(":")
        found: type = getattr(import_module(f"{self.package}.{module}"), name)
        return found


#: one line a class; its settings are a class of the union in :mod:`alworkflows.settings.model`
MODELS: dict[str, ModelClass] = {
    "linear": ModelClass("alworkflows.models.linear", "model:LinearModel", "trainer:LinearTrainer"),
    "universal": ModelClass("alworkflows.models.universal", "model:UniversalModel", "trainer:Pretrained"),
}
