"""Strategies: how a budget is spent on the frames that may be chosen. A new criterion is one function, here or in its own module.

Contract: a strategy gets a :class:`Pool` and a budget, and returns at most that many distinct picks, all from the pool, none a
duplicate of a known frame or of another pick, each with the reason it was picked. It draws no random numbers: the pool comes in
a seeded order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alworkflows.selection.diversity import farthest_points

__all__ = ["STRATEGIES", "Pick", "Pool", "diverse", "diverse_among_uncertain"]


@dataclass(frozen=True)
class Pool:
    """Frames that may be chosen.

    Attributes
    ----------
    fingerprints
        (F, D), standardised.
    known
        (K, D), standardised: the data set's frames.
    disagreement
        (F,) in eV/A, or None while there is no ensemble.
    window
        Lower and upper trust level in eV/A, or None while there is no ensemble.
    widen
        How many times the budget a strategy that ranks by disagreement lets diversity pick among.

    """

    fingerprints: np.ndarray
    known: np.ndarray
    disagreement: np.ndarray | None = None
    window: tuple[float, float] | None = None
    widen: float = 3.0


@dataclass(frozen=True)
class Pick:
    """One chosen frame: its index in the pool, and why."""

    index: int
    reason: str


def diverse(pool: Pool, budget: int) -> list[Pick]:
    """Farthest points alone: the first batch, before there is an ensemble to ask."""
    picked = farthest_points(pool.fingerprints, pool.known, budget)
    return [Pick(index, f"no ensemble yet, farthest point {rank} of {len(picked)}") for rank, index in enumerate(picked, 1)]


def diverse_among_uncertain(pool: Pool, budget: int) -> list[Pick]:
    """Farthest points among the ``widen`` x ``budget`` frames of largest disagreement.

    Largest disagreement alone buys near-copies of one extreme, and was worse than random in a trial on 700 configurations with
    density-functional labels; diversity among the uncertain reached the error of 120 to 140 random labels with 80.
    """
    if pool.disagreement is None or pool.window is None:
        raise ValueError("a strategy that ranks by disagreement needs an ensemble's disagreement and trust window")
    size = min(len(pool.disagreement), int(np.ceil(pool.widen * budget)))
    # a stable sort of the seeded order breaks ties; sorting the survivors keeps that order for the next step
    most = np.sort(np.argsort(-pool.disagreement, kind="stable")[:size])
    picked = [int(most[index]) for index in farthest_points(pool.fingerprints[most], pool.known, budget)]
    lower, upper = pool.window
    return [
        Pick(
            index,
            f"disagreement {pool.disagreement[index]:.3g} eV/A within [{lower:.3g}, {upper:.3g}], "
            f"farthest point {rank} of {len(picked)} among the {size} most uncertain",
        )
        for rank, index in enumerate(picked, 1)
    ]


STRATEGIES: dict[str, Callable[[Pool, int], list[Pick]]] = {
    "diverse": diverse,
    "diverse-among-uncertain": diverse_among_uncertain,
}
