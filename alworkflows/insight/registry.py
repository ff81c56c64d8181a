"""What can be said of an ensemble: of the largest group of its members that has terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ase import Atoms

from alworkflows.models.capabilities import Insightful

if TYPE_CHECKING:
    from alworkflows.insight.plip.look import Insight
    from alworkflows.insight.plip.shares import Share
    from alworkflows.models import Ensemble

__all__ = ["force_shares", "look_into"]


def look_into(ensemble: Ensemble, frames: Sequence[Atoms], progress: Callable[[str], None] | None = None) -> Insight:
    """Return force shares and curves of an ensemble, on the environments in ``frames``; labels are not needed.

    Raises
    ------
    InputError
        If no member has terms, there are no frames, or one holds a species that the model lacks.
    """
    insight: Insight = ensemble.having(Insightful, "insight")[0].look_into(frames, progress)
    return insight


def force_shares(ensemble: Ensemble, frames: Sequence[Atoms], progress: Callable[[str], None] | None = None) -> list[Share]:
    """Return the shares of all groups of terms, for all interactions together and for each; raises as :func:`look_into`."""
    return look_into(ensemble, frames, progress).shares
