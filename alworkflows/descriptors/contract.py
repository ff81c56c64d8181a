"""What every descriptor set does, so that every regression and every network works on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from alworkflows.descriptors.neighbours import Neighbours, kinds_of, neighbours
from alworkflows.errors import InputError

__all__ = ["Descriptors", "Design", "Foldable", "Folded", "check_size"]

#: A; closer than this, rounding of coordinates decides the direction of a bond
COINCIDENT = 1e-9
#: of one set: the normal matrix of more would be 300 GB, and the kernels count columns in 31 bits
MOST_DESCRIPTORS = 200_000


@dataclass(frozen=True)
class Design:
    """Rows of a linear model's design matrix for one frame of N atoms and P descriptors.

    With weights w: energy = ``energy`` @ w (eV), forces = (``forces`` @ w).reshape(N, 3) (eV/A), stress = ``stress`` @ w (eV/A^3;
    ASE's sign and order xx, yy, zz, yz, xz, xy).
    """

    energy: np.ndarray
    forces: np.ndarray
    stress: np.ndarray | None


class Descriptors(ABC):
    """Invariant descriptors B (N, P) of the environments of N atoms.

    A set says how it makes ``values``, ``design``, and the two products ``_pull`` and ``_push``; all else is the same for all.

    Attributes
    ----------
    species
        Chemical symbols, in the order the columns follow.
    cutoff
        Radius beyond which an atom does not count, A.
    size
        Number of descriptors P.
    names
        (P,) what each one is; no two are alike, and the first character is how many bodies it ties, N for any number.
    """

    species: tuple[str, ...]
    cutoff: float
    size: int

    def __init__(self, species: Sequence[str], cutoff: float) -> None:
        if not species or len(set(species)) != len(species):
            raise InputError(f"expected each species once, got {list(species)}")
        strange = [symbol for symbol in species if symbol not in atomic_numbers]
        if strange:
            raise InputError(f"expected chemical symbols, got {', '.join(map(repr, strange))}")
        self.species, self.cutoff = tuple(species), float(cutoff)

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """What each column is, (P,)."""

    @abstractmethod
    def values(self, atoms: Atoms) -> np.ndarray:
        """Return the descriptors of each atom, (N, P)."""

    @abstractmethod
    def design(self, atoms: Atoms, stress: bool = True) -> Design:
        """Return the rows of the summed descriptors: energy (P,), forces (3 N, P), stress (6, P).

        Stress rows are None unless asked for and the frame is periodic along all three directions.
        """

    @abstractmethod
    def _pull(self, atoms: Atoms, derivatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return forces (M, N, 3) and virials (M, 6) = sum over pairs of r_a dE/dr_b, from dE/dB (M, N, P)."""

    @abstractmethod
    def _push(self, atoms: Atoms, moves: np.ndarray, strains: np.ndarray) -> np.ndarray:
        """Return dB (M, N, P) where each pair moves by v_j - v_i + strain @ (x_j - x_i); (M, N, 3) and (M, 3, 3)."""

    def vjp(self, atoms: Atoms, dE_dB: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the forces (eV/A) and stress (eV/A^3) of an energy whose derivative by the descriptors is given.

            F = -sum_ip dE/dB_ip dB_ip/dx,    stress = (1 / V) sum_ip dE/dB_ip dB_ip/dstrain

        Parameters
        ----------
        atoms
            A frame of N atoms.
        dE_dB : (N, P), or (M, N, P) of M members
            eV per descriptor.

        Returns
        -------
        forces : (N, 3) or (M, N, 3)
        stress : (6,) or (M, 6)
            ASE's sign and order; zero unless the frame is periodic along all three directions.

        Raises
        ------
        InputError
            If the frame cannot be described, or the shape is another.
        """
        derivatives = np.asarray(dE_dB, dtype=float)
        _check("dE_dB", derivatives, (len(atoms), self.size))
        forces, virial = self._pull(
            atoms, np.ascontiguousarray(derivatives.reshape(_members(derivatives), *derivatives.shape[-2:]))
        )
        stress = virial / (atoms.get_volume() if atoms.pbc.all() else np.inf)
        return (forces, stress) if derivatives.ndim == 3 else (forces[0], stress[0])

    def jvp(self, atoms: Atoms, v: np.ndarray, strain: np.ndarray | None = None) -> np.ndarray:
        """Return the change of the descriptors along displacements and a strain, to first order.

        Positions and cell change as x -> (1 + e) x + v, with e the symmetric matrix of the strain: components xx, yy, zz, yz, xz,
        xy, of which the last three are engineering shears, 2 e_yz, 2 e_xz, 2 e_xy. So it is the transpose of :meth:`vjp`:

            sum(dE_dB * jvp(v, strain)) = -sum(forces * v) + V sum(stress * strain)

        Parameters
        ----------
        atoms
            A frame of N atoms.
        v : (N, 3), or (M, N, 3) of M members
            A.
        strain : (6,) or (M, 6)
            None: no strain. A frame that is not periodic along all three directions has none.

        Returns
        -------
        numpy.ndarray
            (N, P) or (M, N, P).

        Raises
        ------
        InputError
            If the frame cannot be described or strained, or a shape is another.
        """
        moves = np.asarray(v, dtype=float)
        _check("v", moves, (len(atoms), 3))
        strains = np.zeros((*moves.shape[:-2], 6)) if strain is None else np.asarray(strain, dtype=float)
        if strains.shape != (*moves.shape[:-2], 6):
            raise InputError(f"strain: expected shape {(*moves.shape[:-2], 6)} beside v {moves.shape}, got {strains.shape}")
        if strains.any() and not atoms.pbc.all():
            raise InputError("strain: expected none, as the frame is not periodic along all three directions")
        xx, yy, zz, yz, xz, xy = strains.reshape(-1, 6).T * np.array([1.0, 1.0, 1.0, 0.5, 0.5, 0.5])[:, None]
        matrices = np.moveaxis(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]), 2, 0)
        changes = self._push(
            atoms, np.ascontiguousarray(moves.reshape(_members(moves), *moves.shape[-2:])), np.ascontiguousarray(matrices)
        )
        return changes if moves.ndim == 3 else changes[0]

    def kinds(self, atoms: Atoms) -> np.ndarray:
        """Return the index of each atom's species, (N,); another species is an InputError."""
        return kinds_of(atoms, self.species)

    def neighbours(self, atoms: Atoms, skin: float = 0.0) -> Neighbours:
        """Return the full list of pairs within the cutoff plus ``skin`` (A).

        Raises
        ------
        InputError
            If there are no atoms, a place is not finite, or two atoms are at the same place: the direction of their bond, and so
            their force, is undefined.
        """
        if not len(atoms):
            raise InputError("expected a frame with atoms, got one without")
        pairs = neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, self.cutoff + skin)
        squared = np.einsum("ij,ij->i", pairs.vectors, pairs.vectors)
        if squared.min(initial=np.inf) < COINCIDENT**2:
            closest = int(squared.argmin())
            first, second = sorted((int(pairs.centres[closest]), int(pairs.second[closest])))
            raise InputError(
                f"expected atoms at different places, got atoms {first} and {second} at the same one (images included)"
            )
        return pairs


class Folded(Protocol):
    """M linear models on one descriptor set as one evaluation made for dynamics."""

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, pairs: Neighbours, deform: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energies (M, N) (eV), forces (M, N, 3) (eV/A) and virials (M, 6) (eV).

        ``kinds`` (N,) are indices of species; a pair of the list is x_j - x_i + vector @ deform apart, and passed over beyond the
        cutoff.
        """


@runtime_checkable
class Foldable(Protocol):
    """What a set can do besides, if it can: ask by ``isinstance``, and use ``values`` and ``vjp`` of one that cannot."""

    def fold(self, weights: np.ndarray) -> Folded:
        """Return M linear models with weights (M, P) as one evaluation made for dynamics."""


def check_size(size: int) -> int:
    """Return how many descriptors a set has; an InputError if that is more than anything could be fitted to."""
    if size > MOST_DESCRIPTORS:
        raise InputError(
            f"descriptors: expected at most {MOST_DESCRIPTORS:,}, got {size:,}: take fewer species, radial functions or powers"
        )
    return size


def _check(name: str, array: np.ndarray, shape: tuple[int, int]) -> None:
    """Raise an InputError unless an array has this shape, or it behind an axis of members."""
    if array.ndim not in (2, 3) or array.shape[-2:] != shape or not _members(array):
        raise InputError(f"{name}: expected shape {shape}, or (members, {shape[0]}, {shape[1]}), got {array.shape}")


def _members(array: np.ndarray) -> int:
    return len(array) if array.ndim == 3 else 1
