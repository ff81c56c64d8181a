"""``alworkflows status``: the campaigns, and how one of them stands."""

from __future__ import annotations

import sys
from typing import Any

import click

from alworkflows.commands.output import console, json_option, print_json, print_table
from workchains.cli.common import duration, profile_option, state_of

__all__ = ["show", "status"]


@click.command()
@click.argument("campaign", required=False, metavar="[PK]")
@click.option("--wait", is_flag=True, help="Watch until it ends; Ctrl-C leaves it running.")
@profile_option
@json_option
def status(campaign: str | None, wait: bool, profile: str | None, as_json: bool) -> None:
    """List campaigns, newest first; with a PK, show how that one stands.

    With --wait the exit status is 0 if the campaign ends well or with a warning (7xx), 1 if not, 130 if you leave.

    \b
    Examples:
      alworkflows status                all campaigns
      alworkflows status 1234           iterations, labels, errors, what to do next
      alworkflows status 1234 --wait    watch it
    """
    from workchains.session import activate

    activate(profile)
    if campaign is None:
        if wait:
            raise click.UsageError("--wait needs the PK of a campaign")
        _list(as_json)
        return
    from workchains.cli.common import load_campaign_node
    from workchains.cli.summary import standing

    node = load_campaign_node(campaign)
    if wait:
        from workchains.cli.watch import exit_code, watch

        ended = watch(node)
        if ended is not None:
            show(ended, as_json)
        sys.exit(exit_code(ended))
    show(standing(node), as_json)


def show(now: Any, as_json: bool) -> None:
    """Print how a campaign stands."""
    from rich.text import Text

    from workchains.cli.summary import COLUMNS, LEGEND, rows

    if as_json:
        print_json(now)
        return
    screen = console()
    screen.print(Text(f"campaign {now.pk} {now.name}", style="bold"))
    if now.iterations:
        print_table(COLUMNS, rows(now.iterations), left=3)
        screen.print(Text(LEGEND, style="dim"))
        screen.print()
    screen.print(Text(now.sentence))
    if now.failures:
        print_table(("failures", "count"), now.failures.items())
    for index, line in enumerate(now.advice):
        screen.print(Text(("Next: " if index == 0 else "      ") + line), soft_wrap=True)


def _list(as_json: bool) -> None:
    from aiida.orm import QueryBuilder, WorkChainNode

    from workchains.provenance import span

    query = QueryBuilder()
    query.append(WorkChainNode, filters={"attributes.process_label": "ActiveLearningWorkChain"}, tag="campaign")
    query.order_by({"campaign": {"id": "desc"}})
    found = []
    for node in query.all(flat=True):
        begin, end = span(node)
        found.append(
            {
                "pk": node.pk,
                "name": node.label,
                "state": state_of(node),
                "started": begin,
                "seconds": (end - begin).total_seconds(),
                "exit_status": node.exit_status,
                "exit_message": node.exit_message,
                "description": node.description,
            }
        )
    if as_json:
        print_json({"campaigns": found})
    elif not found:
        click.echo("No campaigns yet. Next: alworkflows new zno > zno.yaml; alworkflows launch zno.yaml --wait")
    else:
        columns = ("PK", "name", "state", "started", "time", "")
        lines = [
            (
                item["pk"],
                item["name"],
                item["state"],
                item["started"].astimezone().strftime("%Y-%m-%d %H:%M"),
                duration(item["seconds"]),
                item["exit_message"] or item["description"],
            )
            for item in found
        ]
        print_table(columns, lines, left=6)
        click.echo("\nMore: alworkflows status PK")
