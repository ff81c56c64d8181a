"""Two selections from the same candidates, drawn: which frames both chose, and which only one did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alworkflows.plotting import COLOURS, FAINT, figure, styled
from workchains.report.projection import project

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workchains.provenance.replay import Replayed

__all__ = ["draw"]

#: what a candidate is: label, colour, marker, size
LOOKS = (
    ("neither", FAINT, ".", 9),
    ("both", "#1a1a1a", "o", 30),
    ("then only", COLOURS[0], "s", 34),
    ("replay only", COLOURS[1], "^", 40),
)


@styled
def draw(replayed: Sequence[Replayed]) -> Figure:
    """Draw the candidates on the plane where their fingerprints differ most, and their disagreement as they were sampled."""
    fig, (left, right) = figure(4.4, (1, 1.3), width=11)
    uses = np.concatenate([_uses(item) for item in replayed])
    points = np.concatenate([item.fingerprints for item in replayed])
    sound = np.isfinite(points).all(axis=1)
    if sound.sum() > 2:
        plane = np.full((len(points), 2), np.nan)
        plane[sound], explained = project(points[sound])
        _scatter(left, plane[:, 0], plane[:, 1], uses)
        left.set(xlabel=f"first component ({explained[0]:.0%})", ylabel=f"second component ({explained[1]:.0%})")
    none = [np.full(len(item.ids), np.nan) for item in replayed]
    values = np.concatenate([item.disagreement if item.disagreement is not None else none[i] for i, item in enumerate(replayed)])
    _scatter(right, np.arange(len(values)), np.where(values > 0, values, np.nan), uses)
    if (values > 0).any():
        right.set_yscale("log")
        right.yaxis.set_major_formatter("{x:g}")
        right.yaxis.set_minor_formatter("{x:g}")
    else:
        right.text(0.5, 0.5, "no ensemble yet", transform=right.transAxes, ha="center", color=FAINT)
    # levels far from all candidates would squeeze these into a line
    near = right.get_ylim()
    start = 0
    for item in replayed:
        stop = start + len(item.ids)
        right.axvline(start - 0.5, color=FAINT, linewidth=0.8, linestyle=":")
        for side, style in ((item.then, "-"), (item.now, "--")):
            for level in side.window or ():
                if near[0] / 3 < level < 3 * near[1]:
                    right.hlines(
                        level, start - 0.5, stop - 0.5, color=COLOURS[0 if style == "-" else 1], linestyle=style, linewidth=1
                    )
        start = stop
    right.set(xlabel="candidates in the order of sampling (dotted: iterations)", ylabel="disagreement (eV/Å)")
    fig.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return fig


def _uses(item: Replayed) -> np.ndarray:
    """Return for each candidate its index in :data:`LOOKS`."""
    then, now = np.zeros(len(item.ids), dtype=bool), np.zeros(len(item.ids), dtype=bool)
    then[item.then.chosen], now[item.now.chosen] = True, True
    return np.select([then & now, then, now], [1, 2, 3], 0)


def _scatter(axis: Axes, x: np.ndarray, y: np.ndarray, uses: np.ndarray) -> None:
    for index, (label, colour, marker, size) in enumerate(LOOKS):
        mask = uses == index
        axis.scatter(x[mask], y[mask], s=size, c=colour, marker=marker, linewidths=0, alpha=0.5 if index == 0 else 0.85,
                     label=f"{label}: {mask.sum()}")  # fmt: skip
