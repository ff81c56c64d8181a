"""What a campaign may still spend: labels, core-hours, wall time."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

from aiida.orm import ProcessNode

from alworkflows.settings import Budget

__all__ = ["Spent", "hours_since", "most_labels", "share_out", "what_is_used_up"]


@dataclass(frozen=True)
class Spent:
    """What was spent: labels, core-hours of all jobs, those of a label in the mean (None: not known), hours since the launch.

    Core-hours are looked up only for a campaign that limits them.
    """

    labels: int
    core_hours: float
    per_label: float | None
    hours: float


def hours_since(node: ProcessNode) -> float:
    """Return the wall time since a process was made, h."""
    return (dt.datetime.now(tz=dt.UTC) - node.ctime).total_seconds() / 3600


def what_is_used_up(budget: Budget, spent: Spent, each_iteration: float | None = None) -> str | None:
    """Return in words which part of the budget is used up, None if a label more may be bought.

    Wall time is told apart, see the exit codes; ``each_iteration`` as of :func:`most_labels`.
    """
    if budget.labels is not None and spent.labels >= budget.labels:
        return f"{spent.labels} labels of {budget.labels}"
    if budget.core_hours is not None and spent.core_hours >= budget.core_hours:
        return f"{spent.core_hours:.3g} core-hours of {budget.core_hours:g}"
    if most_labels(budget, spent, each_iteration) == 0:
        least = [hours for hours in (budget.core_hours and budget.core_hours - spent.core_hours, each_iteration) if hours]
        return f"a label takes {spent.per_label:.3g} core-hours, and {min(least):.3g} are left for it"
    return None


def most_labels(budget: Budget, spent: Spent, each_iteration: float | None = None) -> int | None:
    """Return how many labels an iteration may buy now; None: no limit.

    Parameters
    ----------
    each_iteration
        Core-hours that the labels of one iteration may take; None: no limit.

    Notes
    -----
    What a label takes is the mean of those there are; before the first is there, core-hours limit nothing.
    """
    limits: list[int] = []
    if budget.labels is not None:
        limits.append(budget.labels - spent.labels)
    if spent.per_label:
        if budget.core_hours is not None:
            limits.append(math.floor((budget.core_hours - spent.core_hours) / spent.per_label))
        if each_iteration is not None:
            limits.append(math.floor(each_iteration / spent.per_label))
    return max(0, min(limits)) if limits else None


def share_out(most: int, wanted: int, share: float, candidates: int) -> tuple[int, float]:
    """Return frames to choose and share of the candidates to test on, cut so that both together are at most ``most`` labels.

    Where they must be cut, a fifth at most goes to test frames; all of it where nothing is to be chosen.
    """
    tests = round(share * candidates)
    if wanted + tests <= most:
        return wanted, share
    tests = min(tests, most // 5) if wanted else most
    return (most - tests if wanted else 0), tests / candidates
