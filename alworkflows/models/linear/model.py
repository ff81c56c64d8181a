"""A linear potential on descriptors, and many of them evaluated at the price of one list."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alworkflows.descriptors import Descriptors, Folded, build
from alworkflows.descriptors.neighbours import Neighbours
from alworkflows.descriptors.plip.radial import RadialTable
from alworkflows.models.linear.baseline import Baseline
from alworkflows.settings import DescriptorSettings
from alworkflows.settings.model import BaselineSettings

__all__ = ["Committee", "LinearModel"]


@dataclass(frozen=True)
class LinearModel:
    """Energy = sum over atoms of level[species] + weights . descriptors, and the baseline if there is one.

    ``weights`` (P,) in eV per descriptor; ``levels`` (S,) in eV an atom.
    """

    settings: DescriptorSettings
    species: tuple[str, ...]
    weights: np.ndarray
    levels: np.ndarray
    baseline: BaselineSettings | None = None

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
    baseline
        What all add, if anything.
    """

    def __init__(
        self, descriptors: Descriptors, weights: np.ndarray, levels: np.ndarray, baseline: Baseline | None = None
    ) -> None:
        self.descriptors, self.weights, self.levels, self.baseline = descriptors, weights, levels, baseline

    @property
    def fixed(self) -> RadialTable | None:
        """Energies of the baseline (eV) by unordered pair of species."""
        return self.baseline.table if self.baseline else None

    @cached_property
    def _folded(self) -> Folded:
        return self.descriptors.fold(self.weights, self.fixed)  # type: ignore[attr-defined]

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, pairs: Neighbours, deform: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energies (M, N) in eV, forces (M, N, 3) in eV/A and virials (M, 6) in eV; arguments as of ``Folded``."""
        energies, forces, virial = self._folded.evaluate(kinds, positions, pairs, deform)
        return energies + self.levels[:, kinds], forces, virial

    def mean(self) -> Committee:
        """Return the mean of the models, itself one linear model."""
        weights, levels = self.weights.mean(axis=0, keepdims=True), self.levels.mean(axis=0, keepdims=True)
        return Committee(self.descriptors, weights, levels, self.baseline)
