"""``alworkflows costs``: what a campaign has cost, by step, by iteration or by stage, and what a label costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from alworkflows.cli.files import count
from alworkflows.cli.output import console, json_option, print_json, print_table
from workchains.cli.common import core_hours, duration, load_run, profile_option

if TYPE_CHECKING:
    from workchains.provenance import Costs

__all__ = ["costs", "label_sentences"]


@click.command()
@click.argument("campaign", metavar="PK")
@click.option(
    "--by",
    "what",
    type=click.Choice(["step", "iteration", "stage"]),
    default="step",
    show_default=True,
    help="What to tell apart; by iteration and by stage each is told by step, too.",
)
@profile_option
@json_option
def costs(campaign: str, what: str, profile: str | None, as_json: bool) -> None:
    """Show what a campaign has cost until now.

    Costs are core-hours: the time in which a job ran times its cores, whatever it gave; queues cost nothing. A job that runs
    counts until now.

    \b
    Examples:
      alworkflows costs 1234
      alworkflows costs 1234 --by iteration
      alworkflows costs 1234 --json
    """
    from workchains.machines.session import activate

    activate(profile)
    node = load_run(campaign)
    from workchains.provenance import costs as costs_of

    spent = costs_of(node)
    if as_json:
        print_json(spent)
        return
    from rich.text import Text

    screen = console()
    screen.print(
        Text(f"{'labels' if node.process_label == 'LabelWorkChain' else 'campaign'} {node.pk} {node.label}", style="bold")
    )
    if what == "step":
        _by_step(spent)
    else:
        _by_group(spent, what)
    if spent.before:
        screen.print(Text(f"Before, in the campaigns that it went on from: {core_hours(spent.before)} core-hours."))
    for line in label_sentences(spent):
        screen.print(Text(line))


def _by_step(spent: Costs) -> None:
    whole = spent.total.core_hours
    lines = [
        (
            name,
            cost.jobs,
            cost.running or "",
            duration(cost.seconds),
            core_hours(cost.core_hours),
            f"{cost.core_hours / whole:.0%}" if whole else "",
        )
        for name, cost in [*spent.steps.items(), ("in all", spent.total)]
    ]
    print_table(("step", "jobs", "running", "time in jobs", "core-hours", "share"), lines)


def _by_group(spent: Costs, what: str) -> None:
    groups = spent.by(what)
    names = list(spent.steps)
    lines = [
        (
            group,
            *(core_hours(row[name].core_hours) if name in row else "" for name in names),
            core_hours(sum(cost.core_hours for cost in row.values())),
        )
        for group, row in groups.items()
    ]
    lines.append(("in all", *(core_hours(spent.steps[name].core_hours) for name in names), core_hours(spent.total.core_hours)))
    print_table((what, *names, "in all"), lines, title="core-hours")


def label_sentences(spent: Costs) -> list[str]:
    """Return what labels cost, in sentences; none before a label was asked for."""
    labels, said = spent.labels, []
    each, lost = core_hours(labels.per_label), core_hours(labels.failed_core_hours)
    if labels.new:
        said.append(f"{count(labels.new, 'new label')}: {each} core-hours each, failed attempts included.")
    if labels.failed or labels.failed_core_hours:
        said.append(f"Attempts that gave no label: {lost} core-hours; {count(labels.failed, 'frame')} without one.")
    if labels.reused:
        saved = "what that saved is unknown" if labels.saved is None else f"saved {core_hours(labels.saved)} core-hours"
        said.append(f"{count(labels.reused, 'label')} taken over: {saved}.")
    if labels.per_accepted is not None:
        all_steps = core_hours(labels.per_accepted)
        said.append(f"{count(labels.accepted, 'frame')} to train on: {all_steps} core-hours each, all steps included.")
    if len(spent.engines) > 1:
        parts = (f"{name} {core_hours(cost.core_hours)}" for name, cost in spent.engines.items())
        said.append(f"Core-hours of labels by what makes them: {', '.join(parts)}.")
    return said
