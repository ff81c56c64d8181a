"""The plot of trust levels: what a disagreement stands for, iteration by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alworkflows.plotting import FAINT, INK, figure, styled
from workchains.report.style import LEVEL_COLOURS, group_style
from workchains.report.trust import Trust

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["calibrations", "drawn"]

#: most panels; of more iterations, the last ones of each stage come first
PANELS = 6


def drawn(trusts: Sequence[Trust]) -> list[Trust]:
    """Return the iterations that get a panel: all, or the last of each stage and then the newest others."""
    usable = [trust for trust in trusts if len(trust.curve["disagreement"])]
    last = {trust.stage: trust.number for trust in usable}
    wanted = sorted(usable, key=lambda trust: (trust.number != last[trust.stage], -trust.number))[:PANELS]
    return sorted(wanted, key=lambda trust: trust.number)


@styled
def calibrations(trusts: Sequence[Trust], stages: Sequence[str]) -> Figure:
    """Disagreement against the largest true error of each test frame, the fit, its bound, and both levels; a panel an iteration.

    Frames that the fit does not rest on, those of other stages where the stage has enough of its own, are faint.
    """
    shown = drawn(trusts)
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    fig, axes = figure(3.5 * rows + 0.9, (1.0,) * columns, rows, width=10.8 if columns > 1 else 6.4)
    # one scale for all, so that panels can be compared
    every = np.concatenate([_sound(points) for trust in shown for points in trust.points.values()])
    levels = np.array([level for trust in shown for level in (trust.lower, trust.upper) if level > 0])
    errors = np.array([e for trust in shown for e in (trust.lower_error, trust.upper_error) if e])
    x = _span(np.concatenate([every[:, 0], levels]))
    y = _span(np.concatenate([every[:, 1], errors]))
    for axis, trust in zip(axes, shown, strict=False):
        _panel(axis, trust, stages, x)
        axis.set(xscale="log", yscale="log", xlim=x, ylim=y)
        for side in (axis.xaxis, axis.yaxis):
            _plain(side)
        axis.set_title(f"iteration {trust.number} · {trust.stage}\n{_quality(trust)}", fontsize=10)
    for index, axis in enumerate(axes):
        axis.set_visible(index < len(shown))
        if index % columns == 0:
            axis.set_ylabel("largest true force error (eV/Å)")
        if index >= len(shown) - columns:
            axis.set_xlabel("disagreement (eV/Å)")
    handles: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            if label not in handles or (handle.get_alpha() or 1.0) > (handles[label].get_alpha() or 1.0):
                handles[label] = handle
    fig.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4)
    return fig


def _panel(axis: Axes, trust: Trust, stages: Sequence[str], x: tuple[float, float]) -> None:
    """Draw the frames, the fit and the window of one iteration."""
    low, high = max(trust.lower, x[0]), min(trust.upper, x[1])
    for span, name, label in (
        ((x[0], low), "accurate", "accurate: not labelled"),
        ((low, high), "candidate", "candidate: worth a label"),
        ((high, x[1]), "failed", "failed: the run ends"),
    ):
        axis.axvspan(*span, color=LEVEL_COLOURS[name][0], alpha=0.16, linewidth=0, zorder=0, label=label)
    axis.plot(x, x, color=FAINT, linewidth=1, linestyle=":", label="error = disagreement")
    curve = trust.curve
    axis.plot(curve["disagreement"], curve["expected"], color=INK, linewidth=1.6, label="expected error")
    stated = trust.calibration["stated_coverage"]
    axis.plot(
        curve["disagreement"], curve["bound"], color=INK, linewidth=1.6, linestyle="--", label=f"bound for {stated:.0%} of frames"
    )
    for name, points in trust.points.items():
        look = group_style(name, stages)
        seen, rests = _sound(points), trust.calibration["scope"] != "stage" or name == trust.stage
        style: dict[str, Any] = {"linewidths": 0.4, "edgecolors": "white", "alpha": 0.9 if rests else 0.3}
        style |= {"c": look["color"], "marker": look["marker"]}
        axis.scatter(seen[:, 0], seen[:, 1], s=26, label=f"test frames: {name}", zorder=3, **style)
    for level, error in ((trust.lower, trust.lower_error), (trust.upper, trust.upper_error)):
        if error and x[0] < level < x[1]:
            axis.plot([x[0], level, level], [error, error, error * 1e-9], color=INK, linewidth=1.0)
    if trust.lower_error is not None and trust.upper_error is not None:
        lower = f"below {trust.lower:.2g}: {stated:.0%} ≤ {trust.lower_error:.2g}"
        upper = f"at {trust.upper:.2g}: {trust.upper_error:.2g} expected"
        box = {"facecolor": "white", "alpha": 0.75, "linewidth": 0}
        axis.text(0.98, 0.03, f"{lower}\n{upper}", transform=axis.transAxes, ha="right", va="bottom", fontsize=9, bbox=box)


def _quality(trust: Trust) -> str:
    """Return the quality of the calibration in few words."""
    values = trust.calibration
    parts = [] if values["rank_correlation"] is None else [f"rank corr. {values['rank_correlation']:.2f}"]
    if values["coverage"] is not None:
        parts.append(f"bound holds for {values['coverage']:.0%} of {values['coverage_n']}")
    return "; ".join(parts)


def _sound(points: np.ndarray) -> np.ndarray:
    return points[(points > 0).all(axis=1)]


def _span(values: np.ndarray) -> tuple[float, float]:
    return float(values.min() / 1.7), float(values.max() * 1.7)


def _plain(side: Axis) -> None:
    """Write a logarithmic axis with plain numbers."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    side.set_major_locator(LogLocator(subs=(1, 3)))
    side.set_major_formatter(FormatStrFormatter("%g"))
    side.set_minor_formatter(NullFormatter())
