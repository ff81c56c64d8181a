"""An ensemble's weights, term by term."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alworkflows.descriptors.plip.blocks import Blocks

if TYPE_CHECKING:
    from alworkflows.models import Ensemble

__all__ = ["blocks_of"]


def blocks_of(ensemble: Ensemble) -> Blocks:
    """Return the weights of all members, term by term."""
    descriptors: Any = ensemble.committee.descriptors
    found: Blocks = descriptors.blocks(ensemble.committee.weights, ensemble.committee.fixed)
    return found
