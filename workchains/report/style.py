"""Colours that mean something in the report: stages, levels of trust, steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alworkflows.plotting import COLOURS, FAINT, MARKERS

__all__ = ["LEVEL_COLOURS", "STEP_COLOURS", "group_style", "stage_style"]

#: colour and hatch, so that the stacks read without colour too
LEVEL_COLOURS = {
    "accurate": ("#56B4E9", ""),
    "candidate": ("#E69F00", ""),
    "failed": ("#CC79A7", "///"),
    "refused": ("#999999", "xxx"),
}

STEP_COLOURS = {
    "sample": "#0072B2",
    "describe": "#56B4E9",
    "label": "#E69F00",
    "fit": "#009E73",
    "evaluate": "#CC79A7",
    "other": "#999999",
}


def stage_style(index: int) -> dict[str, Any]:
    """Return colour and marker of a stage, by its place among the stages."""
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}


def group_style(name: str, stages: Sequence[str]) -> dict[str, Any]:
    """Return colour and marker of a group of test frames: those of its stage; frames that were given belong to none."""
    return stage_style(stages.index(name)) if name in stages else {"color": FAINT, "marker": "X"}
