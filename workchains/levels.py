"""``find_levels``: the trust window of an iteration, as a calcfunction of the last fit's report."""

from __future__ import annotations

import re

from aiida.engine import ExitCode, calcfunction
from aiida.orm import Dict

from alworkflows.errors import InputError
from alworkflows.selection.window import TestBatch, find_window
from alworkflows.settings import TrustLevels, parse

__all__ = ["find_levels"]


@calcfunction
def find_levels(report: Dict, settings: Dict) -> Dict | ExitCode:
    """Return the trust window: see :func:`alworkflows.selection.window.find_window`.

    ``report``: of the last fit; its ``test_points`` are what is calibrated on. ``settings``: ``levels`` (trust levels), ``stage``
    (whose candidates are to be judged), ``stages`` ({name of a test batch: its stage}), ``reference`` (the ensemble's reference
    disagreement in eV/A, or null).
    """
    values = settings.get_dict()
    points, stages = report.get("test_points", {}), values["stages"]
    try:
        unknown = sorted(set(points) - set(stages))
        if unknown:
            raise InputError(f"expected in stages the stage of each batch of test frames, got none for {', '.join(unknown)}")
        batches = [TestBatch.from_rows(stages[name], points[name]) for name in sorted(points, key=_age)]
        window = find_window(parse(TrustLevels, values["levels"], "levels"), values["reference"], batches, values["stage"])
    except InputError as error:
        return ExitCode(210, str(error))
    node = Dict(window.as_dict())
    node.label = "trust levels"
    node.description = window.sentence[:255]
    return node


def _age(name: str) -> tuple[int, str]:
    """Return what batches are put in order by: those given first, then those of the iterations."""
    number = re.search(r"iteration_(\d+)", name)
    return (int(number[1]) if number else 0, name)
