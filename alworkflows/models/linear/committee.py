"""Linear models on one descriptor set, evaluated at the price of one list of neighbours."""

from __future__ import annotations

from functools import cached_property
from typing import Self

import numpy as np
from ase import Atoms

from alworkflows.descriptors import Descriptors, Foldable, Folded
from alworkflows.descriptors.neighbours import Neighbours, kinds_of
from alworkflows.descriptors.verlet import VerletList
from alworkflows.models.contract import Committee
from alworkflows.models.evaluation import SKIN, Evaluation, Evaluator, Still
from alworkflows.models.linear.baseline import Baseline

__all__ = ["FoldedCommittee", "LinearCommittee"]


class LinearCommittee(Committee):
    """M linear models on any descriptor set: energies from its values, forces from one product with their derivative.

    Parameters
    ----------
    descriptors
        What they are linear in.
    weights : (M, P) float
        eV per descriptor.
    reference_energies : (M, S) float
        eV an atom.
    baseline
        What all add, if anything.
    """

    def __init__(
        self,
        descriptors: Descriptors,
        weights: np.ndarray,
        reference_energies: np.ndarray,
        baseline: Baseline | None = None,
        make: str = "linear",
    ) -> None:
        self.descriptors, self.weights, self.baseline, self.make = descriptors, weights, baseline, make
        self.reference_energies, self.species = reference_energies, descriptors.species

    @property
    def columns(self) -> np.ndarray:
        """Indices (Q,) of the descriptors that any model uses."""
        return np.flatnonzero((self.weights != 0).any(axis=0))

    def mean(self) -> Self:
        """Return the mean of the models, itself one linear model."""
        weights, energies = (part.mean(axis=0, keepdims=True) for part in (self.weights, self.reference_energies))
        return type(self)(self.descriptors, weights, energies, self.baseline, self.make)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what each model says of a frame."""
        kinds = kinds_of(atoms, self.species)
        energies = self.weights @ self.descriptors.values(atoms).T + self.reference_energies[:, kinds]
        slopes = np.broadcast_to(self.weights[:, None], (len(self.weights), len(atoms), self.descriptors.size))
        forces, stress = self.descriptors.vjp(atoms, slopes)
        volume = atoms.get_volume() if atoms.pbc.all() else 0.0
        return self._with_baseline(energies, forces, volume * stress, atoms)

    def _with_baseline(self, energies: np.ndarray, forces: np.ndarray, virial: np.ndarray, atoms: Atoms) -> Evaluation:
        if self.baseline is not None:
            fixed = self.baseline.evaluate(atoms)
            energies, forces, virial = energies + fixed.energies, forces + fixed.forces, virial + fixed.virial
        return Evaluation.of_atoms(energies, forces, virial)

    def evaluator(self, skin: float = SKIN) -> Evaluator:
        """Return the models as they follow one structure; they find neighbours anew, and their mean costs what one does."""
        return _Plain(self)


class _Plain(Still):
    def __init__(self, committee: LinearCommittee) -> None:
        super().__init__(committee.evaluate)
        self._mean = committee.mean()

    def mean(self, atoms: Atoms) -> Evaluation:
        """Return what the mean model says."""
        return self._mean.evaluate(atoms)


class FoldedCommittee(LinearCommittee):
    """M linear models on a descriptor set that folds them into tables, on a list of neighbours that serves many steps."""

    @cached_property
    def folded(self) -> Folded:
        """The models as one evaluation."""
        assert isinstance(self.descriptors, Foldable)
        return self.descriptors.fold(self.weights)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what each model says of a frame."""
        pairs = self.descriptors.neighbours(atoms)
        positions = np.ascontiguousarray(atoms.positions, dtype=float)
        return self.follow(atoms, kinds_of(atoms, self.species), positions, pairs.without(positions), np.eye(3))

    def follow(self, atoms: Atoms, kinds: np.ndarray, positions: np.ndarray, pairs: Neighbours, deform: np.ndarray) -> Evaluation:
        """Return what each model says on a list of neighbours; arguments as of ``Folded``, and the frame they are of."""
        energies, forces, virial = self.folded.evaluate(kinds, positions, pairs, deform)
        return self._with_baseline(energies + self.reference_energies[:, kinds], forces, virial, atoms)

    def evaluator(self, skin: float = SKIN) -> Evaluator:
        """Return the models as they follow one structure, and their mean, on one list."""
        return _Following(self, skin)


class _Following(Evaluator):
    """Members and mean on one neighbour list with a skin."""

    def __init__(self, committee: FoldedCommittee, skin: float) -> None:
        self._committee, self._mean, self._species = committee, committee.mean(), committee.species
        self._list = VerletList(committee.descriptors.cutoff, skin)
        self._numbers = np.zeros(0, dtype=int)
        self._kinds = np.zeros(0, dtype=np.int32)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what each model says of the atoms as they are now."""
        return self._follow(self._committee, atoms)

    def mean(self, atoms: Atoms) -> Evaluation:
        """Return what the mean model says."""
        return self._follow(self._mean, atoms)

    def _follow(self, committee: FoldedCommittee, atoms: Atoms) -> Evaluation:
        if not np.array_equal(atoms.numbers, self._numbers) or not len(atoms):
            self._kinds, self._numbers = kinds_of(atoms, self._species), atoms.numbers.copy()
        positions = np.ascontiguousarray(atoms.positions, dtype=float)
        pairs, deform = self._list.update(positions, np.asarray(atoms.cell), atoms.pbc)
        return committee.follow(atoms, self._kinds, positions, pairs, deform)

    def state(self) -> dict[str, np.ndarray]:
        """Return what the neighbour list was made of."""
        return self._list.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Make the list again that had this state."""
        self._list.restore(state)
