"""What export and insight ask of linear models on PLIP descriptors."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from alworkflows.descriptors.plip import Plip
from alworkflows.descriptors.plip.blocks import Blocks
from alworkflows.descriptors.plip.radial import RadialTable
from alworkflows.models.linear.baseline import Baseline

__all__ = ["PlipTerms"]


class PlipTerms(Protocol):
    """Models whose weights (M, P; eV per descriptor) are of PLIP's terms, and whose pair functions stand in tables."""

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols, in the order of the descriptors."""

    @property
    def descriptors(self) -> Plip:
        """The set that the weights are of."""

    @property
    def weights(self) -> np.ndarray:
        """Weights (M, P), eV per descriptor."""

    @property
    def reference_energies(self) -> np.ndarray:
        """Energies (M, S) of an atom of each species, eV."""

    @property
    def baseline(self) -> Baseline | None:
        """The repulsion that is not fitted."""

    @property
    def fixed(self) -> RadialTable | None:
        """Energies of the baseline (eV) by unordered pair of species."""

    @property
    def blocks(self) -> Blocks:
        """The weights of all models term by term, baseline included."""

    def mean(self) -> PlipTerms:
        """Return the mean as one model."""
