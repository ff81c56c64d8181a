"""``EnsembleData``: a fitted ensemble."""

from __future__ import annotations

from pathlib import Path

from aiida.common.exceptions import ValidationError

from alworkflows.models import Ensemble
from workchains.data.files import FileData

__all__ = ["EnsembleData"]


class EnsembleData(FileData):
    """An ensemble of potentials in its own file format; what it is made of as attributes.

    Attributes: ``format`` version, ``species``, ``members`` (how many), of each member ``names``, ``classes``, ``parameters``
    (how many) and ``microseconds_per_atom`` (of an evaluation); ``terms`` of those members that have any;
    ``reference_disagreement`` (eV/A; trust levels are multiples of it).
    """

    FILENAME = "ensemble.npz"

    @classmethod
    def from_file(cls, path: str | Path) -> EnsembleData:
        """Return an unstored node that holds a model file; a corrupt or foreign one is an ``InputError``."""
        ensemble = Ensemble.load(path, to_run=False)
        node = cls()
        node.put_file(Path(path))
        node.base.attributes.set_many(ensemble.summary())
        return node

    def get_ensemble(self) -> Ensemble:
        """Return the ensemble, ready to predict."""
        with self.as_path() as path:
            return Ensemble.load(path)

    @property
    def reference_disagreement(self) -> float | None:
        """Median disagreement on frames that members left out, eV/A."""
        return self.base.attributes.get("reference_disagreement", None)

    def _validate(self) -> bool:
        super()._validate()
        if self.FILENAME not in self.base.repository.list_object_names():
            raise ValidationError(f"expected the file {self.FILENAME} in the node, got none; use EnsembleData.from_file")
        return True
