"""``alworkflows insight``: what a model is made of, as pictures and tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from alworkflows.insight import Insight, Share

__all__ = ["insight"]


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("frames", metavar="FRAMES...", nargs=-1, required=True)
@click.option("--output", "-o", required=True, metavar="DIR", help="Folder to write; new, or empty.")
@click.option("--overwrite", is_flag=True, help="Write into a folder that holds something.")
@json_option
def insight(model: str, frames: tuple[str, ...], output: str, overwrite: bool, as_json: bool) -> None:
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
    from alworkflows.cli.files import check_species, load_model, new_folder, read_frames, together
    from alworkflows.cli.progress import progress
    from alworkflows.insight import look_into, write

    folder = new_folder(output, overwrite)
    ensemble = load_model(model)
    files = read_frames(frames)
    check_species(files, ensemble.species)
    with progress(as_json) as say:
        found = look_into(ensemble, together(files), say)
        say("drawing")
        written = write(found, folder) + _path(ensemble.report, folder)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "files": written,
                "shares": [asdict(share) for share in found.shares],
                "notes": warnings(found),
            }
        )
        return
    print_shares(found.shares)
    for line in warnings(found):
        click.echo(line)
    click.echo(f"written to {folder}: {', '.join(written)}")


def _path(report: dict[str, Any], folder: Path) -> list[str]:
    """Draw the path that the model was chosen on, if its report holds it; return the names of the files."""
    if "path" not in report:
        return []
    from alworkflows.insight.plip.look import write_csv
    from alworkflows.plotting import save
    from alworkflows.plotting.accuracy import path_rows, plot_path

    rows, chosen = path_rows(report)
    save(plot_path(rows, chosen), folder / "path.png")
    write_csv(folder / "path.csv", list(rows[0]), (row.values() for row in rows))
    return ["path.png", "path.csv"]


def warnings(found: Insight) -> list[str]:
    """Return a line for each pair of species that attracts where there are no data."""
    lines = []
    for curve, shortest in zip(found.pairs, found.distances.shortest.tolist(), strict=True):
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
        found = {(share.interaction, share.group): share for share in shares if share.kind == kind}
        rows = [
            [name, *(f"{found[name, group].share:.1%}" if (name, group) in found else "-" for group in groups)]
            for name in interactions
        ]
        click.echo(f"Force share by {kind}:")
        print_table(["interaction", *groups], rows)
