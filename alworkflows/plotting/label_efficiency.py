"""A picture of what choosing is worth: errors against the number of labels, a band over the seeds for each rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alworkflows.plotting import COLOURS, FAINT, INK, MARKERS, figure, styled
from alworkflows.retrospective.efficiency import Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_efficiency"]

TITLES = {"force_rmse": "RMS force error, eV/Å", "force_q999": "99.9 % quantile of the force error, eV/Å"}


@styled
def plot_efficiency(comparison: Comparison) -> Figure:
    """Return both errors against the number of labels: mean over the seeds, and a band from the least to the largest.

    The dashed line is the error that random choosing has with half the pool.
    """
    fig, axes = figure(4.8, (1.0, 1.0), width=11.0)
    for axis, (name, title) in zip(axes, TITLES.items(), strict=True):
        for index, (rule, curves) in enumerate(comparison.curves.items()):
            colour = INK if index == 0 else COLOURS[(index - 1) % len(COLOURS)]
            labels, values = curves[0].labels, np.array([curve.errors[name] for curve in curves])
            axis.fill_between(labels, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.12, lw=0)
            marker = MARKERS[index % len(MARKERS)]
            axis.plot(labels, values.mean(axis=0), color=colour, marker=marker, ms=4, lw=1.8, label=rule)
        axis.axhline(comparison.targets[name], color=FAINT, lw=1, ls=(0, (5, 3)))
        axis.axvline(comparison.half, color=FAINT, lw=1, ls=(0, (1, 2)))
        axis.set(xlabel="labels", title=title, yscale="log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}")
        axis.tick_params(axis="y", which="minor", labelsize=8)
    axes[0].legend(loc="upper right")
    return fig
