"""``alworkflows status``: the campaigns, and how one of them stands."""

from __future__ import annotations

import click

from alworkflows.cli.output import json_option, print_json, print_table
from workchains.cli.common import duration, profile_option, state_of

__all__ = ["status"]


@click.command()
@click.argument("campaign", required=False, metavar="[PK]")
@click.option("--wait", is_flag=True, help="Watch until it ends; Ctrl-C leaves it running.")
@click.option("--disk", is_flag=True, help="Ask its machines what the folders that its jobs left take, and what is free.")
@profile_option
@json_option
def status(campaign: str | None, wait: bool, disk: bool, profile: str | None, as_json: bool) -> None:
    """List campaigns, newest first; with a PK, show how that one stands.

    That is: its iterations; labels done, in flight and queued, taken over from before, and failed, by kind with a reason; jobs in
    flight on each machine against its cap; what waits for a person; what to do next.

    With --wait the exit status is 0 if the campaign ends well or with a warning (7xx), 1 if not, 130 if you leave.

    \b
    Examples:
      alworkflows status                all campaigns
      alworkflows status 1234           iterations, labels, errors, what to do next
      alworkflows status 1234 --wait    watch it
      alworkflows status 1234 --disk    and what its jobs left on the machines
    """
    from workchains.machines.session import activate

    activate(profile)
    if campaign is None:
        if wait or disk:
            raise click.UsageError(f"--{'wait' if wait else 'disk'} needs the PK of a campaign")
        _list(as_json)
        return
    from workchains.cli.common import load_campaign_node
    from workchains.cli.show import show
    from workchains.cli.summary import campaign_summary

    node = load_campaign_node(campaign)
    if wait:
        from workchains.cli.watch import follow

        follow(node, as_json)
    show(campaign_summary(node, disk), as_json)


def _list(as_json: bool) -> None:
    from aiida.orm import QueryBuilder, WorkChainNode

    from workchains.provenance import span

    query = QueryBuilder()
    query.append(WorkChainNode, filters={"attributes.process_label": "ActiveLearningWorkChain"}, tag="campaign")
    query.order_by({"campaign": {"id": "desc"}})
    campaigns = []
    for node in query.all(flat=True):
        begin, end = span(node)
        campaigns.append(
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
        print_json({"campaigns": campaigns})
    elif not campaigns:
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
            for item in campaigns
        ]
        print_table(columns, lines, left=6)
        click.echo("\nMore: alworkflows status PK")
