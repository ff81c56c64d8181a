"""Errors of an ensemble on labelled frames: of all, of any of them, and of the atoms of each element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from alworkflows.frames import check_labelled, known_forces, labels
from alworkflows.models.energy_shift import EnergyShift
from alworkflows.models.predictions import offsets_of

if TYPE_CHECKING:
    from alworkflows.models.ensemble import Ensemble
    from alworkflows.models.predictions import Predictions

__all__ = ["Comparison", "Values", "compare", "force_errors"]


@dataclass(frozen=True)
class Values:
    """Energies (F,) (eV), forces (N, 3) (eV/A) and stresses (F, 6) (eV/A^3) of frames; NaN where there is none."""

    energy: np.ndarray
    forces: np.ndarray
    stress: np.ndarray

    @classmethod
    def empty(cls, frames: int, atoms: int) -> Values:
        """Return arrays to fill."""
        return cls(np.full(frames, np.nan), np.full((atoms, 3), np.nan), np.full((frames, 6), np.nan))

    @classmethod
    def of_labels(cls, frames: Sequence[Atoms], offsets: np.ndarray) -> Values:
        """Return the labels of frames; only stresses of frames that are periodic along all three directions count."""
        values = cls.empty(len(frames), int(offsets[-1]))
        for number, (frame, begin, end) in enumerate(zip(frames, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
            stored = labels(frame)
            values.forces[begin:end] = stored.forces
            if stored.energy is not None:
                values.energy[number] = stored.energy
            if stored.stress is not None and frame.pbc.all():
                values.stress[number] = stored.stress
        return values


@dataclass(frozen=True)
class Comparison:
    """Labels and the mean of an ensemble on F frames with N atoms in all, which stand one after the other.

    ``offsets`` (F + 1,) delimits the atoms of each; ``numbers`` (N,): atomic ones; ``reference`` and ``predicted``: stresses of
    frames that are not periodic along all three directions are NaN in both; ``energies`` (N,): how the model divides its energy,
    eV, or None; ``forces_std`` (N, 3): standard deviation of each force component over the members, eV/A; ``squares`` (M, F): sum
    of the squared errors of each member's forces in each frame, by the ``names`` of the members; ``known`` (N, 3): which force
    components are labels, see :func:`.frames.known_forces`; the others have no error.
    """

    offsets: np.ndarray
    numbers: np.ndarray
    reference: Values
    predicted: Values
    energies: np.ndarray | None
    forces_std: np.ndarray
    squares: np.ndarray
    names: list[str]
    known: np.ndarray

    # -------------------------------------------------------------------------------------------- of each frame

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of atoms of each frame, (F,)."""
        return np.diff(self.offsets)

    @cached_property
    def force_error(self) -> np.ndarray:
        """Of each component, (N, 3), eV/A; zero where none is known."""
        return np.where(self.known, self.predicted.forces - self.reference.forces, 0.0)

    @cached_property
    def largest_error(self) -> np.ndarray:
        """Largest norm of an atom's force error in each frame, (F,), eV/A."""
        return self._largest(self.force_error)

    @cached_property
    def disagreement(self) -> np.ndarray:
        """Largest deviation of an atom's force over the members in each frame, (F,), eV/A."""
        return self._largest(self.forces_std)

    @property
    def energy_error(self) -> np.ndarray:
        """Of the energy divided by the number of atoms, (F,), eV an atom; NaN where frames have none."""
        error: np.ndarray = (self.predicted.energy - self.reference.energy) / self.counts
        return error

    @cached_property
    def shift(self) -> EnergyShift | None:
        """What the model's energies lie above the labels of all frames that have any."""
        known = ~np.isnan(self.energy_error)
        species = np.unique(self.numbers)
        of_species = [np.add.reduceat(self.numbers == number, self.offsets[:-1], dtype=float) for number in species]
        shares = np.stack(of_species, axis=1) / self.counts[:, None]
        return EnergyShift.of(self.energy_error[known], shares[known], [chemical_symbols[number] for number in species])

    @cached_property
    def _shifted(self) -> dict[str, np.ndarray]:
        """Return the errors of energies without and with each shift that there is, by the ending of its name."""
        errors, shift = {"": self.energy_error}, self.shift
        if shift is not None:
            errors["_shifted"] = errors[""] - shift.constant
            if shift.species is not None:
                energy_of = np.zeros(len(chemical_symbols))
                for symbol, energy in shift.species.items():
                    energy_of[chemical_symbols.index(symbol)] = energy
                errors["_species_shifted"] = (
                    errors[""] - np.add.reduceat(energy_of[self.numbers], self.offsets[:-1]) / self.counts
                )
        return errors

    def _largest(self, vectors: np.ndarray) -> np.ndarray:
        largest: np.ndarray = np.maximum.reduceat(np.linalg.norm(vectors, axis=1), self.offsets[:-1])
        return largest

    def _rms_of_frames(self, vectors: np.ndarray) -> np.ndarray:
        sums: np.ndarray = np.add.reduceat((vectors**2).sum(axis=1), self.offsets[:-1])
        return np.sqrt(sums / np.maximum(np.add.reduceat(self.known.sum(axis=1), self.offsets[:-1]), 1))

    # -------------------------------------------------------------------------------------------- of many

    def summary(self, frames: np.ndarray | None = None) -> dict[str, Any]:
        """Return the errors of some frames, by their numbers, or of all.

        ``frames``, ``atoms``; of force components, eV/A: ``force_rmse``, ``force_mae``, ``force_q999`` (99.9 % quantile) and
        ``force_std`` (of the reference); ``largest_error``, of the force on an atom, and ``disagreement``, median over frames.
        Where there are labels: ``energy_rmse`` and ``energy_mae`` (eV an atom), the same ``_shifted`` by the best constant and
        ``_species_shifted`` by the best energy of each species (see :mod:`.energy_shift`); ``stress_rmse`` and ``stress_mae``
        (eV/A^3).
        """
        chosen = np.arange(len(self.counts)) if frames is None else frames
        atoms = slice(None) if frames is None else self._atoms_of(frames)
        summary = {
            "frames": len(chosen),
            "atoms": int(self.counts[chosen].sum()),
            **self._of_forces(atoms),
            "largest_error": float(self.largest_error[chosen].max()),
            "disagreement": float(np.median(self.disagreement[chosen])),
        }
        for ending, error in self._shifted.items():
            summary |= _typical("energy", error[chosen], ending)
        return summary | _typical("stress", self.predicted.stress[chosen] - self.reference.stress[chosen])

    def by_element(self) -> dict[str, dict[str, Any]]:
        """Return the errors of forces over the atoms of each element, by its symbol: as :meth:`summary`, without the others.

        ``frames`` counts those with the element, and only its atoms count for their disagreement.
        """
        frame_of = np.repeat(np.arange(len(self.counts)), self.counts)
        errors: dict[str, dict[str, Any]] = {}
        for number in np.unique(self.numbers):
            atoms = np.flatnonzero(self.numbers == number)
            _, starts = np.unique(frame_of[atoms], return_index=True)
            apart = np.maximum.reduceat(np.linalg.norm(self.forces_std[atoms], axis=1), starts)
            errors[chemical_symbols[number]] = {
                "frames": len(starts),
                "atoms": len(atoms),
                **self._of_forces(atoms),
                "largest_error": float(np.linalg.norm(self.force_error[atoms], axis=1).max()),
                "disagreement": float(np.median(apart)),
            }
        return errors

    def member_rmse(self) -> dict[str, float]:
        """Return the root mean square force error (eV/A) of each member by its name."""
        of_members = np.sqrt(self.squares.sum(axis=1) / max(self.known.sum(), 1))
        return dict(zip(self.names, of_members.tolist(), strict=True))

    def errors(self) -> dict[str, Any]:
        """Return all of it by name; see :func:`force_errors`."""
        return {
            "summary": self.summary(),
            "reference_forces": self.reference.forces,
            "predicted_forces": self.predicted.forces,
            "largest_error": self.largest_error,
            "disagreement": self.disagreement,
            "force_rms": self._rms_of_frames(self.reference.forces),
            "largest_force": self._largest(self.reference.forces),
            "rms_error": self._rms_of_frames(self.force_error),
            "member_rmse": self.member_rmse(),
        }

    def _of_forces(self, atoms: np.ndarray | slice) -> dict[str, float]:
        known = self.known[atoms]
        error, reference = self.force_error[atoms][known], self.reference.forces[atoms][known]
        if not len(error):  # all atoms are held still
            return dict.fromkeys(("force_rmse", "force_mae", "force_q999", "force_std"), 0.0)
        size = np.abs(error)
        return {
            "force_rmse": _rms(error),
            "force_mae": float(size.mean()),
            "force_q999": float(np.quantile(size, 0.999)),
            "force_std": float(reference.std()),
        }

    def _atoms_of(self, frames: np.ndarray) -> np.ndarray:
        """Return the numbers of the atoms of some frames."""
        sizes = self.counts[frames]
        before = np.cumsum(sizes) - sizes
        atoms: np.ndarray = np.arange(sizes.sum()) + np.repeat(self.offsets[frames] - before, sizes)
        return atoms


def compare(ensemble: Ensemble, frames: Sequence[Atoms], progress: Callable[[int], None] | None = None) -> Comparison:
    """Return the mean of an ensemble beside the labels of frames, each predicted once.

    Parameters
    ----------
    ensemble
        To be judged.
    frames
        With forces; energies and stresses are compared where they are there.
    progress
        Called with the number of frames done.

    Raises
    ------
    InputError
        If there are no frames, some have no forces, or the ensemble cannot predict one.
    """
    check_labelled(frames, ("forces",), "frames to compare with")
    offsets = offsets_of(frames)
    reference, predicted = Values.of_labels(frames, offsets), Values.empty(len(frames), int(offsets[-1]))
    known = _known(frames, offsets)
    energies, forces_std = np.full(len(predicted.forces), np.nan), np.empty_like(predicted.forces)
    squares = np.empty((len(ensemble.members), len(frames)))
    done = 0
    for part in ensemble.predict_parts(frames):
        those, atoms = slice(done, done + len(part)), slice(int(offsets[done]), int(offsets[done + len(part)]))
        predicted.energy[those], predicted.forces[atoms], predicted.stress[those] = part.energy, part.forces, part.stress
        forces_std[atoms] = part.forces_std
        if part.energies is not None:
            energies[atoms] = part.energies
        squares[:, those] = _squares(part, reference.forces[atoms], known[atoms])
        done += len(part)
        if progress is not None:
            progress(done)
    predicted.stress[[not frame.pbc.all() for frame in frames]] = np.nan
    numbers = np.concatenate([frame.numbers for frame in frames])
    divided = None if np.isnan(energies).any() else energies
    return Comparison(offsets, numbers, reference, predicted, divided, forces_std, squares, ensemble.names, known)


def force_errors(ensemble: Ensemble, frames: Sequence[Atoms]) -> dict[str, Any]:
    """Return how far the mean is from the labels.

    ``summary``: see :meth:`Comparison.summary`; ``reference_forces`` and ``predicted_forces`` (sum N, 3); per frame
    ``largest_error`` (largest norm of an atom's force error), ``disagreement``, ``force_rms`` (of the reference's components),
    ``largest_force`` (norm) and ``rms_error`` (of components), all in eV/A; by the name of each member its own
    ``member_rmse`` (eV/A).

    Raises
    ------
    InputError
        If there are no frames, or some have no forces.
    """
    return compare(ensemble, frames).errors()


def _known(frames: Sequence[Atoms], offsets: np.ndarray) -> np.ndarray:
    """Return which force components of all frames are labels, (N, 3)."""
    known = np.ones((int(offsets[-1]), 3), dtype=bool)
    for frame, begin, end in zip(frames, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        if frame.constraints and (of_frame := known_forces(frame)) is not None:
            known[begin:end] = of_frame
    return known


def _squares(part: Predictions, reference: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the sum of the squared force errors of each member in each frame, (M, F)."""
    of_atoms = ((part.members - reference) ** 2).sum(axis=2, where=known)
    sums: np.ndarray = np.add.reduceat(of_atoms, part.offsets[:-1], axis=1)
    return sums


def _typical(name: str, errors: np.ndarray, ending: str = "") -> dict[str, float]:
    """Return root mean square and mean absolute value of the errors that are there, by name; nothing if none is."""
    known = errors[~np.isnan(errors)]
    return {f"{name}_rmse{ending}": _rms(known), f"{name}_mae{ending}": float(np.abs(known).mean())} if len(known) else {}


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))
