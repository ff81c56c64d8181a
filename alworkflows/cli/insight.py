"""``alworkflows insight``: what a model is made of, as pictures and tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import json_option, print_json, print_table
from alworkflows.cli.reading import read_options, read_settings, read_told

if TYPE_CHECKING:
    from alworkflows.insight import Insight, Share

__all__ = ["insight"]


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("frames", metavar="FRAMES...", nargs=-1, required=True)
@click.option("--output", "-o", required=True, metavar="DIR", help="Folder to write; new, or empty.")
@read_options
@click.option("--overwrite", is_flag=True, help="Write into a folder that holds something.")
@json_option
def insight(model: str, frames: tuple[str, ...], output: str, overwrite: bool, as_json: bool, **options: Any) -> None:
    """Show which terms make the forces, and draw them.

    FRAMES say where the atoms are: shares are averaged over them, and curves are drawn where they lie. Labels are not needed;
    the training frames are the usual choice.

    \b
    The folder gets, each as a picture and a table of its numbers:
      shares     force share of two-, three- and N-body terms, and of families of functions, by interaction
      pairs      pair terms V(r) of every pair of species, the span of the members, the distances in the data
      angles     three-body energy against the angle, at the distance of first neighbours
      densities  N-body densities and the energies they give
      path       errors against the complexity of the model, if `alworkflows fit` made it

    \b
    Examples:
      alworkflows insight model.npz train.npz -o insight/
      alworkflows insight model.npz all.db -o insight/ --json > shares.json
    """
    from alworkflows.atomic import filling
    from alworkflows.cli.files import check_species, load_model, new_folder
    from alworkflows.cli.progress import progress
    from alworkflows.insight import look_into, write
    from alworkflows.models.capabilities import Insightful

    how = read_settings(options)
    folder = new_folder(output, overwrite)
    ensemble = load_model(model)
    reading = read_told(frames, how)
    check_species(reading.files, ensemble.species)
    with progress(as_json) as say:
        insight = look_into(ensemble, reading.frames, say)
        say("drawing")
        with filling(folder) as part:
            written = write(insight, part) + _paths(ensemble.report, part)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "files": written,
                "shares": [asdict(share) for share in insight.shares],
                "notes": warnings(insight),
            }
        )
        return
    others = ensemble.having(Insightful, "insight")[1]
    if others:
        click.echo(f"Of the members that have terms, without {', '.join(map(str, others))}.")
    print_shares(insight.shares)
    for line in warnings(insight):
        click.echo(line)
    click.echo(f"written to {folder}: {', '.join(written)}")


def _paths(report: dict[str, Any], folder: Path) -> list[str]:
    """Draw the paths that members were chosen on, as far as the report holds them; return the names of the files."""
    from alworkflows.insight.plip.look import write_csv
    from alworkflows.plotting import save
    from alworkflows.plotting.accuracy import path_rows, plot_path

    groups = [group for group in report.get("groups", []) if "path" in group]
    written = []
    for number, group in enumerate(groups, start=1):
        name = f"path_{number}" if len(groups) > 1 else "path"
        rows, chosen = path_rows(group)
        save(plot_path(rows, chosen), folder / f"{name}.png")
        write_csv(folder / f"{name}.csv", list(rows[0]), (row.values() for row in rows))
        written += [f"{name}.png", f"{name}.csv"]
    return written


def warnings(insight: Insight) -> list[str]:
    """Return a line for each pair of species that attracts where there are no data."""
    lines = []
    for curve, shortest in zip(insight.pairs, insight.distances.shortest.tolist(), strict=True):
        hole = curve.hole(shortest)
        if hole is not None:
            first, second = curve.pair.split("-")
            data = f"the frames end at {shortest:.2f} A" if math.isfinite(shortest) else "no frame has such a pair"
            where = f"below {hole[0]:.2f} A, behind {hole[1]:.1f} eV ({data})"
            lines.append(f"note: {first} and {second} attract each other {where}: they may fuse")
    return lines


def print_shares(shares: Sequence[Share]) -> None:
    """Print the force shares, a row an interaction."""
    interactions = list(dict.fromkeys(share.interaction for share in shares))
    for kind in ("body order", "family"):
        groups = list(dict.fromkeys(share.group for share in shares if share.kind == kind))
        if len(groups) < 2:
            continue
        by_cell = {(share.interaction, share.group): share for share in shares if share.kind == kind}
        rows = [
            [name, *(f"{by_cell[name, group].share:.1%}" if (name, group) in by_cell else "-" for group in groups)]
            for name in interactions
        ]
        click.echo(f"Force share by {kind}:")
        print_table(["interaction", *groups], rows)
