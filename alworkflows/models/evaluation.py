"""What models say of a structure: energies, forces, virials; of one frame, or of one in motion."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError

__all__ = [
    "SKIN",
    "EnsemblePrediction",
    "Evaluation",
    "Evaluator",
    "OneByOne",
    "Prediction",
    "Still",
    "check_frame",
    "deviation",
    "norms",
    "spread",
]

#: of neighbour lists in dynamics, A
SKIN = 0.6


@dataclass(frozen=True)
class Evaluation:
    """What M models say of N atoms.

    ``energy`` (M,) in eV; ``energies`` (M, N): how each model divides its energy among the atoms, of which it is the sum; None if
    one of them does not; ``forces`` (M, N, 3) in eV/A; ``virial`` (M, 6) in eV: the stress times the volume, which means
    nothing unless the frame is periodic along all three directions.
    """

    energy: np.ndarray
    energies: np.ndarray | None
    forces: np.ndarray
    virial: np.ndarray

    @classmethod
    def of_atoms(cls, energies: np.ndarray, forces: np.ndarray, virial: np.ndarray) -> Evaluation:
        """Return the evaluation whose energies (M, N) are those of atoms."""
        return cls(energies.sum(axis=1), energies, forces, virial)

    @classmethod
    def together(cls, parts: Sequence[Evaluation]) -> Evaluation:
        """Return the evaluations of several models as one, in their order."""
        if len(parts) == 1:
            return parts[0]
        energies = [part.energies for part in parts if part.energies is not None]
        return cls(
            np.concatenate([part.energy for part in parts]),
            np.concatenate(energies) if len(energies) == len(parts) else None,
            np.concatenate([part.forces for part in parts]),
            np.concatenate([part.virial for part in parts]),
        )

    def ordered(self, places: np.ndarray) -> Evaluation:
        """Return the evaluation with model ``places[m]`` as number m."""
        energies = None if self.energies is None else self.energies[places]
        return Evaluation(self.energy[places], energies, self.forces[places], self.virial[places])

    def mean(self) -> Evaluation:
        """Return the mean of the models, as one."""
        forces, virial = self.forces.mean(axis=0)[None], self.virial.mean(axis=0)[None]
        if self.energies is None:
            return Evaluation(self.energy.mean(keepdims=True), None, forces, virial)
        return Evaluation.of_atoms(self.energies.mean(axis=0)[None], forces, virial)


class Evaluator(ABC):
    """M models that follow one structure through dynamics, on lists of neighbours that serve many steps."""

    @abstractmethod
    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what each model says of the atoms as they are now."""

    def mean(self, atoms: Atoms) -> Evaluation:
        """Return what their mean says, as one model."""
        return self.evaluate(atoms).mean()

    def state(self) -> dict[str, np.ndarray]:
        """Return what the last bits of results follow from besides the atoms, such as what a neighbour list was made of."""
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a state, so that the same atoms give the same bits as then."""
        if state:
            raise ValueError(f"expected an empty state, got one of {sorted(state)}")


class Still(Evaluator):
    """Models that keep nothing from step to step.

    Parameters
    ----------
    evaluate
        What they say of a frame.
    """

    def __init__(self, evaluate: Callable[[Atoms], Evaluation]) -> None:
        self._evaluate = evaluate

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what each model says of the atoms as they are now."""
        return self._evaluate(atoms)


class OneByOne(Evaluator):
    """Evaluators one after another, as one; their models in the order ``places``, all counting alike in the mean."""

    def __init__(self, parts: Sequence[Evaluator], sizes: Sequence[int], places: np.ndarray) -> None:
        self._parts = list(parts)
        self._shares = np.array(sizes) / sum(sizes)
        self._places = places

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what each model says of the atoms as they are now."""
        return Evaluation.together([part.evaluate(atoms) for part in self._parts]).ordered(self._places)

    def mean(self, atoms: Atoms) -> Evaluation:
        """Return the mean of the parts' means, each weighted by its number of models."""
        parts = Evaluation.together([part.mean(atoms) for part in self._parts])
        forces, virial = np.tensordot(self._shares, parts.forces, 1)[None], (self._shares @ parts.virial)[None]
        if parts.energies is None:
            return Evaluation(np.array([self._shares @ parts.energy]), None, forces, virial)
        return Evaluation.of_atoms((self._shares @ parts.energies)[None], forces, virial)

    def state(self) -> dict[str, np.ndarray]:
        """Return the states of the parts, by their number."""
        return {f"{number}_{name}": array for number, part in enumerate(self._parts) for name, array in part.state().items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a state."""
        for number, part in enumerate(self._parts):
            mine = f"{number}_"
            part.restore({name.removeprefix(mine): array for name, array in state.items() if name.startswith(mine)})


@dataclass(frozen=True)
class Prediction:
    """Energy (eV), forces (N, 3) (eV/A) and stress (6,) (eV/A^3; zero unless periodic along all three) of a frame.

    ``energies`` (N,): what each atom has of the energy, eV; None where the model does not divide it.
    """

    energy: float
    energies: np.ndarray | None
    forces: np.ndarray
    stress: np.ndarray

    @classmethod
    def of(cls, evaluation: Evaluation, atoms: Atoms) -> Prediction:
        """Return what an evaluation of one model says of the frame it is of."""
        volume = atoms.get_volume() if atoms.pbc.all() else np.inf
        energies = None if evaluation.energies is None else evaluation.energies[0]
        return cls(float(evaluation.energy[0]), energies, evaluation.forces[0], evaluation.virial[0] / volume)


@dataclass(frozen=True)
class EnsemblePrediction(Prediction):
    """The mean of the members, and how far they are apart.

    ``deviation`` (N,): sqrt(mean over members of |F_m - mean F|^2) of each atom, eV/A; ``members`` (M, N, 3): each one's forces,
    eV/A, in the order of the ensemble's names; ``member_energies`` (M,): each one's energy, eV.
    """

    deviation: np.ndarray
    members: np.ndarray
    member_energies: np.ndarray


def spread(forces: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each component over the members for forces (M, N, 3), (N, 3) in eV/A."""
    deviations: np.ndarray = np.sqrt(((forces - forces.mean(axis=0)) ** 2).mean(axis=0))
    return deviations


def deviation(forces: np.ndarray) -> np.ndarray:
    """Return sqrt(mean over members of |F_m - mean F|^2) for forces (M, N, 3), (N,) in eV/A: the norm of their spread."""
    return norms(spread(forces))


def norms(vectors: np.ndarray) -> np.ndarray:
    """Return the norms (N,) of vectors (N, 3)."""
    found: np.ndarray = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return found


def check_frame(atoms: Atoms, species: Sequence[str]) -> None:
    """Raise an :class:`InputError` if a frame has no atoms, another species, or positions or a cell that are not finite."""
    if not len(atoms):
        raise InputError("expected a frame with atoms, got one without")
    foreign = sorted(set(atoms.get_chemical_symbols()) - set(species))
    if foreign:
        raise InputError(f"expected atoms of the species {', '.join(species)}, got {', '.join(foreign)}")
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise InputError("frame: expected finite positions and cell, got NaN or infinity")
