"""What a campaign may still spend: labels, core-hours, wall time."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

from aiida.orm import ProcessNode

from alworkflows.settings import Budget

__all__ = ["Spent", "hours_since", "labels_left", "what_is_used_up"]


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


def what_is_used_up(budget: Budget, spent: Spent) -> str | None:
    """Return in words which part of the budget is used up, None if all may go on; wall time is told apart, see the exit codes."""
    if budget.labels is not None and spent.labels >= budget.labels:
        return f"{spent.labels} labels of {budget.labels}"
    if budget.core_hours is not None and spent.core_hours >= budget.core_hours:
        return f"{spent.core_hours:.3g} core-hours of {budget.core_hours:g}"
    return None


def labels_left(wanted: int, budget: Budget, spent: Spent, each_iteration: float | None = None) -> int:
    """Return how many of the wanted labels may be bought now.

    Parameters
    ----------
    wanted
        Labels that this iteration may buy.
    each_iteration
        Core-hours that the labels of one iteration may take; None: no limit.

    Notes
    -----
    What a label takes is the mean of those there are; before the first is there, core-hours limit nothing.
    """
    limits = [wanted]
    if budget.labels is not None:
        limits.append(budget.labels - spent.labels)
    if spent.per_label:
        if budget.core_hours is not None:
            limits.append(math.floor((budget.core_hours - spent.core_hours) / spent.per_label))
        if each_iteration is not None:
            limits.append(math.floor(each_iteration / spent.per_label))
    return max(0, min(limits))
