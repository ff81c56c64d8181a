"""All that is known of a model in one folder: pictures, and the numbers behind them as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase import Atoms

from alworkflows.atomic import replacing
from alworkflows.insight.distances import Distances, measure
from alworkflows.insight.plip.curves import AngleCurve, DensityCurve, PairCurve, angle_curves, density_curves, pair_curves
from alworkflows.insight.plip.shares import Share, force_shares
from alworkflows.plotting import save

if TYPE_CHECKING:
    from alworkflows.models.linear.plip_terms import PlipTerms

__all__ = ["Insight", "look_into", "write"]


@dataclass(frozen=True)
class Insight:
    """What a model is made of, and where the data lie that it was looked at with."""

    shares: list[Share]
    pairs: list[PairCurve]
    angles: list[AngleCurve]
    densities: list[DensityCurve]
    distances: Distances


def look_into(committee: PlipTerms, frames: Sequence[Atoms], progress: Callable[[str], None] | None = None) -> Insight:
    """Return force shares and curves of a committee, on the environments in ``frames``; labels are not needed.

    Raises
    ------
    InputError
        If there are no frames, or one holds a species that the model lacks.
    """
    shares = force_shares(committee, frames, progress)
    blocks, species = committee.blocks, committee.species
    functions = [f"{function.family} {function.label}" for function in committee.descriptors.radial]
    distances = measure(frames, species, blocks.table.cutoff)
    return Insight(
        shares,
        pair_curves(blocks, species),
        angle_curves(blocks, species, distances.typical),
        density_curves(blocks, species, frames, functions),
        distances,
    )


def write(insight: Insight, folder: Path) -> list[str]:
    """Write pictures (PNG) and tables (CSV) into a folder; return the names of the files."""
    from alworkflows.plotting.terms import plot_angles, plot_densities, plot_pairs, plot_shares

    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "shares": plot_shares(insight.shares),
        "pairs": plot_pairs(insight.pairs, insight.distances),
        "angles": plot_angles(insight.angles),
        "densities": plot_densities(insight.densities),
    }
    tables = {
        "shares": (list(Share.__dataclass_fields__), (asdict(share).values() for share in insight.shares)),
        "pairs": (["pair", "r_A", "terms_eV", "lowest_eV", "highest_eV", "baseline_eV", "dimer_eV"], _pair_rows(insight.pairs)),
        "angles": (
            ["centre", "first", "second", "r_first_A", "r_second_A", "theta_deg", "energy_eV", "lowest_eV", "highest_eV"],
            _angle_rows(insight.angles),
        ),
        "densities": (
            ["centre", "neighbour", "function", "rho", "energy_eV", "lowest_eV", "highest_eV"],
            _density_rows(insight.densities),
        ),
        "distances": (["pair", "r_A", "count"], _distance_rows(insight)),
    }
    written = []
    for name, picture in pictures.items():
        if picture is not None:
            save(picture, folder / f"{name}.png")
            written.append(f"{name}.png")
    for name, (heads, rows) in tables.items():
        write_csv(folder / f"{name}.csv", heads, rows)
        written.append(f"{name}.csv")
    return written


def write_csv(path: Path, heads: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a table; numbers with eight digits."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(heads)
        for row in rows:
            writer.writerow([f"{cell:.8g}" if isinstance(cell, float) else cell for cell in row])


def _span(values: Any) -> tuple[float, float, float]:
    """Return mean, smallest and largest value over the members."""
    return float(values.mean()), float(values.min()), float(values.max())


def _pair_rows(curves: Sequence[PairCurve]) -> Iterator[list[Any]]:
    """Yield the two-body terms with the baseline where there is one."""
    for curve in curves:
        for k, r in enumerate(curve.r):
            fixed = 0.0 if curve.baseline is None else float(curve.baseline[k])
            yield [curve.pair, float(r), *_span(curve.terms[:, k]), fixed, float(curve.dimer[:, k].mean())]


def _angle_rows(curves: Sequence[AngleCurve]) -> Iterator[list[Any]]:
    for curve in curves:
        for k, theta in enumerate(curve.theta):
            yield [curve.centre, *curve.neighbours, *curve.distances, float(theta), *_span(curve.energy[:, k])]


def _density_rows(curves: Sequence[DensityCurve]) -> Iterator[list[Any]]:
    for curve in curves:
        for k, rho in enumerate(curve.rho):
            yield [curve.centre, curve.neighbour, curve.name, float(rho), *_span(curve.energy[:, k])]


def _distance_rows(insight: Insight) -> Iterator[list[Any]]:
    for curve, counts in zip(insight.pairs, insight.distances.counts, strict=True):
        for r, count in zip(insight.distances.centres, counts, strict=True):
            yield [curve.pair, float(r), float(count)]
