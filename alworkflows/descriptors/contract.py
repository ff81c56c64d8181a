"""What every descriptor set does, so that every regression works on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from ase import Atoms

from alworkflows.descriptors.neighbours import Neighbours

if TYPE_CHECKING:
    from alworkflows.descriptors.plip.radial import RadialTable

__all__ = ["Descriptors", "Design", "Folded"]


@dataclass(frozen=True)
class Design:
    """Rows of a linear model's design matrix for one frame of N atoms and P descriptors.

    With weights w: energy = ``energy`` @ w (eV), forces = (``forces`` @ w).reshape(N, 3) (eV/A), stress = ``stress`` @ w (eV/A^3;
    ASE's sign and order xx, yy, zz, yz, xz, xy).
    """

    energy: np.ndarray
    forces: np.ndarray
    stress: np.ndarray | None


class Folded(Protocol):
    """M linear models on one descriptor set as one evaluation made for dynamics."""

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, pairs: Neighbours, deform: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energies (M, N) (eV), forces (M, N, 3) (eV/A) and virials (M, 6) (eV).

        ``kinds`` (N,) are indices of species; a pair of the list is x_j - x_i + vector @ deform apart, and passed over beyond the
        cutoff.
        """


class Descriptors(ABC):
    """Invariant descriptors of atomic environments.

    Attributes
    ----------
    species
        Chemical symbols, in the order the columns follow.
    cutoff
        Radius beyond which an atom does not count, A.
    size
        Number of descriptors P.
    names
        (P,) what each one is.
    """

    species: tuple[str, ...]
    cutoff: float
    size: int
    names: list[str]

    @abstractmethod
    def values(self, atoms: Atoms) -> np.ndarray:
        """Return the descriptors of each atom, (N, P)."""

    @abstractmethod
    def design(self, atoms: Atoms, stress: bool = True) -> Design:
        """Return the rows of the summed descriptors: energy (P,), forces (3 N, P), stress (6, P) or None."""

    @abstractmethod
    def vjp(self, atoms: Atoms, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return forces (N, 3) and stress (6,) of an energy whose derivative by the descriptors is ``weights`` (N, P)."""

    @abstractmethod
    def neighbours(self, atoms: Atoms) -> Neighbours:
        """Return the full list of pairs within the cutoff."""

    @abstractmethod
    def fold(self, weights: np.ndarray, fixed: RadialTable | None = None) -> Folded:
        """Return M linear models with weights (M, P) as one evaluation made for dynamics.

        ``fixed``: energies (eV) of the distance, by unordered pair of species, that every model adds: a baseline.
        """
