"""``alworkflows evaluate``: errors of a model on labelled frames, and its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import json_option, print_json
from alworkflows.cli.reading import read_options, read_settings, read_told

if TYPE_CHECKING:
    from alworkflows.frames import FrameFile
    from alworkflows.models import Comparison

__all__ = ["evaluate"]


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("frames", metavar="FRAMES...", nargs=-1, required=True)
@click.option(
    "--by",
    type=click.Choice(["file", "stage", "sampler", "structure", "config_type", "element"]),
    default="file",
    show_default=True,
    help="How to group the frames, or with element the atoms.",
)
@read_options
@click.option("-o", "--output", metavar="FILE", help="Write labels and predictions: an .xyz (extended), or an .npz of arrays.")
@click.option("--plot", metavar="FILE", help="Draw forces against labels, and errors against disagreement: a .png, .svg or .pdf.")
@click.option("--overwrite", is_flag=True, help="Replace predictions and picture if they exist.")
@json_option
def evaluate(
    model: str,
    frames: tuple[str, ...],
    by: str,
    output: str | None,
    plot: str | None,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare a model with labelled frames it was not trained on.

    FRAMES are files with forces: .npz of alworkflows, extended XYZ, an ASE database, a VASP or other output that ASE reads.
    Energies and stresses are compared where there are any; stresses only of frames that are periodic along all directions.

    \b
    Columns of the tables:
      RMSE     root mean square error of a force component, or of energies or stresses
      MAE      mean of the absolute errors
      of std   RMSE over the standard deviation of the labels
      99.9%    what 999 of 1000 components err less than
      worst    largest error of the force on an atom
      apart    how far the members are apart on the atom where they are furthest; median over frames
      shifted  errors of energies less the best constant of all frames, or less the best energy of each species where
               compositions vary: their zero moves no atom

    With --output, labels are REF_energy, REF_forces and REF_stress, predictions model_energy, model_forces and so on; forces_std
    is the standard deviation of force components over the members, disagreement its largest norm in a frame.

    \b
    Examples:
      alworkflows evaluate model.npz test.npz
      alworkflows evaluate model.npz all.xyz --by config_type -o predictions.xyz
      alworkflows evaluate model.npz all.xyz --by structure --plot parity.png
      alworkflows evaluate model.npz OUTCAR --json
    """
    from alworkflows.cli.files import check_species, load_model, new_picture
    from alworkflows.cli.progress import counting, progress
    from alworkflows.models import compare
    from alworkflows.models.prediction_file import write_predictions

    how = read_settings(options)
    picture = new_picture(plot, overwrite, (model, *frames)) if plot else None
    target = _new_predictions(output, overwrite, (model, *frames)) if output else None
    ensemble = load_model(model)
    reading = read_told(frames, how, ("forces",))
    files, frames_of_all = reading.files, reading.frames
    check_species(files, ensemble.species)
    with progress(as_json) as say:
        comparison = compare(ensemble, frames_of_all, counting(say, len(frames_of_all), "frames predicted"))
    rows = [{by: name, **errors} for name, errors in _groups(files, by, comparison).items()]
    everything = {by: "all", **comparison.summary()}
    worst_frame = _worst(files, comparison)
    if target is not None:
        write_predictions(target, frames_of_all, comparison)
    if picture is not None:
        _draw(comparison, picture)
    if as_json:
        extras: dict[str, Any] = {"calibration": _calibration(comparison), "plot": plot, "output": output}
        extras |= {"members": comparison.member_rmse(), "energy_shift": comparison.shift}
        print_json({"model": model, "groups": rows, "all": everything, "worst_frame": worst_frame, **extras})
        return
    _print(rows, everything, by, comparison)
    if len(ensemble.groups) > 1:
        click.echo("each member, RMSE: " + ", ".join(f"{name} {error:.3f}" for name, error in comparison.member_rmse().items()))
    click.echo(
        f"largest force error: {worst_frame['force_error']:.3f} eV/A, frame {worst_frame['index']} of {worst_frame['file']}"
    )
    click.echo(f"does the committee know? {_calibration(comparison)}")
    for path in (target, picture):
        if path is not None:
            click.echo(f"written: {path}")


def _new_predictions(path: str, overwrite: bool, inputs: Sequence[str]) -> Path:
    """Return the path of predictions to write.

    Raises
    ------
    InputError
        As :func:`.files.new_file`, if it is one of the inputs, or its ending is no format of predictions.
    """
    from alworkflows.cli.files import new_file
    from alworkflows.models.prediction_file import check_ending

    check_ending(path)
    return new_file(path, overwrite, inputs)


def _groups(files: Sequence[FrameFile], by: str, comparison: Comparison) -> dict[str, dict[str, Any]]:
    """Return the errors of each group by its name."""
    from alworkflows.cli.error_tables import config_types, grouped

    if by == "element":
        return comparison.by_element()
    if by == "file":
        return grouped([Path(file.path).name for file in files for _ in file.frames], comparison)
    frames = [frame for file in files for frame in file.frames]
    if by == "config_type":
        return grouped(config_types(frames), comparison)
    return grouped([str((frame.info.get("origin") or {}).get(by, "unknown")) for frame in frames], comparison)


def _worst(files: Sequence[FrameFile], comparison: Comparison) -> dict[str, Any]:
    """Return where the largest force error is."""
    from alworkflows.frames import frame_id

    places = [(file.path, index, frame) for file in files for index, frame in zip(file.numbers, file.frames, strict=True)]
    worst = int(comparison.largest_error.argmax())
    path, index, frame = places[worst]
    error = float(comparison.largest_error[worst])
    return {"file": path, "index": index, "id": frame_id(frame), "origin": frame.info.get("origin"), "force_error": error}


def _calibration(comparison: Comparison) -> str:
    """Return how disagreement and error go together, in words."""
    from alworkflows.selection.calibration import calibrate, describe, quality
    from alworkflows.settings import TrustLevels

    points, coverage = (comparison.disagreement, comparison.largest_error), TrustLevels().coverage
    return describe(calibrate(*points, coverage), quality(points, coverage))


def _print(rows: Sequence[dict[str, Any]], everything: dict[str, Any], by: str, comparison: Comparison) -> None:
    from alworkflows.cli.error_tables import print_energies, print_forces, say_shift

    print_forces([*rows, everything] if len(rows) > 1 else rows, by)
    # the atoms of an element have no energies or stresses of their own
    of_frames = [everything] if by == "element" else rows if len(rows) == 1 else [*rows, everything]
    print_energies(of_frames, by)
    if "energy_rmse_shifted" in everything and comparison.shift is not None:
        click.echo(say_shift(comparison.shift))


def _draw(comparison: Comparison, path: Path) -> None:
    from alworkflows.plotting import save
    from alworkflows.plotting.accuracy import plot_parity

    forces = comparison.reference.forces, comparison.predicted.forces
    save(plot_parity(*forces, comparison.largest_error, comparison.disagreement), path)
