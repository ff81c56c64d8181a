"""The models along a path as rows, and as a table that fits a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import click

from alworkflows.commands.output import print_table

__all__ = ["path_rows", "print_path", "shown"]

#: about as many rows are printed
SHOWN = 14
#: as wide as a star, and kept at the end of a line
NO_MARK = "\u00a0"


def path_rows(report: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Return a row for each model along a path (alpha, mean number of terms, errors by set), and the index of the one taken."""
    rows = [
        {"alpha": step["alpha"], "terms": round(sum(step["terms"]) / len(step["terms"])), **step["errors"]}
        for step in report["path"]
    ]
    alpha = report["alpha"]
    if alpha is None:
        return rows, next((index for index, row in enumerate(rows) if row["alpha"] is None), 0)
    penalised = [index for index, row in enumerate(rows) if row["alpha"]]
    return rows, min(penalised, key=lambda index: abs(math.log(rows[index]["alpha"] / alpha)))


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
    note = "" if forces_alone else "; train and held-out are of the weighted rows"
    click.echo(f"Force errors along the path, eV/A (→ chosen, * smallest{note}):")
    print_table(["", "alpha", "terms", *sets], cells)
