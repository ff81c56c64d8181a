"""``alworkflows approve``: a person's word to campaigns that ask before they pay for labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import json_option, print_json, print_table
from workchains.cli.common import load_campaign_node, profile_option

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

__all__ = ["approve"]


@click.command()
@click.argument("campaign", required=False, metavar="[PK]")
@click.option("--refuse", is_flag=True, help="Do not pay for them: the campaign ends with exit status 703 and keeps what it has.")
@click.option("--by", metavar="NAME", help="Who says so, for the record; default: the email of the AiiDA user.")
@profile_option
@json_option
def approve(campaign: str | None, refuse: bool, by: str | None, profile: str | None, as_json: bool) -> None:
    """Answer campaigns that ask before they pay for labels.

    Without a PK, list those that wait. A campaign asks if its file says `label: {approval: first}` (before its first labels)
    or `batch` (before each batch), and tells what they would cost where labels of the same settings are there to go by.

    \b
    Examples:
      alworkflows approve                 which campaigns wait, and what they ask
      alworkflows approve 1234            yes
      alworkflows approve 1234 --refuse   no
    """
    from workchains.machines import daemon, session

    session.activate(profile)
    if campaign is None:
        if refuse or by is not None:
            raise click.UsageError("--refuse and --by need the PK of a campaign")
        _list(as_json)
        return
    node = load_campaign_node(campaign)
    from workchains.loop.approval import give_answer, open_question

    if open_question(node) is not None:
        # an answer that nobody hears must not be taken for one
        daemon.require_daemon()
    name = by or _user()
    question = give_answer(node, not refuse, name)
    from workchains.cli.control import play
    from workchains.processes.queueing import load_process

    going = play(load_process(question["process"]))
    if as_json:
        print_json({"pk": node.pk, "approved": not refuse, "by": name, "goes_on": going, "question": question})
        return
    click.echo(f"campaign {node.pk} {node.label}, iteration {question['iteration']}: {question['text']}")
    if not going:
        click.echo(f"Answered, but it does not go on yet; let it with: verdi process play {question['process']}", err=True)
    elif refuse:
        click.echo(f"Refused by {name}: it ends and hands over what it has.\n\nNext: alworkflows status {node.pk}")
    else:
        again = " It asks again before the next batch." if _asks_again(node) else ""
        click.echo(f"Approved by {name}: it labels now.{again}\n\nNext: alworkflows status {node.pk} --wait")


def _list(as_json: bool) -> None:
    waiting = _waiting()
    if as_json:
        print_json({"waiting": waiting})
    elif not waiting:
        click.echo("No campaign waits for approval.")
    else:
        rows = [(item["pk"], item["name"], item["question"]["iteration"], item["question"]["text"]) for item in waiting]
        print_table(("PK", "name", "iteration", "asks for"), rows, left=4)
        click.echo("\nNext: alworkflows approve PK, or alworkflows approve PK --refuse")


def _waiting() -> list[dict[str, Any]]:
    """Return the campaigns that wait, oldest first, with what they ask."""
    from aiida.orm import QueryBuilder, WorkChainNode

    from workchains.loop.approval import open_question
    from workchains.processes.queueing import ENDED

    filters = {"attributes.process_label": "ActiveLearningWorkChain", "attributes.process_state": {"!in": ENDED}}
    query = QueryBuilder().append(WorkChainNode, filters=filters, tag="campaign").order_by({"campaign": {"id": "asc"}})
    asked = [(node, open_question(node)) for node in query.all(flat=True)]
    return [{"pk": node.pk, "name": node.label, "question": question} for node, question in asked if question is not None]


def _asks_again(node: ProcessNode) -> bool:
    return node.inputs.campaign.get_dict().get("label", {}).get("approval") == "batch"


def _user() -> str:
    from aiida.orm import User

    user = User.collection.get_default()
    return user.email if user is not None else "somebody"
