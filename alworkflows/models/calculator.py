"""Models as ASE calculators made for dynamics: their evaluator follows the structure, ASE's own caches are not needed."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.outputs import Properties, all_outputs

from alworkflows.models.evaluation import Evaluation, Evaluator, deviation, norms, spread

__all__ = ["DISAGREEMENT", "FORCES_STD", "EnsembleCalculator", "ModelCalculator"]

#: what an ensemble's `calculate` may be asked for besides ASE's properties
DISAGREEMENT, FORCES_STD = "disagreement", "forces_std"


class ModelCalculator(Calculator):
    """Energy, forces and stress by a model, and the atoms' energies if it has them.

    ``results`` hold ``energy`` and ``free_energy``, which are one (eV); ``forces`` (N, 3) (eV/A); ``stress`` (6,) (eV/A^3, ASE's
    sign and order) of frames that are periodic along all three directions; and ``energies`` (N,) (eV), whose sum is the energy,
    reference energies of the species included, if the model divides it among the atoms. What is not there cannot be had:
    ``get_stress`` of a slab, or ``get_potential_energies`` of a model that does not divide, raise ASE's
    ``PropertyNotImplementedError``.

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

    def export_properties(self) -> Properties:
        """Return the results that ASE knows; it would stumble over others."""
        return Properties({name: value for name, value in self.results.items() if name in all_outputs})

    def state(self) -> dict[str, np.ndarray]:
        """Return what the last bits of its results follow from besides the atoms, such as what neighbour lists were made of."""
        return self._evaluator.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a state, so that the same atoms give the same bits as then."""
        self._evaluator.restore(state)


class EnsembleCalculator(ModelCalculator):
    """Mean energy, forces and stress of an ensemble, and how far its members are apart on demand.

    Two more results are there once one of them was asked for, by ``get_property`` or in ``properties`` of ``calculate``:
    ``forces_std`` (N, 3) (eV/A), the standard deviation of each component over the members, and ``disagreement`` (N,) (eV/A), its
    norm, whose largest over the atoms is the disagreement of the frame.
    """

    implemented_properties: ClassVar[list[str]] = [  # type: ignore[misc]
        *ModelCalculator.implemented_properties,
        FORCES_STD,
        DISAGREEMENT,
    ]

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Evaluate the mean; see ASE.

        If ``properties`` name ``forces_std`` or ``disagreement``, the members are evaluated instead, whose mean it is up to
        rounding: results then hold both, for less than mean and members cost.
        """
        if not {FORCES_STD, DISAGREEMENT}.intersection(properties or ()):
            super().calculate(atoms, properties, system_changes)
            return
        Calculator.calculate(self, atoms, properties, system_changes)
        members = self._evaluator.evaluate(self._frame)
        self._fill(members.mean())
        self.results[FORCES_STD] = spread(members.forces)
        self.results[DISAGREEMENT] = norms(self.results[FORCES_STD])

    def disagreement(self, atoms: Atoms) -> np.ndarray:
        """Return the deviation of each atom's force over the members, (N,) in eV/A."""
        return deviation(self._evaluator.evaluate(atoms).forces)
