"""Many frames at once: their atoms in arrays, one frame after the other, and what models say of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from alworkflows.models.evaluation import EnsemblePrediction, Evaluation, norms, spread

__all__ = ["Evaluations", "Predictions", "in_parts", "offsets_of"]

#: atoms of frames that are evaluated together: as many as keep the arrays small and their handling cheap
PART = 1024


def in_parts(frames: Sequence[Atoms]) -> Iterator[Sequence[Atoms]]:
    """Yield the frames in order, so many together as have some thousand atoms, or one that has more."""
    begin = atoms = 0
    for end, frame in enumerate(frames):
        if end > begin and atoms + len(frame) > PART:
            yield frames[begin:end]
            begin, atoms = end, 0
        atoms += len(frame)
    if len(frames) > begin:
        yield frames[begin:]


def offsets_of(frames: Sequence[Atoms]) -> np.ndarray:
    """Return where the atoms of each frame begin among those of all, and where the last ones end, (F + 1,)."""
    return np.cumsum([0, *map(len, frames)], dtype=np.int64)


@dataclass(frozen=True)
class Evaluations:
    """What M models say of F frames with N atoms in all; see :class:`.Evaluation`.

    ``offsets`` (F + 1,) delimits the atoms of each; ``energy`` (M, F) in eV; ``energies`` (M, N), or None; ``forces`` (M, N, 3)
    in eV/A; ``virial`` (M, F, 6) in eV.
    """

    offsets: np.ndarray
    energy: np.ndarray
    energies: np.ndarray | None
    forces: np.ndarray
    virial: np.ndarray

    @classmethod
    def of(cls, each: Sequence[Evaluation]) -> Evaluations:
        """Return the evaluations of some frames, at least one, as one."""
        energies = [evaluation.energies for evaluation in each if evaluation.energies is not None]
        return cls(
            np.cumsum([0, *(evaluation.forces.shape[1] for evaluation in each)], dtype=np.int64),
            np.stack([evaluation.energy for evaluation in each], axis=1),
            np.concatenate(energies, axis=1) if len(energies) == len(each) else None,
            np.concatenate([evaluation.forces for evaluation in each], axis=1),
            np.stack([evaluation.virial for evaluation in each], axis=1),
        )

    @classmethod
    def of_atoms(cls, offsets: np.ndarray, energies: np.ndarray, forces: np.ndarray, virial: np.ndarray) -> Evaluations:
        """Return the evaluations whose energies (M, N) are those of atoms."""
        return cls(offsets, np.add.reduceat(energies, offsets[:-1], axis=1), energies, forces, virial)

    @classmethod
    def together(cls, parts: Sequence[Evaluations], places: np.ndarray) -> Evaluations:
        """Return those of several groups of models on the same frames as one, with model ``places[m]`` as number m."""
        energies = [part.energies for part in parts if part.energies is not None]
        return cls(
            parts[0].offsets,
            np.concatenate([part.energy for part in parts])[places],
            np.concatenate(energies)[places] if len(energies) == len(parts) else None,
            np.concatenate([part.forces for part in parts])[places],
            np.concatenate([part.virial for part in parts])[places],
        )


@dataclass(frozen=True)
class Predictions:
    """The mean of M members on F frames with N atoms in all, and how far they are apart; see :class:`.EnsemblePrediction`.

    ``offsets`` (F + 1,) delimits the atoms of each; ``energy`` (F,) in eV; ``energies`` (N,), or None; ``forces`` (N, 3) in eV/A;
    ``stress`` (F, 6) in eV/A^3, zero unless the frame is periodic along all three directions; ``forces_std`` (N, 3): standard
    deviation of each component over the members, eV/A; ``deviation`` (N,): its norm; ``members`` (M, N, 3): each one's forces;
    ``member_energies`` (M, F).
    """

    offsets: np.ndarray
    energy: np.ndarray
    energies: np.ndarray | None
    forces: np.ndarray
    stress: np.ndarray
    forces_std: np.ndarray
    deviation: np.ndarray
    members: np.ndarray
    member_energies: np.ndarray

    @classmethod
    def of(cls, evaluations: Evaluations, frames: Sequence[Atoms]) -> Predictions:
        """Return what the members' evaluations say of the frames they are of."""
        cells, periodic = np.array([frame.cell.array for frame in frames]), np.array([frame.pbc for frame in frames]).all(axis=1)
        volumes = np.where(periodic, np.abs(np.linalg.det(cells)), np.inf)
        forces_std = spread(evaluations.forces)
        return cls(
            evaluations.offsets,
            evaluations.energy.mean(axis=0),
            None if evaluations.energies is None else evaluations.energies.mean(axis=0),
            evaluations.forces.mean(axis=0),
            evaluations.virial.mean(axis=0) / volumes[:, None],
            forces_std,
            norms(forces_std),
            evaluations.forces,
            evaluations.energy,
        )

    def __len__(self) -> int:
        return len(self.energy)

    def each(self) -> Iterator[EnsemblePrediction]:
        """Yield the prediction of each frame; its arrays are parts of those here."""
        for number, (begin, end) in enumerate(zip(self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True)):
            yield EnsemblePrediction(
                float(self.energy[number]),
                None if self.energies is None else self.energies[begin:end],
                self.forces[begin:end],
                self.stress[number],
                self.deviation[begin:end],
                self.members[:, begin:end],
                self.member_energies[:, number],
            )
