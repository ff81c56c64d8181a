"""Weights of linear PLIP models in the order of their terms, whatever families and columns they came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alworkflows.descriptors.plip.radial import RadialTable

__all__ = ["Blocks", "pair_index"]


@dataclass(frozen=True)
class Blocks:
    """M linear models on S species, P = S (S + 1) / 2 unordered pairs of species and R radial functions.

    ``two`` (M, P, R): of sum_{i<j} g_n(r_ij) over pairs of atoms; ``three`` (M, S, P, L, R): by centre, pair of neighbours,
    power ``l`` (L,) of the cosine; ``many`` (M, S, S, K, R): by centre, neighbour species, power ``m`` (K,) of the density; eV.
    A function that serves two-body terms alone has zeros in the other two. ``fixed``, if given, is a table of P functions (eV)
    of the distance that every model adds to its two-body energy, by unordered pair: a baseline. Unordered pairs come in the order
    of :func:`pair_index`.
    """

    table: RadialTable
    l: np.ndarray  # noqa: E741
    m: np.ndarray
    two: np.ndarray
    three: np.ndarray
    many: np.ndarray
    fixed: RadialTable | None = None

    @property
    def models(self) -> int:
        """Number of models M."""
        return len(self.two)

    @property
    def species(self) -> int:
        """Number of species S."""
        return self.many.shape[1]


def pair_index(species: int) -> np.ndarray:
    """Return the number of each unordered pair of species, (S, S)."""
    numbers = np.zeros((species, species), dtype=int)
    numbers[np.triu_indices(species)] = np.arange(species * (species + 1) // 2)
    return np.maximum(numbers, numbers.T)
