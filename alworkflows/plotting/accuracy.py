"""Pictures of errors: along the path of models of growing complexity, and of one model on labelled frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alworkflows.plotting import COLOURS, FAINT, INK, MARKERS, figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["path_rows", "plot_parity", "plot_path"]

DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 2, 1, 2)))


def path_rows(report: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Return a row for each model along the path in a fit's report, and the index of the one that was taken.

    A row has ``alpha``, ``terms`` (mean over the members) and, by name, the errors on each set.
    """
    rows = [
        {"alpha": step["alpha"], "terms": round(sum(step["terms"]) / len(step["terms"])), **step["errors"]}
        for step in report["path"]
    ]
    alpha = report["alpha"]
    if alpha is None:
        return rows, next((index for index, row in enumerate(rows) if row["alpha"] is None), 0)
    penalised = [index for index, row in enumerate(rows) if row["alpha"]]
    return rows, min(penalised, key=lambda index: abs(math.log(rows[index]["alpha"] / alpha)))


@styled
def plot_path(rows: Sequence[Mapping[str, Any]], chosen: int | None = None, unit: str = "eV/Å") -> Figure:
    """Return errors against the number of terms and, where rows have an alpha, against it.

    Parameters
    ----------
    rows
        One mapping a model of the path: ``terms``, ``alpha`` if there is one, and by any other name an error, or None.
    chosen
        Index of the row whose model was taken.
    unit
        Of the errors.
    """
    sets = list(dict.fromkeys(key for row in rows for key in row if key not in ("terms", "alpha")))
    # a model of no terms says nothing on a logarithmic scale; of models as large as each other the last was penalised least
    sized = list({row["terms"]: row for row in rows if row["terms"] > 0}.values())
    penalised = [row for row in rows if row.get("alpha") and row["terms"] > 0]
    panels = {"terms": sized} if len(sized) > 1 or len(penalised) < 2 else {}
    panels |= {"alpha": penalised} if penalised else {}
    fig, axes = figure(4.4, (1.0,) * len(panels), width=9.6 if len(panels) == 2 else 6.4)
    for axis, (key, used) in zip(axes, panels.items(), strict=True):
        for index, name in enumerate(sets):
            points = [(row[key], row[name]) for row in used if row.get(name) is not None]
            style: dict[str, Any] = {
                "color": COLOURS[index % len(COLOURS)],
                "marker": MARKERS[index % len(MARKERS)],
                "ls": DASHES[index % len(DASHES)],
            }
            axis.plot(*zip(*points, strict=True) if points else ((), ()), ms=4, lw=1.6, label=name, **style)
            if points and len(points) > 2:
                _mark_least(axis, points, style["color"], style["marker"])
        if chosen is not None and rows[chosen].get(key):
            axis.axvline(rows[chosen][key], color=INK, lw=1.0, ls=DASHES[1], label="chosen")
        axis.set_xscale("log")
        axis.set_yscale("log")
        _plain_ticks(axis.yaxis, [row[name] for row in used for name in sets if row.get(name) is not None])
        if key == "terms":
            _plain_ticks(axis.xaxis, [row[key] for row in used])
        else:
            _plain_numbers(axis.xaxis)
        axis.set_xlabel({"terms": "terms of the model", "alpha": "penalty α: simpler models to the right"}[key])
    axes[0].set_ylabel(f"root mean square error ({unit})")
    axes[0].legend(loc="best")
    return fig


def _mark_least(axis: Axes, points: Sequence[tuple[float, float]], colour: str, marker: str) -> None:
    """Ring the smallest error of a set."""
    x, y = min(points, key=lambda point: point[1])
    axis.plot([x], [y], marker=marker, ms=9, mfc="none", mec=colour, mew=1.6, ls="none")


def _plain_ticks(axis: Axis, values: Sequence[float]) -> None:
    """Write the numbers of a logarithmic axis plainly; one of less than a decade has few ticks of its own."""
    from matplotlib.ticker import LogLocator

    wide = len(values) > 0 and max(values) > 8.0 * min(values)
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if wide else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0), numticks=20))
    _plain_numbers(axis)


def _plain_numbers(axis: Axis) -> None:
    from matplotlib.ticker import NullFormatter

    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


@styled
def plot_parity(reference: np.ndarray, predicted: np.ndarray, largest: np.ndarray, disagreement: np.ndarray) -> Figure:
    """Return force components against their labels, and each frame's largest error against the members' disagreement.

    Parameters
    ----------
    reference, predicted : (N, 3) float
        eV/A.
    largest, disagreement : (F,) float
        By frame, eV/A.
    """
    largest, disagreement = np.maximum(largest, 1e-6), np.maximum(disagreement, 1e-6)
    fig, (left, right) = figure(4.6, (1.0, 1.0), width=10.0)
    x, y = np.ravel(reference), np.ravel(predicted)
    reach = 1.05 * float(max(np.abs(x).max(), np.abs(y).max(), 1e-3))
    left.plot([-reach, reach], [-reach, reach], color=FAINT, lw=1.0, zorder=1)
    cells = left.hexbin(
        x, y, gridsize=90, bins="log", cmap="cividis", mincnt=1, extent=(-reach, reach, -reach, reach), lw=0.1, zorder=2
    )
    bar = fig.colorbar(cells, ax=left, pad=0.02, shrink=0.9)
    bar.set_label("force components")
    _plain_numbers(bar.ax.yaxis)
    left.set_aspect("equal")
    left.set_xlim(-reach, reach)
    left.set_ylim(-reach, reach)
    left.set_xlabel("label (eV/Å)")
    left.set_ylabel("model (eV/Å)")
    rms, most = float(np.sqrt(((y - x) ** 2).mean())), float(np.quantile(np.abs(y - x), 0.999))
    left.set_title(f"forces: RMSE {rms:.3g} eV/Å, 99.9 % below {most:.3g} eV/Å")
    right.plot(disagreement, largest, ls="none", marker="o", ms=4, mew=0, alpha=0.6, color=COLOURS[0])
    factor = float(np.median(largest / disagreement))
    ends = np.array([disagreement.min() / 1.3, disagreement.max() * 1.3])
    right.plot(ends, factor * ends, color=FAINT, lw=1.0, ls=DASHES[1], label=f"error = {factor:.2g} × disagreement (median)")
    right.set_xscale("log")
    right.set_yscale("log")
    _plain_ticks(right.xaxis, disagreement.tolist())
    _plain_ticks(right.yaxis, largest.tolist())
    right.set_xlabel("disagreement of the members (eV/Å)")
    right.set_ylabel("largest force error (eV/Å)")
    right.set_title("each frame: does the committee know?")
    right.legend(loc="best")
    return fig
