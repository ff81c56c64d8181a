"""Models as ASE calculators made for dynamics: their evaluator follows the structure, ASE's own caches are not needed."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from alworkflows.models.evaluation import Evaluation, Evaluator, deviation

__all__ = ["DISAGREEMENT", "EnsembleCalculator", "ModelCalculator"]

#: what an ensemble's `calculate` may be asked for besides ASE's properties
DISAGREEMENT = "disagreement"


class ModelCalculator(Calculator):
    """Energy, forces and stress by a model, and the atoms' energies if it has them.

    Parameters
    ----------
    evaluator
        Of the model, or of the members of an ensemble, whose mean is taken.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "energies", "forces", "stress"]  # type: ignore[misc]

    def __init__(self, evaluator: Evaluator) -> None:
        super().__init__()
        self._evaluator = evaluator

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Evaluate the mean; see ASE."""
        super().calculate(atoms, properties, system_changes)
        self._fill(self._evaluator.mean(self._frame))

    @property
    def _frame(self) -> Atoms:
        assert self.atoms is not None  # ASE's calculate has just stored it
        return self.atoms

    def _fill(self, mean: Evaluation) -> None:
        energy = float(mean.energy[0])
        self.results = {"energy": energy, "free_energy": energy, "forces": mean.forces[0]}
        if mean.energies is not None:
            self.results["energies"] = mean.energies[0]
        if self._frame.pbc.all():
            self.results["stress"] = mean.virial[0] / self._frame.get_volume()

    def state(self) -> dict[str, np.ndarray]:
        """Return what the last bits of its results follow from besides the atoms, such as what neighbour lists were made of."""
        return self._evaluator.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a state, so that the same atoms give the same bits as then."""
        self._evaluator.restore(state)


class EnsembleCalculator(ModelCalculator):
    """Mean energy, forces and stress of an ensemble, and its disagreement on demand."""

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Evaluate the mean; see ASE.

        If ``properties`` name ``disagreement``, the members are evaluated instead, whose mean it is up to rounding: results
        then hold the deviation of each atom's force too, for less than both cost.
        """
        if DISAGREEMENT not in (properties or ()):
            super().calculate(atoms, properties, system_changes)
            return
        Calculator.calculate(self, atoms, properties, system_changes)
        members = self._evaluator.evaluate(self._frame)
        self._fill(members.mean())
        self.results[DISAGREEMENT] = deviation(members.forces)

    def disagreement(self, atoms: Atoms) -> np.ndarray:
        """Return the deviation of each atom's force over the members, (N,) in eV/A."""
        return deviation(self._evaluator.evaluate(atoms).forces)
