"""The plots of a report: plain data in, a matplotlib figure out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alworkflows.plotting import FAINT, INK, figure, styled
from alworkflows.selection.calibration import rank_correlation
from workchains.report.data import LEVELS, Evaluation, FrameMap, Iteration, Report, Terms
from workchains.report.style import LEVEL_COLOURS, group_style, stage_style
from workchains.report.text import number, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["calibration", "descriptors", "errors", "frame_map", "learning", "levels", "parity", "rank_correlation"]

#: how many times beyond the data a trust level is still drawn
FAR = 20

GOAL = 0.1
"""The line drawn in error plots: 10 % of the standard deviation of forces."""


@styled
def errors(evaluation: Evaluation, iterations: Sequence[Iteration], stages: Sequence[str]) -> Figure:
    """Every iteration's error on the final test set against the frames it was trained on: in eV/A, and over the std of forces."""
    fig, (left, right) = figure(4.0, (1, 1))
    rows = [row for row in iterations if row.number in evaluation.errors and row.trained_on]
    labels = np.array([row.trained_on for row in rows], dtype=float)
    for name in evaluation.names():
        look = {"color": INK, "marker": "*", "markersize": 11} if name == "all" else group_style(name, stages)
        values = np.array([evaluation.errors[row.number].get(name, np.nan) for row in rows])
        style: dict[str, Any] = {"linewidth": 2.6 if name == "all" else 1.6, "zorder": 3 if name == "all" else 2}
        left.plot(labels, values, label="all stages" if name == "all" else name, **look, **style)
        if evaluation.stds.get(name):
            right.plot(labels, 100 * values / evaluation.stds[name], **look, **style)
    right.axhline(100 * GOAL, color=INK, linestyle="--", linewidth=1.2, label="10 % of the force std")
    for axis in (left, right):
        _mark_iterations(axis, labels, [row.number for row in rows])
        axis.set_xlabel("labelled frames trained on")
        axis.set_ylim(bottom=0)
    right.legend()
    left.set_ylabel("force RMSE (eV/Å)")
    right.set_ylabel("force RMSE (% of the force std)")
    left.legend()
    return fig


@styled
def learning(iterations: Sequence[Iteration]) -> Figure:
    """The error each ensemble had when it was fitted, on the test frames there were then; for a campaign not judged yet."""
    rows = [row for row in iterations if row.test_error is not None and row.trained_on]
    fig, (axis,) = figure(3.6)
    labels = np.array([row.trained_on for row in rows], dtype=float)
    axis.plot(labels, [row.test_error or 0.0 for row in rows], color=INK, marker="*", markersize=11, label="error")
    goals = [(row.trained_on, GOAL * row.test_std) for row in rows if row.test_std]
    if goals:
        axis.plot(
            *zip(*goals, strict=True),
            color=FAINT,
            linestyle="--",
            marker="_",
            markersize=14,
            linewidth=1.2,
            label="10 % of the force std",
        )
    _mark_iterations(axis, labels, [row.number for row in rows])
    axis.set(xlabel="labelled frames trained on", ylabel="force RMSE (eV/Å)")
    axis.set_ylim(bottom=0)
    axis.legend()
    return fig


@styled
def parity(evaluation: Evaluation) -> Figure:
    """Predicted against reference force components, a panel a stage, darker where more components lie."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, LogNorm

    # the light end of the map would vanish on white
    shades = ListedColormap(colormaps["viridis_r"](np.linspace(0.15, 1, 256)))
    count = len(evaluation.groups)
    columns = min(count, 3)
    rows = -(-count // columns)
    fig, axes = figure(3.55 * rows if columns > 1 else 4.2, (1,) * columns, rows, width=9.6 if columns > 1 else 5.5)
    of_atom = np.repeat(evaluation.group, evaluation.atoms)
    limit = 1.04 * max(np.abs(evaluation.reference).max(), np.abs(evaluation.predicted).max())
    drawn = []
    for index, (axis, name) in enumerate(zip(axes, evaluation.groups, strict=False)):
        truth, guess = evaluation.reference[of_atom == index].ravel(), evaluation.predicted[of_atom == index].ravel()
        axis.plot([-limit, limit], [-limit, limit], color=FAINT, linewidth=1, zorder=0)
        drawn.append(
            axis.hexbin(
                truth, guess, gridsize=55, extent=(-limit, limit) * 2, mincnt=1, cmap=shades, linewidths=0.1, norm=LogNorm(vmin=1)
            )
        )
        error = np.sqrt(np.mean((truth - guess) ** 2))
        share = f", {error / truth.std():.1%} of std" if truth.std() else ""
        axis.set_title(f"{name}\nRMSE {number(error)} eV/Å{share}", fontsize=10.5)
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xlabel="reference (eV/Å)")
        if index % columns == 0:
            axis.set_ylabel("predicted (eV/Å)")
    for axis in axes[count:]:
        axis.set_visible(False)
    top = max(float(np.max(np.asarray(item.get_array()))) for item in drawn)
    for item in drawn:
        item.set_norm(LogNorm(vmin=1, vmax=max(top, 2)))
    fig.colorbar(drawn[-1], ax=axes, shrink=0.85, label="force components")
    return fig


@styled
def calibration(evaluation: Evaluation, stages: Sequence[str], window: tuple[float, float] | None) -> Figure:
    """Disagreement against the true largest error of each test frame, with the trust levels."""
    fig, (axis,) = figure(4.8, width=8.2)
    disagreement, truth = evaluation.disagreement, evaluation.largest_error
    seen = (disagreement > 0) & (truth > 0)
    for index, name in enumerate(evaluation.groups):
        mask = seen & (evaluation.group == index)
        rank = rank_correlation(disagreement[mask], truth[mask])
        text = f"{name} ({plural(int(mask.sum()), 'frame')}" + (f", rank correlation {rank:.2f})" if rank is not None else ")")
        look = group_style(name, stages)
        axis.scatter(
            disagreement[mask],
            truth[mask],
            s=34,
            alpha=0.75,
            linewidths=0.5,
            edgecolors="white",
            label=text,
            c=look["color"],
            marker=look["marker"],
        )
    axis.set(xscale="log", yscale="log", xlabel="disagreement of the members (eV/Å)", ylabel="largest true force error (eV/Å)")
    for side in (axis.xaxis, axis.yaxis):
        _plain_decades(side)
    both = np.concatenate([disagreement[seen], truth[seen]])
    if len(both):
        ends = np.array([both.min() * 0.8, both.max() * 1.25])
        axis.plot(ends, ends, color=FAINT, linewidth=1, label="error = disagreement", zorder=0)
    for value, name in zip(window or (), ("lower level", "upper level"), strict=False):
        # a level far from every frame would squeeze them all into a corner
        if not len(both) or not both.min() / FAR <= value <= both.max() * FAR:
            axis.plot([], [], color=INK, linestyle="--", linewidth=1.2, label=f"{name} {value:.2g}, far off")
            continue
        axis.axvline(value, color=INK, linestyle="--", linewidth=1.2)
        axis.annotate(
            f" {name} {value:.2g} ",
            (value, 0),
            xycoords=("data", "axes fraction"),
            rotation=90,
            va="bottom",
            ha="right",
            fontsize=10,
        )
    fig.legend(loc="outside lower center", ncols=2)
    return fig


@styled
def levels(iterations: Sequence[Iteration]) -> Figure:
    """What the trust window made of each iteration's candidates, and how many were chosen."""
    rows = [row for row in iterations if row.counts]
    fig, (axis,) = figure(0.9 + 0.42 * max(len(rows), 3), width=9.6)
    places = np.arange(len(rows))
    left = np.zeros(len(rows))
    few = 0.03 * max((sum(row.counts.get(name, 0) for name in LEVELS) for row in rows), default=0)
    for name in LEVELS:
        colour, hatch = LEVEL_COLOURS[name]
        widths = np.array([row.counts.get(name, 0) for row in rows], dtype=float)
        bars = axis.barh(
            places, widths, left=left, color=colour, hatch=hatch, edgecolor="white", linewidth=0.8, height=0.72, label=name
        )
        axis.bar_label(bars, [f"{value:.0f}" if value > few else "" for value in widths], label_type="center", fontsize=9)
        left += widths
    for place, row in zip(places, rows, strict=True):
        axis.annotate(
            f"{row.counts.get('chosen', 0)} chosen, {row.counts.get('test', 0)} for the test set",
            (left[place], place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9.5,
        )  # fmt: skip
    axis.set_yticks(places, [f"{row.number} · {row.stage}" for row in rows])
    axis.set_ylim(max(len(rows), 3) - 0.5, -0.5)
    axis.set_xlim(0, 1.38 * left.max() if len(rows) and left.max() else 1)
    axis.set(xlabel="candidate frames", ylabel="iteration · stage")
    axis.grid(axis="y", visible=False)
    fig.legend(loc="outside upper center", ncols=len(LEVELS))
    return fig


@styled
def frame_map(mapped: FrameMap) -> Figure:
    """Frames by their fingerprints: candidates faint, chosen and test frames marked."""
    fig, (axis,) = figure(5.6, width=9.0)
    for index in range(len(mapped.stages)):
        look = stage_style(index)
        for use, style in (
            ("candidate", {"s": 16, "alpha": 0.25, "linewidths": 0, "zorder": 1}),
            ("chosen", {"s": 46, "edgecolors": "white", "linewidths": 0.7, "zorder": 3}),
            ("test", {"s": 46, "facecolors": "none", "edgecolors": look["color"], "linewidths": 1.5, "zorder": 2}),
        ):
            mask = (mapped.stage == index) & (mapped.use == use)
            colour = {} if use == "test" else {"c": look["color"]}
            axis.scatter(
                mapped.points[mask, 0],
                mapped.points[mask, 1],
                marker=look["marker"],
                rasterized=use == "candidate",
                **colour,
                **style,
            )
    axis.set(
        xlabel=f"first axis ({mapped.explained[0]:.0%} of the variance)",
        ylabel=f"second axis ({mapped.explained[1]:.0%} of the variance)",
    )
    _map_legend(fig, mapped)
    return fig


def _map_legend(fig: Figure, mapped: FrameMap) -> None:
    from matplotlib.lines import Line2D

    handles: list[Line2D] = []
    for index, name in enumerate(mapped.stages):
        mask = mapped.stage == index
        look = stage_style(index)
        counts = ", ".join(f"{np.sum(mask & (mapped.use == use))} {use}" for use in ("chosen", "test"))
        handles.append(
            Line2D([], [], linestyle="none", markersize=7, label=f"{name}: {plural(int(mask.sum()), 'frame')}, {counts}", **look)
        )
    grey: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 7, "color": "#4d4d4d"}
    handles += [
        Line2D([], [], alpha=0.3, label="candidate", **grey),
        Line2D([], [], label="chosen for training", **grey),
        Line2D([], [], markerfacecolor="none", markeredgewidth=1.5, label="test set", **grey),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)


#: body orders of terms, with colour and hatch
BODIES = (("2", "#0072B2", ""), ("3", "#E69F00", ""), ("N", "#009E73", "///"))


@styled
def descriptors(terms: Terms) -> Figure:
    """Terms of each member by body order, and how many members share a term."""
    fig, (left, right) = figure(3.4, (1.15, 1))
    members = np.arange(1, len(terms.per_member) + 1)
    base = np.zeros(len(members))
    for body, colour, hatch in BODIES:
        if not any(body in member for member in terms.per_member):
            continue
        counts = np.array([member.get(body, 0) for member in terms.per_member], dtype=float)
        ink = INK if body == "3" else "white"
        bars = left.bar(
            members, counts, bottom=base, color=colour, hatch=hatch, edgecolor="white", label=f"{body}-body", width=0.7
        )
        left.bar_label(bars, [f"{count:.0f}" if count else "" for count in counts], label_type="center", fontsize=9, color=ink)
        base += counts
    left.set(xlabel="member", ylabel="terms", xticks=members, ylim=(0, 1.28 * max(base.max(), 1)))
    left.legend(ncols=3, loc="upper center")
    shared = [sum(term.members == number for term in terms.chosen) for number in members]
    bars = right.bar(members, shared, color="#4d4d4d", width=0.7)
    right.bar_label(bars, fontsize=9.5)
    right.set(xlabel="members that chose the term", ylabel="different terms", xticks=members)
    for axis in (left, right):
        axis.grid(axis="x", visible=False)
    return fig


def _mark_iterations(axis: Axes, labels: np.ndarray, numbers: Sequence[int]) -> None:
    """Name the iterations along the top; those too near to each other to be told apart share a name."""
    top = axis.secondary_xaxis("top")
    near = 0.04 * np.ptp(labels) if len(labels) else 0.0
    places: list[list[int]] = []
    for index in range(len(labels)):
        if places and labels[index] - labels[places[-1][-1]] < near:
            places[-1].append(index)
        else:
            places.append([index])
    names = [f"{numbers[some[0]]}–{numbers[some[-1]]}" if len(some) > 1 else str(numbers[some[0]]) for some in places]
    top.set_xticks([labels[some].mean() for some in places], names)
    top.tick_params(length=0, labelcolor=FAINT, labelsize=9.5)
    top.set_xlabel("iteration", color=FAINT, fontsize=9.5)
    top.spines["top"].set_visible(False)


def _plain_decades(side: Axis) -> None:
    """Write a logarithmic axis with plain numbers, also between the decades."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    side.set_major_locator(LogLocator(subs=(1, 2, 5)))
    side.set_major_formatter(FormatStrFormatter("%g"))
    side.set_minor_formatter(NullFormatter())


def last_window(report: Report) -> tuple[float, float] | None:
    """Return the trust levels of the last selection that had an ensemble."""
    return next((row.window for row in reversed(report.iterations) if row.window is not None), None)
