"""What models that did not see a frame make of its labels, frame after frame: a few numbers each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from alworkflows.frames import frame_id, known_forces, labels
from alworkflows.models.contract import Model
from alworkflows.models.ensemble import Ensemble
from alworkflows.models.evaluation import Evaluation, Prediction

__all__ = ["Place", "Residuals", "Witnesses"]

#: how far members are apart on a frame: RMS of force components (eV/A), and of energies (eV an atom)
Apart = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """Where a frame stands: the number of its batch, its index there, its id, its formula and number of atoms."""

    batch: int
    index: int
    id: str
    formula: str
    atoms: int


class Witnesses:
    """Who is asked about a frame: members that did not see it, or where all did, their mean.

    Parameters
    ----------
    members
        Those that were fitted, or where none was, all.
    unseen_by
        Returns the numbers of the members that a frame was kept from.
    """

    def __init__(self, members: Sequence[Model], unseen_by: Callable[[Atoms], Sequence[int]]) -> None:
        self._members, self._unseen_by = members, unseen_by
        # structures change from one call to the next, so that a skin would only add pairs
        self._all = Ensemble(members).evaluator(0.0) if len(members) > 1 else members[0].evaluator(0.0)

    def is_seen(self, atoms: Atoms) -> bool:
        """Return whether all members were fitted to a frame."""
        return not self._unseen_by(atoms)

    def __call__(self, atoms: Atoms) -> Prediction:
        """Return what they say of a frame, as one model."""
        unseen = self._unseen_by(atoms)
        if not unseen or len(unseen) == len(self._members):
            return Prediction.of(self._all.mean(atoms), atoms)
        return Prediction.of(Evaluation.together([self._members[number].evaluate(atoms) for number in unseen]).mean(), atoms)

    def apart(self, atoms: Atoms) -> Apart:
        """Return how far all members are apart on a frame; 0 of one alone."""
        evaluation = self._all.evaluate(atoms)
        forces = evaluation.forces - evaluation.forces.mean(axis=0)
        return float(np.sqrt((forces**2).mean())), float(evaluation.energy.std()) / len(atoms)


@dataclass
class Residuals:
    """Numbers of F frames, in their order, as lists that grow; what a frame has no label of is NaN.

    ``places``; ``force``: RMS of the components of the force error, ``largest``: largest norm of an atom's, ``size`` and
    ``largest_size``: the same of the labels, ``predicted``: the largest norm of a predicted force, all in eV/A; ``net``: norm of
    the sum of the forces over the root of the number of atoms, eV/A, which needs no model; ``energy``: label less prediction, eV
    an atom; ``stress`` (F, 6): the same, eV/A^3; ``seen``: whether every member was fitted to it.
    """

    places: list[Place] = field(default_factory=list)
    force: list[float] = field(default_factory=list)
    largest: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    largest_size: list[float] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)
    net: list[float] = field(default_factory=list)
    energy: list[float] = field(default_factory=list)
    stress: list[np.ndarray] = field(default_factory=list)
    seen: list[bool] = field(default_factory=list)

    @classmethod
    def of(cls, batches: Iterable[Sequence[Atoms]], witnesses: Witnesses, held_out: bool = False) -> Residuals:
        """Return the residuals of all frames; ``held_out``: none was trained on."""
        table = cls()
        for number, batch in enumerate(batches):
            for index, atoms in enumerate(batch):
                place = Place(number, index, frame_id(atoms), _formula(atoms), len(atoms))
                table._add(place, atoms, witnesses(atoms), not held_out and witnesses.is_seen(atoms))
        return table

    def _add(self, place: Place, atoms: Atoms, predicted: Prediction, seen: bool) -> None:
        stored, nothing = labels(atoms), float("nan")
        forces = np.full((1, 3), np.nan) if stored.forces is None else np.asarray(stored.forces)
        error = forces - (predicted.forces if stored.forces is not None else 0.0)
        known = known_forces(atoms)
        if known is not None:  # what a program writes for atoms that are held is no force: neither wrong, nor part of a sum
            error = np.where(known, error, 0.0)
        self.places.append(place)
        self.force.append(float(np.sqrt((error**2).mean())))
        self.largest.append(float(np.linalg.norm(error, axis=1).max()))
        self.size.append(float(np.sqrt((forces**2).mean())))
        self.largest_size.append(float(np.linalg.norm(forces, axis=1).max()))
        self.predicted.append(float(np.linalg.norm(predicted.forces, axis=1).max()))
        net = forces.sum(axis=0) if known is None else np.zeros(3)
        self.net.append(float(np.linalg.norm(net) / np.sqrt(len(atoms))))
        self.energy.append(nothing if stored.energy is None else (float(stored.energy) - predicted.energy) / len(atoms))
        has_stress = stored.stress is not None and atoms.pbc.all()
        self.stress.append(np.asarray(stored.stress) - predicted.stress if has_stress else np.full(6, np.nan))
        self.seen.append(seen)

    def __len__(self) -> int:
        return len(self.places)

    def __add__(self, other: Residuals) -> Residuals:
        return Residuals(**{name: [*mine, *getattr(other, name)] for name, mine in vars(self).items()})

    def column(self, name: str) -> np.ndarray:
        """Return a list of numbers as an array."""
        return np.array(getattr(self, name), dtype=float)


def _formula(atoms: Atoms) -> str:
    """Return the composition, species by alphabet; many times faster than ASE's, and asked of every frame."""
    numbers, counts = np.unique(atoms.numbers, return_counts=True)
    parts = sorted((chemical_symbols[number], count) for number, count in zip(numbers, counts, strict=True))
    return "".join(symbol if count == 1 else f"{symbol}{count}" for symbol, count in parts)
