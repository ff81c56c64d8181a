"""``alworkflows evaluate``: errors of a model on labelled frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import json_option, print_json, print_table
from alworkflows.cli.reading import read_options, read_settings, read_told

if TYPE_CHECKING:
    from alworkflows.frames import FrameFile

__all__ = ["evaluate"]

GPA = 160.21766208  # eV/A^3 in GPa


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("frames", metavar="FRAMES...", nargs=-1, required=True)
@click.option(
    "--by",
    type=click.Choice(["file", "stage", "sampler", "structure"]),
    default="file",
    show_default=True,
    help="How to group the frames.",
)
@read_options
@click.option("--plot", metavar="FILE", help="Draw forces against labels, and errors against disagreement: a .png, .svg or .pdf.")
@click.option("--overwrite", is_flag=True, help="Replace the picture if it exists.")
@json_option
def evaluate(
    model: str, frames: tuple[str, ...], by: str, plot: str | None, overwrite: bool, as_json: bool, **options: Any
) -> None:
    """Compare a model with labelled frames it was not trained on.

    FRAMES are files with forces: .npz of alworkflows, extended XYZ, an ASE database, a VASP or other output that ASE reads.
    Energies and stresses are compared where there are any.

    \b
    Columns of the table:
      RMSE     root mean square error of a force component
      of std   the same over the standard deviation of the labels
      99.9%    what 999 of 1000 components err less than
      worst    largest error of the force on an atom
      apart    how far the members are apart on the atom where they are furthest; median over frames

    \b
    Examples:
      alworkflows evaluate model.npz test.npz
      alworkflows evaluate model.npz all.xyz --by structure --plot parity.png
      alworkflows evaluate model.npz OUTCAR --json
    """
    from alworkflows.cli.files import check_species, load_model, new_picture
    from alworkflows.models import force_errors

    how = read_settings(options)
    picture = new_picture(plot, overwrite, (model, *frames)) if plot else None
    ensemble = load_model(model)
    reading = read_told(frames, how, ("forces",))
    files, frames_of_all = reading.files, reading.frames
    check_species(files, ensemble.species)
    groups = _groups(files, by)
    predictions = ensemble.predict(frames_of_all)
    errors = force_errors(ensemble, frames_of_all, predictions)
    rows = []
    for name, indices in groups.items():
        part = ([frames_of_all[index] for index in indices], [predictions[index] for index in indices])
        rows.append({by: name, **_reduced(force_errors(ensemble, *part))})
    everything = {by: "all", **_reduced(errors)}
    worst_frame = _worst(files, errors)
    if picture is not None:
        _draw(errors, picture)
    if as_json:
        extras: dict[str, Any] = {"calibration": _calibration(errors), "plot": plot}
        extras["members"] = errors["member_rmse"]
        print_json({"model": model, "groups": rows, "all": everything, "worst_frame": worst_frame, **extras})
        return
    _print([*rows, everything] if len(rows) > 1 else rows, by)
    if len(ensemble.groups) > 1:
        click.echo("each member, RMSE: " + ", ".join(f"{name} {error:.3f}" for name, error in errors["member_rmse"].items()))
    click.echo(
        f"largest force error: {worst_frame['force_error']:.3f} eV/A, frame {worst_frame['index']} of {worst_frame['file']}"
    )
    click.echo(f"does the committee know? {_calibration(errors)}")
    if picture is not None:
        click.echo(f"written: {picture}")


def _groups(files: Sequence[FrameFile], by: str) -> dict[str, list[int]]:
    """Return the numbers of the frames of each group, counted through all files."""
    groups: dict[str, list[int]] = {}
    places = [(file.path, frame) for file in files for frame in file.frames]
    for number, (path, frame) in enumerate(places):
        name = Path(path).name if by == "file" else (frame.info.get("origin") or {}).get(by, "unknown")
        groups.setdefault(str(name), []).append(number)
    return groups


def _worst(files: Sequence[FrameFile], errors: dict[str, Any]) -> dict[str, Any]:
    """Return where the largest force error is."""
    from alworkflows.frames import frame_id

    places = [(file.path, index, frame) for file in files for index, frame in zip(file.numbers, file.frames, strict=True)]
    worst = int(errors["largest_error"].argmax())
    path, index, frame = places[worst]
    error = float(errors["largest_error"][worst])
    return {"file": path, "index": index, "id": frame_id(frame), "origin": frame.info.get("origin"), "force_error": error}


def _calibration(errors: dict[str, Any]) -> str:
    """Return how disagreement and error go together, in words."""
    from alworkflows.selection.calibration import calibrate, describe, quality
    from alworkflows.settings import TrustLevels

    points, coverage = (errors["disagreement"], errors["largest_error"]), TrustLevels().coverage
    return describe(calibrate(*points, coverage), quality(points, coverage))


def _reduced(errors: dict[str, Any]) -> dict[str, Any]:
    """Return the errors of a group, with the numbers of each frame reduced to one."""
    import numpy as np

    largest, disagreement = errors["largest_error"], errors["disagreement"]
    return {**errors["summary"], "largest_error": float(largest.max()), "disagreement": float(np.median(disagreement))}


def _print(rows: Sequence[dict[str, Any]], by: str) -> None:
    energy, stress = (any(name in row for row in rows) for name in ("energy_rmse", "stress_rmse"))
    units = "Errors of forces in eV/A" + ", of energies in meV/atom" * energy + ", of stresses in GPa" * stress
    columns = [by, "frames", "RMSE", "of std", "99.9%", "worst", "apart"] + ["energy"] * energy + ["stress"] * stress
    click.echo(f"{units}:")
    print_table(columns, [_cells(row, by, energy, stress) for row in rows])


def _cells(row: dict[str, Any], by: str, energy: bool, stress: bool) -> list[str]:
    spread = row["force_std"]
    cells = [row[by], row["frames"], f"{row['force_rmse']:.3f}", f"{row['force_rmse'] / spread:.1%}" if spread > 1e-9 else "-"]
    cells += [f"{row[name]:.3f}" for name in ("force_q999", "largest_error", "disagreement")]
    if energy:
        cells.append(_short(1e3 * row["energy_rmse"]) if "energy_rmse" in row else "-")
    if stress:
        cells.append(_short(GPA * row["stress_rmse"]) if "stress_rmse" in row else "-")
    return cells


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 1e4 else f"{value:.1e}"


def _draw(errors: dict[str, Any], path: Path) -> None:
    from alworkflows.plotting import save
    from alworkflows.plotting.accuracy import plot_parity

    save(plot_parity(*(errors[name] for name in ("reference_forces", "predicted_forces", "largest_error", "disagreement"))), path)
