"""A linear potential on descriptors, and many of them evaluated at the price of one list."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alworkflows.descriptors import Descriptors, build
from alworkflows.descriptors.native import Neighbours, Shape, linear
from alworkflows.descriptors.plip import Plip
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
    """M linear models on one descriptor set; only the radial functions, l and m that some model uses are computed."""

    def __init__(self, descriptors: Plip, weights: np.ndarray, levels: np.ndarray) -> None:
        shape = descriptors.shape
        blocks = weights.reshape(len(weights), -1, shape.radial)
        used = np.flatnonzero(np.any(blocks != 0, axis=(0, 1)))
        radial = used if len(used) else np.array([0])
        pairs = shape.species * (shape.species + 1) // 2
        three, many = shape.species * pairs * len(shape.l), shape.species**2 * len(shape.m)
        used_l = blocks[:, pairs : pairs + three].reshape(len(weights), -1, len(shape.l), shape.radial).any(axis=(0, 1, 3))
        used_m = blocks[:, pairs + three :].reshape(len(weights), -1, len(shape.m), shape.radial).any(axis=(0, 1, 3))
        repeats = three // max(len(shape.l), 1), many // max(len(shape.m), 1)
        keep = np.concatenate([np.ones(pairs, bool), np.tile(used_l, repeats[0]), np.tile(used_m, repeats[1])])
        self.shape = Shape(
            shape.species, len(radial), np.ascontiguousarray(shape.l[used_l]), np.ascontiguousarray(shape.m[used_m])
        )
        self.weights = np.ascontiguousarray(blocks[:, keep][:, :, radial].reshape(len(weights), -1))
        self.table = np.ascontiguousarray(descriptors.table[:, :, radial])
        self.levels, self.cutoff, self.descriptors = levels, descriptors.cutoff, descriptors

    def evaluate(self, kinds: np.ndarray, pairs: Neighbours) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energies (M, N) in eV, forces (M, N, 3) in eV/A and virials (M, 6) in eV."""
        energies, forces, virial = linear(self.shape, kinds, pairs, self.cutoff, self.table, self.weights)
        return energies + self.levels[:, kinds], forces, virial

    def mean(self) -> Committee:
        """Return the mean of the models, itself one linear model."""
        return _Folded(self)


class _Folded(Committee):
    def __init__(self, committee: Committee) -> None:
        vars(self).update(vars(committee))
        self.weights = np.ascontiguousarray(committee.weights.mean(axis=0, keepdims=True))
        self.levels = committee.levels.mean(axis=0, keepdims=True)
