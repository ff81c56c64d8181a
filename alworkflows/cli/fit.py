"""``alworkflows fit``: an ensemble of potentials from labelled frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.finite import Finite
from alworkflows.cli.output import json_option, print_json, print_table
from alworkflows.cli.reading import read_options, read_settings

if TYPE_CHECKING:
    from ase import Atoms

    from alworkflows.models import Comparison, Ensemble
    from alworkflows.settings import GroupSettings, ModelSettings

__all__ = ["fit"]


@click.command()
@click.argument("frames", metavar="FRAMES...", nargs=-1, required=True)
@click.option("--output", "-o", required=True, metavar="FILE", help="Model to write, .npz.")
@click.option("--test", "tests", multiple=True, metavar="FILE", help="Frames to judge on, never trained on; may be repeated.")
@click.option(
    "--transfer", "transfers", multiple=True, metavar="NAME=FILE", help="Frames of another kind to judge on; may be repeated."
)
@click.option(
    "--reference", metavar="FILE", help="Frames with energies, such as pure phases, that fix the energy of each species."
)
@click.option(
    "--test-share",
    type=Finite(0, 0.9),
    default=0.0,
    metavar="SHARE",
    help="Set this share of FRAMES aside as test frames.",
)
@click.option("--species", metavar="A,B", help="Species of the model, in order; default: those in FRAMES.")
@click.option(
    "--settings",
    "settings_file",
    metavar="FILE",
    help="YAML with descriptors, fit, members, folds, or a list of groups; or a campaign file.",
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
@click.option("--zbl", nargs=2, type=float, metavar="INNER OUTER", help="Fixed nuclear repulsion, switched off between these, A.")
@click.option("--method", metavar="NAME", help="lasso-lars (default), lasso, ridge or least-squares.")
@click.option("--rule", metavar="NAME", help="Which model of the path: one-standard-error (default), best, or transfer.")
@click.option("--terms", type=click.IntRange(1), metavar="N", help="The model with this many terms instead.")
@click.option("--alpha", type=float, metavar="X", help="The model at this penalty instead.")
@click.option("--members", type=int, metavar="N", help="Members of the committee.")
@click.option("--quantities", metavar="A,B", help="What is fitted: forces, energy, stress.")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the folds: which frames each member leaves out."
)
@read_options
@click.option("--plot", metavar="DIR", help="Folder for pictures: errors along the path, parity on the test frames.")
@click.option("--overwrite", is_flag=True, help="Replace the model, and write into a folder that holds something.")
@json_option
def fit(frames: tuple[str, ...], output: str, plot: str | None, overwrite: bool, as_json: bool, **options: Any) -> None:
    """Fit an ensemble: by default five sparse linear potentials (PLIP).

    FRAMES are files with forces: .npz of alworkflows, extended XYZ, outputs of VASP, pw.x, CP2K, GPAW, databases of ASE, folders
    of DeePMD, MTP's .cfg and others; patterns and folders too. Frames are screened first; one that cannot be used stops it all.
    The fit adds terms one after another, from none to hundreds; each member leaves out a share of the frames, on which the
    models along this path are judged. The table shows their errors, and which one was taken.

    A test set holds frames like those that are trained on; a transfer set another kind, such as a crystal that was left out:
    there, errors may rise again when models grow too complex, and --rule transfer takes the best.

    With --settings a file may hold several groups of members, of other descriptors or classes; options of single settings are for
    one group.

    \b
    Examples:
      alworkflows fit frames.xyz -o model.npz --test-share 0.1 --plot pictures/
      alworkflows fit melt.npz slabs.npz -o model.npz --test test.npz --terms 100
      alworkflows fit all.db -o model.npz --quantities forces,energy -s descriptors.cutoff=5 -s fit.max_terms=200
    """
    from alworkflows.cli.files import count, new_file, new_folder
    from alworkflows.cli.fit_input import FitInput, inputs, model_settings
    from alworkflows.cli.outliers import print_outliers, with_places
    from alworkflows.cli.progress import progress
    from alworkflows.models import compare, train
    from alworkflows.models.telling import error_without

    target = new_file(output, overwrite, inputs(frames, options))
    folder = new_folder(plot, overwrite) if plot else None
    reading = read_settings(options)
    settings = model_settings(options)
    quantities = _quantities(settings)
    data = FitInput.read(frames, options, quantities, reading)
    with progress() as say:
        ensemble, report = train(
            data.training,
            settings,
            data.species,
            options["seed"],
            say,
            tests={"test": data.testing} if data.testing else None,
            transfers=data.transfers,
            references=data.references,
        )
        on_tests = compare(ensemble, data.testing) if data.testing else None
    report["outliers"] = with_places(report["outliers"], data.training, data.testing, data.places)
    ensemble.report["outliers"] = report["outliers"]
    without = error_without(on_tests.errors(), data.testing, report["outliers"]) if on_tests else None
    ensemble.save(target)
    result = {
        "model": str(target),
        "species": data.species,
        "frames": len(data.training),
        "test_frames": len(data.testing),
        "fit": report,
        "test": on_tests.summary() if on_tests else None,
        "test_force_rmse_without_outliers": without,
        "test_by_config_type": _by_config_type(data.testing, on_tests) if on_tests else {},
        "pictures": [] if folder is None else _draw(report["groups"], on_tests, folder),
    }
    for pair, shortest in [item for group in report["groups"] for item in group.get("baseline_reaches", {}).items()]:
        near = f"{pair} come as near as {shortest:.2f} A, and the repulsion reaches farther"
        click.echo(f"note: {near}: better end it below, where no data are", err=True)
    if as_json:
        print_json(result)
        return
    head = f"{count(len(data.training), 'frame')} of {', '.join(data.species)}"
    if len(settings.groups) > 1:
        click.echo(head)
    for number, (group_report, group) in enumerate(zip(report["groups"], settings.groups, strict=True), start=1):
        _print_group(f"\ngroup {number}, {group_report['class']}" if len(settings.groups) > 1 else head, group_report, group)
    if len(settings.groups) > 1:
        _print_members(ensemble, report)
    print_outliers(report["outliers"])
    _say_what_next(result, ensemble, frames, options["tests"], quantities)


def _quantities(settings: ModelSettings) -> tuple[str, ...]:
    """Return what any group is fitted to; forces where none is fitted."""
    from alworkflows.settings import LinearSettings

    names = [name for group in settings.groups if isinstance(group, LinearSettings) for name in group.fit.quantities]
    return tuple(dict.fromkeys(names or ["forces"]))


def _print_group(head: str, group: dict[str, Any], settings: GroupSettings) -> None:
    """Print how a group was fitted: the path of its models, where it has one."""
    from alworkflows.cli.path_table import print_path
    from alworkflows.plotting.accuracy import path_rows
    from alworkflows.settings import LinearSettings

    if not isinstance(settings, LinearSettings):
        click.echo(f"{head}: {'fitted' if settings.is_trained else 'taken as it is'}")
        return
    click.echo(f"{head}, {group['rows']} rows, {group['descriptors']} candidate terms")
    print_path(*path_rows(group), settings.fit.quantities == ("forces",))
    click.echo(f"taken: members of {', '.join(map(str, group['terms']))} terms")


def _print_members(ensemble: Ensemble, report: dict[str, Any]) -> None:
    """Print what each group is made of, and how far all are apart."""
    click.echo("")
    rows, first = [], 0
    for group in report["groups"]:
        error = "-" if group.get("held_out_rmse") is None else f"{group['held_out_rmse']:.4f}"
        rows.append([ensemble.members[first].make, group["members"], error])
        first += group["members"]
    print_table(["members", "number", "RMSE on unseen"], rows)
    apart = report["reference_disagreement"]
    if apart is not None:
        click.echo(f"all members disagree by {apart:.4f} eV/A (median) on frames that some have not seen")


def _by_config_type(testing: Sequence[Atoms], on_tests: Comparison) -> dict[str, dict[str, Any]]:
    """Return the errors on the test frames of each config_type, none if no frame has one."""
    from alworkflows.cli.error_tables import NO_TYPE, config_types, grouped

    names = config_types(testing)
    return grouped(names, on_tests) if set(names) != {NO_TYPE} else {}


def _draw(groups: Sequence[dict[str, Any]], on_tests: Comparison | None, folder: Path) -> list[str]:
    from alworkflows.atomic import filling
    from alworkflows.plotting import save
    from alworkflows.plotting.accuracy import path_rows, plot_parity, plot_path

    written = []
    with filling(folder) as part:
        for number, group in enumerate(groups, start=1):
            if "path" in group:
                written.append(f"path_{number}.png" if len(groups) > 1 else "path.png")
                save(plot_path(*path_rows(group)), part / written[-1])
        if on_tests is not None:
            written.append("parity.png")
            forces = on_tests.reference.forces, on_tests.predicted.forces
            save(plot_parity(*forces, on_tests.largest_error, on_tests.disagreement), part / "parity.png")
    return [str(folder / name) for name in written]


def _say_what_next(
    result: dict[str, Any], ensemble: Ensemble, frames: Sequence[str], tests: Sequence[str], quantities: Sequence[str]
) -> None:
    from alworkflows.cli.error_tables import print_forces
    from alworkflows.cli.files import count
    from alworkflows.cli.outliers import print_test_outliers
    from alworkflows.models.capabilities import Insightful, LammpsFiles

    model, test = result["model"], result["test"]
    if test:
        forces = f"forces {test['force_rmse']:.4f} eV/A (they spread by {test['force_std']:.2f})"
        click.echo(f"on {count(test['frames'], 'test frame')}: {forces}")
        if "energy_rmse" in test:
            groups = result["fit"]["groups"]
            one_fit = len(groups) == 1 and groups[0]["class"] == "linear"
            hint = " (not fitted: --quantities forces,energy fits them too)" if one_fit else ""
            not_fitted = "" if "energy" in quantities else hint
            click.echo(f"energies {1e3 * test['energy_rmse']:.4g} meV/atom{not_fitted}")
        print_test_outliers(result["fit"]["outliers"], result["test_force_rmse_without_outliers"])
    if result["test_by_config_type"]:
        print_forces([{"config_type": name, **errors} for name, errors in result["test_by_config_type"].items()], "config_type")
    for path in (model, *result["pictures"]):
        click.echo(f"written: {path}")
    click.echo(f"\nNext: alworkflows evaluate {model} {' '.join(tests) or 'OTHER-FRAMES'}")
    if any(isinstance(group.committee, Insightful) for group in ensemble.groups):
        click.echo(f"      alworkflows insight {model} {' '.join(frames)} -o insight/")
    if all(isinstance(group.committee, LammpsFiles) for group in ensemble.groups):
        click.echo(f"      alworkflows export {model} -o potential/")
