"""``alworkflows fit``: a committee of sparse potentials from labelled frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.commands.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from ase import Atoms

    from alworkflows.settings import ModelSettings

__all__ = ["fit"]


@click.command()
@click.argument("frames", metavar="FRAMES...", nargs=-1, required=True)
@click.option("--output", "-o", required=True, metavar="FILE", help="Model to write, .npz.")
@click.option("--test", "tests", multiple=True, metavar="FILE", help="Frames to judge on, never trained on; may be repeated.")
@click.option(
    "--test-share",
    type=click.FloatRange(0, 0.9),
    default=0.0,
    metavar="SHARE",
    help="Set this share of FRAMES aside as test frames.",
)
@click.option("--species", metavar="A,B", help="Species of the model, in order; default: as they appear in FRAMES.")
@click.option(
    "--settings", "settings_file", metavar="FILE", help="YAML with descriptors, fit, members, folds; or a campaign file."
)
@click.option(
    "--set",
    "-s",
    "changes",
    metavar="KEY=VALUE",
    multiple=True,
    help="One setting, such as descriptors.cutoff=5; may be repeated.",
)
@click.option(
    "--families", metavar="A,B", help="Families of radial functions, such as gaussian,slater, with their usual parameters."
)
@click.option("--terms", type=click.IntRange(1), metavar="N", help="Terms of each member; default: by the rule.")
@click.option("--rule", metavar="RULE", help="How the number of terms is chosen.")
@click.option("--members", type=int, metavar="N", help="Members of the committee.")
@click.option("--quantities", metavar="A,B", help="What is fitted: forces, energy, stress.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the folds: which frames each member leaves out.")
@click.option("--plot", metavar="DIR", help="Folder for pictures: errors along the path, parity on the test frames.")
@click.option("--overwrite", is_flag=True, help="Replace the model, and write into a folder that holds something.")
@json_option
def fit(
    frames: tuple[str, ...], output: str, tests: tuple[str, ...], plot: str | None, overwrite: bool, as_json: bool, **options: Any
) -> None:
    """Fit a committee of sparse potentials (PLIP).

    FRAMES are files with forces: .npz of alworkflows, extended XYZ, an ASE database, a VASP or other output that ASE reads.
    The fit adds terms one after another, from none to hundreds; each member leaves out a share of the frames, on which the
    models along this path are judged. The table shows their errors, and which one was taken.

    \b
    Examples:
      alworkflows fit frames.xyz -o model.npz --test-share 0.1 --plot pictures/
      alworkflows fit melt.npz slabs.npz -o model.npz --test test.npz --terms 100
      alworkflows fit all.db -o model.npz --quantities forces,energy -s descriptors.cutoff=5 -s fit.max_terms=200
    """
    from alworkflows.commands.files import (
        check_labels,
        check_species,
        count,
        new_file,
        new_folder,
        read_frames,
        species_of,
        together,
    )
    from alworkflows.commands.progress import progress
    from alworkflows.frames import duplicates
    from alworkflows.models import force_errors, train

    target = new_file(output, overwrite)
    folder = new_folder(plot, overwrite) if plot else None
    settings = _settings(options)
    files, held = read_frames(frames), read_frames(tests)
    species = tuple(options["species"].split(",")) if options["species"] else species_of(files)
    check_species(files, species, "--species")
    check_species(held, species, "the training set")
    check_labels(files, settings.fit.quantities)
    check_labels(held)
    training, aside = _set_aside(together(files), options["test_share"], options["seed"])
    testing = together(held) + aside
    _check_apart(training, testing)
    if repeated := len(duplicates(training)):
        click.echo(f"note: {count(repeated, 'frame')} of {len(training)} stand there more than once, and weigh so", err=True)
    with progress() as say:
        ensemble, report = train(training, settings, species, options["seed"], say)
        found = force_errors(ensemble, testing) if testing else None
    ensemble.save(target)
    rows, chosen = _path(report)
    pictures = [] if folder is None else _draw(rows, chosen, found, folder)
    result = {
        "model": str(target),
        "species": species,
        "frames": len(training),
        "test_frames": len(testing),
        "fit": report,
        "test": found["summary"] if found else None,
        "pictures": pictures,
    }
    if as_json:
        print_json(result)
        return
    click.echo(
        f"{count(len(training), 'frame')} of {', '.join(species)}, {report['rows']} rows, {report['descriptors']} candidate terms"
    )
    _print(rows, chosen)
    _say_what_next(result, frames, tests)


def _settings(options: dict[str, Any]) -> ModelSettings:
    """Return the settings of the file, changed by --set and then by the options of their own."""
    from alworkflows.commands.files import assign
    from alworkflows.settings import ModelSettings, merge, parse, read_yaml

    base: dict[str, Any] = {}
    if options["settings_file"]:
        base = read_yaml(options["settings_file"])
        base = base.get("model", {}) if "stages" in base or "material" in base or "model" in base else base
    direct: dict[str, Any] = {key: options[key] for key in ("terms", "rule") if options[key] is not None}
    if options["quantities"]:
        direct["quantities"] = options["quantities"].split(",")
    if options["families"]:
        base = merge(base, {"descriptors": {"functions": [{"family": name} for name in options["families"].split(",")]}})
    top = {"members": options["members"]} if options["members"] is not None else {}
    given = merge(merge(base, assign(options["changes"], "--set")), {"fit": direct, **top})
    return parse(ModelSettings, given, options["settings_file"] or "settings")


def _set_aside(frames: list[Atoms], share: float, seed: int) -> tuple[list[Atoms], list[Atoms]]:
    """Return training and test frames; which is which follows from the frame's id, so that it never changes as the data grow."""
    from alworkflows.errors import InputError
    from alworkflows.frames import frame_id
    from alworkflows.models import fold_of

    # folds of the fit come from the same ids: another text keeps the two choices apart
    aside = [fold_of(f"test {frame_id(frame)}", seed, 10_000) < 10_000 * share for frame in frames]
    training = [frame for frame, is_aside in zip(frames, aside, strict=True) if not is_aside]
    if share and len(training) == len(frames):
        raise InputError(f"--test-share {share:g} of {len(frames)} frames is none; give a larger share, or --test FILE")
    return training, [frame for frame, is_aside in zip(frames, aside, strict=True) if is_aside]


def _check_apart(training: Sequence[Atoms], testing: Sequence[Atoms]) -> None:
    """Raise if a test frame is a training frame."""
    from alworkflows.errors import InputError
    from alworkflows.frames import frame_id

    shared = {frame_id(frame) for frame in training} & {frame_id(frame) for frame in testing}
    if shared:
        raise InputError(
            f"{len(shared)} frames are both trained and tested on (such as {min(shared)}): their errors would mean nothing"
        )


def _path(report: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Return a row for each model along the path, and the index of the one that was taken."""
    rows = []
    for step in report["ladder"]:
        errors = [error for error in step["held_out"] if error is not None]
        rows.append({"terms": step["terms"], "held-out": sum(errors) / len(errors)})
    most = max(report["terms"])
    return rows, min(range(len(rows)), key=lambda index: abs(rows[index]["terms"] - most))


def _print(rows: Sequence[dict[str, Any]], chosen: int) -> None:
    """Print the path, with the model that was taken marked."""
    sets = [key for key in rows[0] if key not in ("alpha", "terms")]
    penalised = any(row.get("alpha") for row in rows)
    cells = []
    for index, row in enumerate(rows):
        line = ["→" if index == chosen else "", *([f"{row['alpha']:.1e}"] if penalised else []), row["terms"]]
        cells.append([*line, *(f"{row[name]:.4f}" if row.get(name) is not None else "-" for name in sets)])
    click.echo("Force errors along the path, eV/A:")
    print_table(["", *["alpha"] * penalised, "terms", *sets], cells)


def _draw(rows: Sequence[dict[str, Any]], chosen: int, found: dict[str, Any] | None, folder: Path) -> list[str]:
    from alworkflows.insight.errors import plot_parity, plot_path
    from alworkflows.plotting import save

    folder.mkdir(parents=True, exist_ok=True)
    save(plot_path(rows, chosen), folder / "path.png")
    if found is None:
        return [str(folder / "path.png")]
    arrays = (found[name] for name in ("reference_forces", "predicted_forces", "largest_error", "disagreement"))
    save(plot_parity(*arrays), folder / "parity.png")
    return [str(folder / name) for name in ("path.png", "parity.png")]


def _say_what_next(result: dict[str, Any], frames: Sequence[str], tests: Sequence[str]) -> None:
    from alworkflows.commands.files import count

    model, test = result["model"], result["test"]
    if test:
        energy = f", energies {1e3 * test['energy_rmse']:.1f} meV/atom" if "energy_rmse" in test else ""
        forces = f"forces {test['force_rmse']:.4f} eV/A (they spread by {test['force_std']:.2f})"
        click.echo(f"on {count(test['frames'], 'test frame')}: {forces}{energy}")
    for path in (model, *result["pictures"]):
        click.echo(f"written: {path}")
    click.echo(f"\nNext: alworkflows evaluate {model} {' '.join(tests) or 'FRAMES'}")
    click.echo(f"      alworkflows insight {model} {' '.join(frames)} -o insight/")
