"""An ensemble's weights, term by term."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alworkflows.descriptors.blocks import Blocks

if TYPE_CHECKING:
    from alworkflows.models import Ensemble

__all__ = ["blocks_of"]


def blocks_of(ensemble: Ensemble) -> Blocks:
    """Return the weights of all members, term by term."""
    descriptors: Any = ensemble.committee.descriptors
    weights = ensemble.committee.weights
    shape = descriptors.shape
    species, pairs = shape.species, shape.pairs
    two, three, many = np.split(
        weights.reshape(len(weights), -1, shape.radial), [pairs, pairs + species * pairs * len(shape.l)], axis=1
    )
    return Blocks(
        descriptors.table,
        shape.l,
        shape.m,
        two,
        three.reshape(len(weights), species, pairs, len(shape.l), -1),
        many.reshape(len(weights), species, species, len(shape.m), -1),
    )
