"""The ensemble's mean as an ASE calculator made for dynamics: one folded model, one list with a skin."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from alworkflows.descriptors.neighbours import kinds_of
from alworkflows.descriptors.verlet import VerletList
from alworkflows.models.ensemble import Ensemble, deviation
from alworkflows.models.linear.model import Committee

__all__ = ["DISAGREEMENT", "EnsembleCalculator"]

#: what `calculate` may be asked for besides ASE's properties
DISAGREEMENT = "disagreement"


class EnsembleCalculator(Calculator):
    """Mean energy, forces and stress of an ensemble, and its disagreement on demand.

    Parameters
    ----------
    ensemble
        Of which the mean is taken.
    skin : float
        Of the neighbour list, A.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "energies", "forces", "stress"]  # type: ignore[misc]

    def __init__(self, ensemble: Ensemble, skin: float = 0.6) -> None:
        super().__init__()
        self.ensemble = ensemble
        self._committee, self._mean = ensemble.committee, ensemble.committee.mean()
        self._list = VerletList(self._committee.descriptors.cutoff, skin)
        self._numbers = np.zeros(0, dtype=int)
        self._kinds = np.zeros(0, dtype=np.int32)

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Evaluate the mean; see ASE.

        If ``properties`` name ``disagreement``, the members are evaluated instead, whose mean it is up to rounding: results
        then hold the deviation of each atom's force too, for less than both cost.
        """
        super().calculate(atoms, properties, system_changes)
        frame = self.atoms
        assert frame is not None  # ASE's calculate has just stored it
        members = DISAGREEMENT in (properties or ())
        energies, forces, virial = self._evaluate(self._committee if members else self._mean, frame)
        each = energies.mean(axis=0)
        energy = float(each.sum())
        self.results = {"energy": energy, "free_energy": energy, "energies": each, "forces": forces.mean(axis=0)}
        if members:
            self.results[DISAGREEMENT] = deviation(forces)
        if frame.pbc.all():
            self.results["stress"] = virial.mean(axis=0) / frame.get_volume()

    def disagreement(self, atoms: Atoms) -> np.ndarray:
        """Return the deviation of each atom's force over the members, (N,) in eV/A."""
        return deviation(self._evaluate(self._committee, atoms)[1])

    def state(self) -> dict[str, np.ndarray]:
        """Return what the last bits of its results follow from besides the atoms: what the neighbour list was made of."""
        return self._list.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a state, so that the same atoms give the same bits as then."""
        self._list.restore(state)

    def _evaluate(self, committee: Committee, atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not np.array_equal(atoms.numbers, self._numbers):
            self._kinds, self._numbers = kinds_of(atoms, self.ensemble.species), atoms.numbers.copy()
        positions = np.ascontiguousarray(atoms.positions, dtype=float)
        pairs, deform = self._list.update(positions, np.asarray(atoms.cell), atoms.pbc)
        return committee.evaluate(self._kinds, positions, pairs, deform)
