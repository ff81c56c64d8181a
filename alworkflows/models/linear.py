"""A linear potential on descriptors, and many of them evaluated at the price of one list."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alworkflows.descriptors import Descriptors, Folded, build
from alworkflows.descriptors.native import Neighbours
from alworkflows.settings import DescriptorSettings

__all__ = ["Committee", "LinearModel"]


@dataclass(frozen=True)
class LinearModel:
    """Energy = sum over atoms of level[species] + weights . descriptors.

    ``weights`` (P,) in eV per descriptor; ``levels`` (S,) in eV an atom.
    """

    settings: DescriptorSettings
    species: tuple[str, ...]
    weights: np.ndarray
    levels: np.ndarray

    @property
    def support(self) -> np.ndarray:
        """Indices of the descriptors that count."""
        return np.flatnonzero(self.weights)

    @cached_property
    def descriptors(self) -> Descriptors:
        """The descriptor set."""
        return build(self.settings, self.species)


class Committee:
    """M linear models on one descriptor set, sharing neighbours and moments.

    Parameters
    ----------
    descriptors
        What they are linear in.
    weights : (M, P) float
    levels : (M, S) float
        eV an atom.
    """

    def __init__(self, descriptors: Descriptors, weights: np.ndarray, levels: np.ndarray) -> None:
        self.descriptors, self.weights, self.levels = descriptors, weights, levels

    @cached_property
    def _folded(self) -> Folded:
        return self.descriptors.fold(self.weights)

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, pairs: Neighbours, deform: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energies (M, N) in eV, forces (M, N, 3) in eV/A and virials (M, 6) in eV; arguments as of ``Folded``."""
        energies, forces, virial = self._folded.evaluate(kinds, positions, pairs, deform)
        return energies + self.levels[:, kinds], forces, virial

    def mean(self) -> Committee:
        """Return the mean of the models, itself one linear model."""
        return Committee(self.descriptors, self.weights.mean(axis=0, keepdims=True), self.levels.mean(axis=0, keepdims=True))
