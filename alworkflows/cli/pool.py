"""``alworkflows pool``: what a way of choosing is worth, on frames whose labels are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.finite import Finite
from alworkflows.cli.output import json_option, print_json, print_table
from alworkflows.cli.reading import read_options, read_settings, read_told

if TYPE_CHECKING:
    from alworkflows.retrospective.efficiency import Comparison
    from alworkflows.retrospective.pool import LabelledSet

__all__ = ["pool"]

COLUMNS = ["rule", "RMSE", "99.9%", "for RMSE", "×", "for 99.9%", "×"]


@click.command()
@click.argument("frames", metavar="FRAMES...", nargs=-1, required=True)
@click.option("--criterion", "criteria", default="disagreement", show_default=True, metavar="A,B", help="What ranks the frames.")
@click.option("--diversity", default="farthest-point", show_default=True, metavar="A,B", help="How near-copies are kept out.")
@click.option("--widen", type=Finite(1), metavar="X", help="Diversity picks among this times the budget; default: a campaign's.")
@click.option("--test", "tests", multiple=True, metavar="FILE", help="Frames to judge on, never chosen; may be repeated.")
@click.option("--test-share", type=Finite(0, 0.9), default=0.2, metavar="SHARE", help="Without --test: this share (0.2).")
@click.option("--seeds", type=click.IntRange(1), default=5, metavar="N", help="Runs of each rule (5).")
@click.option("--start", type=click.IntRange(1), default=20, metavar="N", help="Labels of the first batch (20).")
@click.option("--step", type=click.IntRange(1), default=20, metavar="N", help="Labels of each batch that follows (20).")
@click.option(
    "--most", type=click.IntRange(1), metavar="N", help="Labels at which rules stop; the control always has half the pool."
)
@click.option(
    "--settings", "settings_file", metavar="FILE", help="YAML with descriptors, fit, members, folds; or a campaign file."
)
@click.option("--set", "-s", "changes", metavar="KEY=VALUE", multiple=True, help="One setting of the model; may be repeated.")
@read_options
@click.option("--plot", metavar="FILE", help="Draw the errors against the number of labels: a .png, .svg or .pdf.")
@click.option("--overwrite", is_flag=True, help="Replace the picture if it exists.")
@json_option
def pool(frames: tuple[str, ...], plot: str | None, overwrite: bool, as_json: bool, **options: Any) -> None:
    """Compare ways of choosing on frames that are labelled already.

    FRAMES are files with forces. Labels are bought batch after batch, as a campaign would, and the ensemble that is refitted each
    time is judged on frames that are never chosen. Random choosing is always among the rules: it is the control.

    \b
    Criteria: disagreement, element-disagreement, grade, distance. Diversity: farthest-point, cur, leverage, none.
    Columns of the table, errors as means over the seeds at the last batch, labels as medians and their range:
      RMSE         root mean square error of a force component, eV/A
      99.9%        what 999 of 1000 components err less than, eV/A
      for ...      labels that reach, for good, the error that random choosing has with half the pool (∞: never)
      ×            labels with which random choosing, in the mean, first reaches it over these

    \b
    Examples:
      alworkflows pool labelled.npz --test test.npz
      alworkflows pool labelled.npz --criterion disagreement,grade --diversity farthest-point,none --plot pool.png
      alworkflows pool all.db --settings zno.yaml --start 20 --step 20 --seeds 3 --json
    """
    from alworkflows.cli.files import new_picture
    from alworkflows.cli.progress import progress
    from alworkflows.retrospective.efficiency import compare, rules
    from alworkflows.settings import Criterion, Diversity, SelectionSettings, parse

    picture = new_picture(plot, overwrite, (*frames, *options["tests"], options["settings_file"])) if plot else None
    pairs = rules(_named(options["criteria"], Criterion, "criterion"), _named(options["diversity"], Diversity, "diversity"))
    selection = parse(SelectionSettings, {} if options["widen"] is None else {"pool": options["widen"]}, "--widen")
    with progress(as_json) as say:
        chosen_from, held = _sets(frames, options, say)
        most = options["most"] or len(chosen_from) // 2
        seeds = range(1, options["seeds"] + 1)
        comparison = compare(chosen_from, held, pairs, selection, seeds, options["start"], options["step"], most, say)
    if picture is not None:
        from alworkflows.plotting import save
        from alworkflows.plotting.label_efficiency import plot_efficiency

        save(plot_efficiency(comparison), picture)
    if as_json:
        print_json({"pool": len(chosen_from), "test": len(held), "seeds": options["seeds"], **comparison.as_dict(), "plot": plot})
        return
    print_comparison(comparison, len(chosen_from), len(held))
    if picture is not None:
        click.echo(f"written: {picture}")


def print_comparison(comparison: Comparison, pool: int, held: int) -> None:
    """Print the table of a comparison on a pool, judged on some held-out frames."""
    from alworkflows.retrospective.efficiency import ERRORS

    rows = []
    for rule, curves in comparison.curves.items():
        last = [f"{sum(float(curve.errors[name][-1]) for curve in curves) / len(curves):.3f}" for name in ERRORS]
        needed = [
            cell for name in ERRORS for cell in (_span(comparison.needed(rule, name)), _ratio(comparison.ratio(rule, name)))
        ]
        rows.append([rule, *last, *needed])
    targets = comparison.targets
    click.echo(
        f"pool of {pool} frames, judged on {held}; random with {comparison.half} labels: RMSE {targets['force_rmse']:.3f}, "
        f"99.9 % quantile {targets['force_q999']:.3f} eV/A, where its mean is with {comparison.control('force_rmse'):.0f} and "
        f"{comparison.control('force_q999'):.0f} labels first"
    )
    print_table(COLUMNS, rows)


def _span(values: Sequence[float | None]) -> str:
    """Return the median and the range of labels over the seeds."""
    ordered = sorted(math.inf if value is None else value for value in values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    low, median, high = ("∞" if value == math.inf else f"{value:.0f}" for value in (ordered[0], middle, ordered[-1]))
    return f"{median} ({low}-{high})"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _named(text: str, kind: Any, what: str) -> list[Any]:
    """Return the members of an enum that a text such as ``cur,none`` names."""
    from alworkflows.errors import unknown

    for name in text.split(","):
        if name not in list(kind):
            raise unknown(what, name, list(kind))
    return [kind(name) for name in text.split(",")]


def _sets(frames: Sequence[str], options: dict[str, Any], say: Callable[[str], None]) -> tuple[LabelledSet, LabelledSet]:
    """Return the pool and the frames to judge on, with their rows."""
    from alworkflows.cli.files import check_species, species_of
    from alworkflows.cli.fit_input import divide, model_settings
    from alworkflows.errors import InputError
    from alworkflows.retrospective.pool import LabelledSet

    how = read_settings(options)
    settings = model_settings(options).linear("pool")
    pool, tests = read_told(frames, how, settings.fit.quantities), read_told(options["tests"], how, ("forces",))
    species = species_of(pool.files)
    check_species(tests.files, species, "the pool")
    training, held = divide(pool, tests, {}, 0.0 if tests.frames else options["test_share"], 1)
    if not held:
        raise InputError("expected frames to judge on: give --test FILE, or a --test-share above zero")
    return LabelledSet(training, settings, species, say=say), LabelledSet(held, settings, species, say=say)
