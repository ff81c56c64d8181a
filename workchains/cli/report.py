"""``alworkflows report``: a page with plots and tables on one campaign."""

from __future__ import annotations

from pathlib import Path

import click

from alworkflows.atomic import write_text
from alworkflows.cli.output import json_option, print_json
from workchains.cli.common import load_campaign_node, profile_option

__all__ = ["report"]

PAGE = "index.html"


@click.command()
@click.argument("campaign", metavar="PK")
@click.option(
    "--output", "-o", "folder", type=click.Path(path_type=Path), default="report", show_default=True, help="Folder to write to."
)
@profile_option
@json_option
def report(campaign: str, folder: Path, profile: str | None, as_json: bool) -> None:
    """Write a page that shows how a campaign went, or goes.

    The page is one HTML file that needs nothing beside it. It may be made at any time: it says what a campaign does not
    have yet. With --json the figures of the page are printed too.

    \b
    Examples:
      alworkflows report 1234 -o report/
      alworkflows report 1234 --json > figures.json
    """
    from workchains.machines.session import activate

    activate(profile)
    node = load_campaign_node(campaign)
    from workchains.report.collect import collect
    from workchains.report.page import render

    data = collect(node)
    path = folder / PAGE
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, render(data))
    if as_json:
        print_json({"page": path, **data.summary()})
    else:
        click.echo(f"{path}: {data.name} <{data.pk}>, {len(data.iterations)} iterations, {data.labels} labels")
