"""Pictures of a model: force shares as stacked bars, its pair terms, angles and densities as curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alworkflows.insight.distances import Distances
from alworkflows.insight.plip.curves import AngleCurve, DensityCurve, PairCurve
from alworkflows.insight.plip.shares import ALL, BASELINE, Share
from alworkflows.plotting import COLOURS, FAINT, INK, figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_angles", "plot_densities", "plot_pairs", "plot_shares"]

HATCHES = ("", "//", "..", "\\\\", "xx", "--")
GREY = "#999999"
ORDERS = {"2B": "two-body", "3B": "three-body", "NB": "N-body"}
DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 2, 1, 2)))


@styled
def plot_shares(shares: Sequence[Share]) -> Figure:
    """Return stacked bars of the force shares by body order and by family, for each interaction (paper 001, Fig. 7)."""
    families = {share.group for share in shares if share.kind == "family"}
    kinds = ("body order", "family") if len(families) > 1 else ("body order",)
    fig, axes = figure(4.2, (1.0,) * len(kinds), width=5.2 * len(kinds))
    for axis, kind in zip(axes, kinds, strict=True):
        rows = [share for share in shares if share.kind == kind]
        interactions = list(dict.fromkeys(row.interaction for row in rows))
        # a baseline lies on top of what was fitted
        groups = sorted(dict.fromkeys(row.group for row in rows), key=lambda group: group == BASELINE)
        bottom = np.zeros(len(interactions))
        for index, group in enumerate(groups):
            heights = np.array([_share(rows, interaction, group) for interaction in interactions])
            colour = GREY if group == BASELINE else COLOURS[index % len(COLOURS)]
            hatch = HATCHES[index // len(COLOURS) % len(HATCHES)]
            bars = axis.bar(
                range(len(interactions)),
                heights,
                0.72,
                bottom,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                label=ORDERS.get(group, group),
            )
            axis.bar_label(
                bars,
                [f"{100 * h:.0f}" if h >= 0.045 else "" for h in heights],
                label_type="center",
                color=_on(colour),
                fontsize=10,
            )
            bottom += heights
        names = ["all terms" if name == ALL else name.replace("-", "–") for name in interactions]
        axis.set_xticks(range(len(interactions)), names, rotation=30 if len(names) > 6 else 0)
        axis.set_ylim(0, 1)
        axis.set_yticks(np.linspace(0, 1, 6), [f"{v:.0f}" for v in np.linspace(0, 100, 6)])
        axis.grid(visible=False, axis="x")
        axis.set_title(f"by {kind}")
        axis.set_xlabel("interaction (species that a term joins)")
        handles, words = axis.get_legend_handles_labels()
        axis.legend(handles[::-1], words[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=1.2)
    axes[0].set_ylabel("share of the force (%)")
    return fig


def _share(rows: Sequence[Share], interaction: str, group: str) -> float:
    return next((row.share for row in rows if (row.interaction, row.group) == (interaction, group)), 0.0)


def _on(colour: str) -> str:
    """Return black or white, whichever reads better on a colour."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 135 else INK


@styled
def plot_pairs(curves: Sequence[PairCurve], distances: Distances | None = None) -> Figure:
    """Return one panel a pair of species: fitted pair terms, with and without a baseline, two atoms alone, and where data lie."""
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    fig, axes = figure(1.0 + 3.2 * rows, (1.0,) * columns, rows, width=max(5.2, 4.2 * columns))
    for number, (axis, curve) in enumerate(zip(axes, curves, strict=False)):
        shortest = None if distances is None else float(distances.shortest[number])
        colour = COLOURS[0]
        _limits(axis, curve, shortest)
        if distances is not None:
            _where_data_lie(axis, distances, number)
        _band(axis, curve.r, curve.total, colour, "pair terms" if curve.baseline is None else "pair terms with baseline")
        if curve.baseline is not None:
            axis.plot(curve.r, curve.terms.mean(axis=0), color=colour, ls=DASHES[1], lw=1.4, label="pair terms alone")
            axis.plot(curve.r, curve.baseline, color=FAINT, ls=DASHES[3], lw=1.4, label="baseline")
        axis.plot(curve.r, curve.dimer.mean(axis=0), color=INK, ls=DASHES[2], lw=1.4, label="two atoms alone, all terms")
        axis.set_title(curve.pair.replace("-", "–"))
        axis.set_xlabel("distance r (Å)")
        if number % columns == 0:
            axis.set_ylabel("energy (eV)")
    for axis in axes[len(curves) :]:
        axis.set_visible(False)
    _legend_below(fig, axes[0])
    return fig


def _limits(axis: Axes, curve: PairCurve, shortest: float | None) -> None:
    """Show what occurs in the data, and a little of what does not."""
    begin = 1.2 if shortest is None or not np.isfinite(shortest) else max(shortest - 0.05, 0.5)
    inside = curve.r >= begin
    low = min(float(curve.total[:, inside].min()), float(curve.dimer.mean(axis=0)[inside].min()), -0.05)
    high = max(float(curve.total[:, inside].max()), float(curve.dimer.mean(axis=0)[inside].max()), 0.05)
    margin = 0.12 * (high - low)
    axis.set_ylim(low - margin, high + 3.0 * margin)
    # a baseline lives where no data are
    axis.set_xlim(0.8 if curve.baseline is not None else max(curve.r[0], begin - 0.7), curve.r[-1])
    axis.axhline(0.0, color=FAINT, lw=0.8)


def _where_data_lie(axis: Axes, distances: Distances, number: int) -> None:
    """Fill a histogram under the curves, and shade the distances that never occur."""
    shortest = distances.shortest[number]
    axis.axvspan(0.0, min(shortest, distances.edges[-1]), color="#f0f0f0", lw=0, zorder=0, label="no data")
    if not distances.counts[number].any():
        return
    heights = distances.counts[number] / distances.centres**2
    behind = axis.twinx()
    behind.fill_between(distances.centres, heights, step="mid", color="#c8d6e5", lw=0, alpha=0.8)
    behind.set_ylim(0, 3.2 * heights.max())
    behind.axis("off")
    behind.set_zorder(axis.get_zorder() - 1)
    axis.patch.set_visible(False)
    axis.fill_between([], [], color="#c8d6e5", label="distances in the data (density)")


def _band(axis: Axes, x: np.ndarray, values: np.ndarray, colour: str, label: str, **style: Any) -> None:
    """Draw the mean of the members, and the span of them."""
    axis.fill_between(x, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.25, lw=0)
    axis.plot(x, values.mean(axis=0), color=colour, label=label, **style)


def _legend_below(fig: Figure, axis: Axes, columns: int = 5) -> None:
    handles, words = axis.get_legend_handles_labels()
    fig.legend(
        handles,
        words,
        loc="outside lower center",
        ncols=columns if len(words) <= columns else -(-len(words) // 2),
        handlelength=2.2,
    )


@styled
def plot_angles(curves: Sequence[AngleCurve]) -> Figure | None:
    """Return one panel a centre: three-body energy against the angle, for each pair of neighbours; None if there is none."""
    centres = list(dict.fromkeys(curve.centre for curve in curves))
    if not centres:
        return None
    fig, axes = figure(4.0, (1.0,) * len(centres), width=max(5.2, 4.8 * len(centres)))
    for axis, centre in zip(axes, centres, strict=True):
        for index, curve in enumerate(curve for curve in curves if curve.centre == centre):
            first, second = curve.neighbours
            label = f"{first}–{centre}–{second}, {curve.distances[0]:.2f} Å and {curve.distances[1]:.2f} Å"
            style = {"ls": DASHES[index // len(COLOURS) % len(DASHES)]}
            _band(axis, curve.theta, curve.energy, COLOURS[index % len(COLOURS)], label, **style)
        axis.axhline(0.0, color=FAINT, lw=0.8)
        axis.set_xlim(0, 180)
        axis.set_xticks(range(0, 181, 30))
        axis.set_title(f"{centre} in the middle")
        axis.set_xlabel("angle θ (degrees)")
        axis.margins(y=0.08)
        axis.legend(loc="best")
    axes[0].set_ylabel("three-body energy (eV)")
    return fig


@styled
def plot_densities(curves: Sequence[DensityCurve]) -> Figure | None:
    """Return, for each centre and neighbour, the densities (left) and the energies they give (right); None if there are none."""
    keys = list(dict.fromkeys((curve.centre, curve.neighbour) for curve in curves))
    if not keys:
        return None
    fig, axes = figure(0.6 + 2.7 * len(keys), (1.0, 1.0), len(keys))
    for row, key in enumerate(keys):
        left, right = axes[2 * row], axes[2 * row + 1]
        mine = [curve for curve in curves if (curve.centre, curve.neighbour) == key]
        for index, curve in enumerate(mine):
            colour, dash = COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)]
            left.plot(curve.r, curve.density, color=colour, ls=dash)
            # each density has a range of its own: what varies shows from none to the largest
            low, high = curve.rho[0], curve.rho[-1]
            energy = curve.energy - curve.energy[:, :1]
            _band(right, (curve.rho - low) / (high - low), energy, colour, f"{curve.name}: ρ = {low:.2g} … {high:.2g}", ls=dash)
        left.set_title(f"{key[0]} among {key[1]}: density of one neighbour")
        left.set_ylabel("h(r)")
        left.set_xlim(curve.r[0], curve.r[-1])
        right.set_title("energy of the centre")
        right.set_ylabel("F(ρ) – F(smallest ρ) (eV)")
        right.set_xlim(0, 1)
        right.legend(loc="best", fontsize=9)
    axes[-2].set_xlabel("distance r (Å)")
    axes[-1].set_xlabel("density ρ, from the smallest to the largest in the data")
    return fig
