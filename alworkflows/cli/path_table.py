"""The models along a path as a table that fits a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from alworkflows.cli.output import print_table

__all__ = ["print_path", "shown"]

#: about as many rows are printed
SHOWN = 14
#: as wide as a star, and kept at the end of a line
NO_MARK = "\u00a0"


def shown(rows: Sequence[dict[str, Any]], chosen: int) -> list[int]:
    """Return the indices of rows that fit a terminal: evenly spaced ones, the chosen, and the best of each set."""
    sets = [key for key in rows[0] if key not in ("alpha", "terms")]
    best = {min(range(len(rows)), key=lambda index: rows[index][name]) for name in sets}
    spread = {round(step * (len(rows) - 1) / (SHOWN - 1)) for step in range(SHOWN)}
    return sorted(spread | best | {chosen}) if len(rows) > SHOWN else list(range(len(rows)))


def print_path(rows: Sequence[dict[str, Any]], chosen: int, forces_alone: bool = True) -> None:
    """Print the path, with the model that was taken marked, and the smallest error of each set."""
    sets = [key for key in rows[0] if key not in ("alpha", "terms")]
    least = {name: min(row[name] for row in rows) for name in sets}
    cells = []
    for index in shown(rows, chosen):
        row = rows[index]
        alpha = "-" if row["alpha"] is None else f"{row['alpha']:.1e}"
        errors = [f"{row[name]:.4f}{'*' if row[name] == least[name] else NO_MARK}" for name in sets]
        cells.append(["→" if index == chosen else "", alpha, row["terms"], *errors])
    what, note = ("Force errors", "") if forces_alone else ("Errors", "; train and held-out are of the weighted rows")
    click.echo(f"{what} along the path, eV/A (→ chosen, * smallest{note}):")
    print_table(["", "alpha", "terms", *sets], cells)
