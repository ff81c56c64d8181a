"""How the plots look: a palette that colour-blind readers can tell apart (Okabe and Ito 2008), sizes, and SVG text."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["FAINT", "INK", "LEVEL_COLOURS", "STEP_COLOURS", "figure", "stage_style", "styled", "svg"]

INK = "#1a1a1a"
GRID = "#d9d9d9"
FAINT = "#767676"

STAGE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
STAGE_MARKERS = ("o", "s", "^", "D", "v", "P")

#: colour and hatch, so that the stacks read without colour too
LEVEL_COLOURS = {
    "accurate": ("#56B4E9", ""),
    "candidate": ("#E69F00", ""),
    "failed": ("#CC79A7", "///"),
    "refused": ("#999999", "xxx"),
}

STEP_COLOURS = {
    "sample": "#0072B2",
    "deviate": "#56B4E9",
    "label": "#E69F00",
    "fit": "#009E73",
    "evaluate": "#CC79A7",
    "other": "#999999",
}

SETTINGS: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 11,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "axes.edgecolor": "#4d4d4d",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 2,
    "svg.fonttype": "path",
    "hatch.linewidth": 0.6,
}


def stage_style(index: int) -> dict[str, Any]:
    """Return colour and marker of a stage, by its place among the stages."""
    return {"color": STAGE_COLOURS[index % len(STAGE_COLOURS)], "marker": STAGE_MARKERS[index % len(STAGE_MARKERS)]}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function with our settings, and leave matplotlib's own as they were."""

    @wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib

        with matplotlib.rc_context(SETTINGS):
            return draw(*args, **kwargs)

    return wrapped


def figure(height: float, columns: Sequence[float] = (1.0,), rows: int = 1, width: float = 9.6) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, ``width`` by ``height`` inches, and its axes row by row; ``columns`` are relative widths.

    No pyplot: nothing is registered, so a figure is gone when its variable is.
    """
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    axes = made.subplots(rows, len(columns), width_ratios=list(columns), squeeze=False)
    return made, list(axes.flat)


def svg(made: Figure, name: str) -> str:
    """Return a figure as SVG; the same figure gives the same text."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({**SETTINGS, "svg.hashsalt": name}):
        made.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=160)
    return buffer.getvalue()
