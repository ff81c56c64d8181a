"""``find_trust_levels``: the trust window of an iteration, as a calcfunction of the last fit's report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import ExitCode, calcfunction
from aiida.orm import Dict

from alworkflows.errors import InputError
from alworkflows.frame_errors import FrameErrors
from alworkflows.selection.window import TestBatch, Window, find_window
from alworkflows.settings import TrustLevels, parse
from workchains.processes.exit_statuses import FunctionStatus

__all__ = ["errors_on_tests", "find_trust_levels", "window_of"]


@calcfunction
def find_trust_levels(report: Dict, settings: Dict) -> Dict | ExitCode:
    """Return the trust window: see :func:`alworkflows.selection.window.find_window`.

    ``report``: of the last fit; its ``test_points`` are what is calibrated on. ``settings``: ``levels`` (trust levels), ``stage``
    (whose candidates are to be judged), ``stages`` (name of each test batch and its stage, oldest first), ``reference`` (the
    ensemble's reference disagreement in eV/A, or null).
    """
    try:
        window = window_of(report.get_dict(), settings.get_dict())
    except InputError as error:
        return ExitCode(FunctionStatus.INPUT_REFUSED.value, str(error))
    node = Dict(window.as_dict())
    node.label = "trust levels"
    node.description = window.sentence[:255]
    return node


def window_of(report: dict[str, Any], settings: dict[str, Any]) -> Window:
    """Return the trust window that :func:`find_trust_levels` stores, from plain data.

    Raises
    ------
    InputError
        As :func:`alworkflows.selection.window.find_window`, and if a batch of test frames has no stage.
    """
    points, stages = errors_on_tests(report), settings["stages"]
    unknown = sorted(set(points) - {name for name, _ in stages})
    if unknown:
        raise InputError(f"expected in stages the stage of each batch of test frames, got none for {', '.join(unknown)}")
    batches = [TestBatch(stage, points[name]) for name, stage in stages if name in points]
    return find_window(parse(TrustLevels, settings["levels"], "levels"), settings["reference"], batches, settings["stage"])


def errors_on_tests(report: Mapping[str, Any]) -> dict[str, FrameErrors]:
    """Return what a fit's report says of each batch of test frames, by the name of the batch."""
    return {name: parse(FrameErrors, columns, f"test_points.{name}") for name, columns in report.get("test_points", {}).items()}
