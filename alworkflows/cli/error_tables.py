"""Tables of errors that fit a terminal: forces in one, energies and stresses in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import print_table

if TYPE_CHECKING:
    from ase import Atoms

    from alworkflows.models import Comparison
    from alworkflows.models.energy_shift import EnergyShift

__all__ = ["NO_TYPE", "config_types", "grouped", "print_energies", "print_forces", "say_shift"]

GPA = 160.21766208  # eV/A^3 in GPa
#: the group of frames without a config_type
NO_TYPE = "none"


def grouped(names: Sequence[str], comparison: Comparison) -> dict[str, dict[str, Any]]:
    """Return the errors of groups of frames by name, from the name of each frame's group."""
    import numpy as np

    groups: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        groups.setdefault(name, []).append(number)
    return {name: comparison.summary(np.array(numbers)) for name, numbers in groups.items()}


def config_types(frames: Sequence[Atoms]) -> list[str]:
    """Return what kind each frame says it is of, as other programs look at it when they group errors."""
    return [str(frame.info.get("config_type", NO_TYPE)) for frame in frames]


def print_forces(rows: Sequence[dict[str, Any]], by: str) -> None:
    """Print the errors of forces of some groups; see :meth:`.models.Comparison.summary`."""
    click.echo("Errors of forces in eV/A:")
    atoms = by == "element"
    columns = [by, "frames", *["atoms"] * atoms, "RMSE", "MAE", "of std", "99.9%", "worst", "apart"]
    print_table(columns, [_forces(row, by, atoms) for row in rows])


def print_energies(rows: Sequence[dict[str, Any]], by: str) -> None:
    """Print the errors of energies and stresses of some groups, if any has one of them."""
    energy, stress = (any(name in row for row in rows) for name in ("energy_rmse", "stress_rmse"))
    if not (energy or stress):
        return
    units = ["energies in meV/atom"] * energy + ["stresses in GPa"] * stress
    click.echo(f"Errors of {' and '.join(units)}:")
    shifted = "_species_shifted" if any("energy_rmse_species_shifted" in row for row in rows) else "_shifted"
    columns = [by]
    names = []
    if energy:
        columns += ["energy RMSE", "MAE", "shifted RMSE", "MAE"]
        names += [(f"energy_{kind}{ending}", 1e3) for ending in ("", shifted) for kind in ("rmse", "mae")]
    if stress:
        columns += ["stress RMSE", "MAE"]
        names += [(f"stress_{kind}", GPA) for kind in ("rmse", "mae")]
    print_table(columns, [[row[by], *(_short(row.get(name), unit) for name, unit in names)] for row in rows])


def say_shift(shift: EnergyShift) -> str:
    """Return which zero is taken off energies that are called shifted."""
    if shift.species is None:
        return f"shifted: less {1e3 * shift.constant:+.2f} meV/atom, the best constant"
    energies = ", ".join(f"{symbol} {1e3 * energy:+.2f}" for symbol, energy in shift.species.items())
    return f"shifted: less the best energy of each species, meV/atom: {energies}"


def _forces(row: dict[str, Any], by: str, atoms: bool) -> list[Any]:
    spread = row["force_std"]
    counts = [row["frames"], *[row["atoms"]] * atoms]
    errors = [f"{row['force_rmse']:.4f}", f"{row['force_mae']:.4f}"]
    errors.append(f"{row['force_rmse'] / spread:.1%}" if spread > 1e-9 else "-")
    return [row[by], *counts, *errors, *(f"{row[name]:.3f}" for name in ("force_q999", "largest_error", "disagreement"))]


def _short(value: float | None, unit: float) -> str:
    if value is None:
        return "-"
    return f"{unit * value:.2f}" if unit * value < 1e4 else f"{unit * value:.1e}"
