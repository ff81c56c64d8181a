"""How the plots look: a palette that colour-blind readers can tell apart (Okabe and Ito 2008), sizes, SVG text, and files.

Matplotlib is imported by the functions that draw, without pyplot.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from alworkflows.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["COLOURS", "FAINT", "INK", "MARKERS", "figure", "save", "styled", "svg"]

INK = "#1a1a1a"
GRID = "#d9d9d9"
FAINT = "#767676"

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P")

SETTINGS: Any = {
    # names that users give are text, whatever TeX would make of them; numbers of logarithmic axes are written plainly
    "text.parse_math": False,
    "text.usetex": False,
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

    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.subplots(rows, len(columns), width_ratios=list(columns), squeeze=False)
    return fig, list(axes.flat)


def svg(fig: Figure, name: str) -> str:
    """Return a figure as SVG; the same figure gives the same text."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({**SETTINGS, "svg.hashsalt": name}):
        fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=160)
    return buffer.getvalue()


def save(fig: Figure, path: Path) -> None:
    """Write a figure in the format that the file's name ends in, such as ``.png`` or ``.svg``."""
    import matplotlib

    with matplotlib.rc_context(SETTINGS), replacing(path) as part:
        fig.savefig(part, format=path.suffix.removeprefix("."), dpi=130)
