"""The ensemble's mean as an ASE calculator made for dynamics: one folded model, one list with a skin."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from alworkflows.descriptors.native import Neighbours, kinds_of
from alworkflows.models.ensemble import Ensemble, deviation

__all__ = ["EnsembleCalculator"]


class EnsembleCalculator(Calculator):
    """Mean energy, forces and stress of an ensemble, and its disagreement on demand.

    The neighbour list is kept until an atom has moved half the skin, or the cell has changed.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "energies", "forces", "stress"]  # type: ignore[misc]

    def __init__(self, ensemble: Ensemble, skin: float = 0.5) -> None:
        super().__init__()
        self.ensemble, self.skin = ensemble, skin
        self._committee, self._mean = ensemble.committee, ensemble.committee.mean()
        self._pairs: Neighbours | None = None
        self._listed: Atoms | None = None
        self._kinds = np.zeros(0, dtype=np.int32)
        self._shift = np.zeros((0, 3))

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Evaluate the mean; see ASE."""
        super().calculate(atoms, properties, system_changes)
        frame = self.atoms
        assert frame is not None  # ASE's calculate has just stored it
        energies, forces, virial = self._mean.evaluate(self._prepare(frame), self._current(frame))
        energy = float(energies.sum())
        self.results = {"energy": energy, "free_energy": energy, "energies": energies[0], "forces": forces[0]}
        if frame.pbc.all():
            self.results["stress"] = virial[0] / frame.get_volume()

    def disagreement(self, atoms: Atoms) -> np.ndarray:
        """Return the deviation of each atom's force over the members, (N,) in eV/A."""
        kinds = self._prepare(atoms)
        return deviation(self._committee.evaluate(kinds, self._current(atoms))[1])

    def _prepare(self, atoms: Atoms) -> np.ndarray:
        """Make a new list if the old one does not hold any more; return the species of each atom."""
        old = self._listed
        if (
            old is None
            or len(old) != len(atoms)
            or not np.array_equal(old.numbers, atoms.numbers)
            or not np.array_equal(old.pbc, atoms.pbc)
            or not np.array_equal(np.asarray(old.cell), np.asarray(atoms.cell))
            or ((atoms.positions - old.positions) ** 2).sum(axis=1).max(initial=0.0) >= (0.5 * self.skin) ** 2
            or not np.isfinite(atoms.positions).all()
        ):
            self._kinds = kinds_of(atoms, self.ensemble.species)
            self._pairs = self._mean.descriptors.neighbours(atoms, self.skin)
            self._listed = atoms.copy()
            self._centres = self._pairs.centres
        return self._kinds

    def _current(self, atoms: Atoms) -> Neighbours:
        """Return the list with today's vectors."""
        assert self._pairs is not None
        assert self._listed is not None
        moved = atoms.positions - self._listed.positions
        if not moved.any():
            return self._pairs
        vectors = self._pairs.vectors + moved[self._pairs.second] - moved[self._centres]
        return Neighbours(self._pairs.first, self._pairs.second, vectors)
