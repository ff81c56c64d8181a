"""``alworkflows resume`` and ``alworkflows extend``: go on with a campaign, as it was or with more to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.output import json_option, print_json
from alworkflows.errors import InputError
from workchains.cli.common import (
    allow_import_option,
    load_campaign_node,
    profile_option,
    say_allowed,
    start_or_find_daemon,
    state_of,
    submit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiida.orm import ProcessNode

    from alworkflows.settings import Campaign

__all__ = ["extend", "resume"]


@click.command()
@click.argument("campaign", metavar="PK")
@click.option("--with", "file", type=click.Path(), help="A YAML file with the settings that change, as in a campaign file.")
@click.option(
    "--set", "values", metavar="KEY=VALUE", multiple=True, help="One setting that changes, such as budget.labels=500; repeatable."
)
@click.option("--branch", is_flag=True, help="Go on from a campaign again that another one has gone on from already.")
@click.option("--wait", is_flag=True, help="Watch until it ends; Ctrl-C leaves it running.")
@allow_import_option
@profile_option
@json_option
def resume(
    campaign: str,
    file: str | None,
    values: tuple[str, ...],
    branch: bool,
    wait: bool,
    allow_import: bool,
    profile: str | None,
    as_json: bool,
) -> None:
    """Go on with a campaign that stopped, failed, was killed, or ended, from its last finished step.

    A new campaign takes over all that the earlier one has: finished iterations with their labels and ensembles; of the
    one in progress the frames that were chosen, finished simulations, labels that came and that still come. Nothing is run or
    paid for twice. Changed settings hold from the next step on; those that contradict stored labels are refused.

    A campaign that has not ended, because the daemon or the machine died, goes on by itself: the daemon is started.

    \b
    Examples:
      alworkflows resume 1234
      alworkflows resume 1234 --set budget.labels=500 --set selection.criterion=grade
      alworkflows resume 1234 --set stages.surfaces.iterations=8
      alworkflows resume 1234 --with changes.yaml --wait
    """
    from workchains.machines import session

    session.activate(profile)
    node = load_campaign_node(campaign)
    changes = _changes(file, values)
    if not node.is_terminated:
        _wake(node, changes, as_json)
        return
    base = Path(file).parent if file else Path.cwd()
    _go_on(node, lambda old: _merge(old, *changes), base, branch, wait, allow_import, as_json)


@click.command()
@click.argument("campaign", metavar="PK")
@click.argument("file", type=click.Path())
@click.option("--branch", is_flag=True, help="Extend a campaign again that another one has gone on from already.")
@click.option("--wait", is_flag=True, help="Watch until it ends; Ctrl-C leaves it running.")
@allow_import_option
@profile_option
@json_option
def extend(campaign: str, file: str, branch: bool, wait: bool, allow_import: bool, profile: str | None, as_json: bool) -> None:
    """Add the structures and stages in FILE to a campaign that has ended, and go on with them.

    FILE holds `structures` and `stages` as in a campaign file, and may change other settings; its stages come after those there
    are. All labels and ensembles are taken over.

    \b
    Example of a FILE:
      structures: {wurtzite-0001: {prototype: zno-wurtzite, miller: [0, 0, 1], layers: 6, vacuum: 12 A}}
      stages:
        - {name: polar, structures: [wurtzite-0001], sampler: {name: surface-melt, duration: 5 ps}, iterations: 2}
    """
    from alworkflows.calculators import refuse_written
    from alworkflows.settings import read_yaml
    from workchains.machines import session

    session.activate(profile)
    node = load_campaign_node(campaign)
    if not node.is_terminated:
        raise InputError(
            f"campaign {node.pk} is {state_of(node)}; extend it once it has ended, or end it: alworkflows cancel {node.pk}"
        )
    added = read_yaml(file)
    refuse_written(added, file)
    base = Path(file).resolve().parent
    _go_on(node, lambda old: _extended(old, added, file), base, branch, wait, allow_import, as_json)


def _go_on(
    node: ProcessNode,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    base: Path,
    branch: bool,
    wait: bool,
    allow_import: bool,
    as_json: bool,
) -> None:
    from alworkflows.calculators import with_permission
    from alworkflows.settings import Campaign, parse
    from workchains.loop.resuming import earlier, resume_builder
    from workchains.processes.locks import profile_lock

    before = earlier(node)
    where = f"campaign {node.pk} with changes"
    campaign = parse(Campaign, change(node.inputs.campaign.get_dict()), where)
    # what the earlier campaign was allowed, this one is
    campaign = campaign.model_copy(update={"label": with_permission(campaign.label, allow_import, where)})
    say_allowed(campaign.label)
    _no_living_steps(node)
    code, label_code = _codes(node, before.campaign, campaign)
    # of two at once, the second sees what the first has submitted
    with profile_lock("resume"):
        _not_yet_gone_on(node, branch)
        builder: Any = resume_builder(before, campaign, base, code, label_code)
        started, _ = start_or_find_daemon()
        new = submit(builder, where)
    if as_json:
        print_json({"pk": new.pk, "uuid": new.uuid, "from": node.pk, "daemon_started": started})
    else:
        click.echo(f"campaign {new.pk} {builder.resumed['sentence']}")
    from workchains.cli.watch import follow_or_leave

    follow_or_leave(new, wait, as_json)


def _codes(node: ProcessNode, old: Campaign, new: Campaign) -> tuple[Any, Any]:
    """Return the codes of the earlier campaign, or those of another machine that the changes name."""
    from workchains.cli.ready import find_codes

    if (new.machine, new.label.machine, new.label.engine) != (old.machine, old.label.machine, old.label.engine):
        codes = find_codes(new)
        return codes.code, codes.label_code
    return node.inputs.code, node.inputs.label_code if "label_code" in node.inputs else node.inputs.code


def _not_yet_gone_on(node: ProcessNode, branch: bool) -> None:
    from workchains.loop.resuming import successors

    others = successors(node)
    living = [other for other in others if not other.is_terminated]
    if living:
        raise InputError(
            f"campaign {node.pk} is being gone on with by campaign {living[0].pk} ({state_of(living[0])}); "
            f"see: alworkflows status {living[0].pk}"
        )
    if others and not branch:
        raise InputError(
            f"campaign {node.pk} was gone on with by campaign {others[-1].pk}: alworkflows resume {others[-1].pk}; "
            "or, to go on from here once more: --branch"
        )


def _no_living_steps(node: ProcessNode) -> None:
    """Refuse a campaign whose own steps still run: they would be run twice. Labels are not: they are found and waited for."""
    from workchains.provenance import steps_below
    from workchains.provenance.places import labelling_below

    steps = steps_below(node)
    labels = labelling_below(steps)
    living = [step for step in steps if not step.ended and step.pk not in labels]
    if living:
        raise InputError(
            f"{len(living)} steps of campaign {node.pk} still run, such as {living[0].label or living[0].process} "
            f"<{living[0].pk}>; wait for them, or end them: alworkflows cancel {node.pk}"
        )


def _wake(node: ProcessNode, changes: list[dict[str, Any]], as_json: bool) -> None:
    """Let a campaign go on that has not ended: start the daemon, play what is paused."""
    from alworkflows.cli.files import count
    from workchains.cli.control import play
    from workchains.loop.approval import open_question
    from workchains.processes.queueing import load_process
    from workchains.provenance import steps_below

    if changes:
        raise InputError(
            f"campaign {node.pk} is {state_of(node)}; its settings can change once it has ended: alworkflows cancel {node.pk}"
        )
    if open_question(node) is not None:
        raise InputError(f"campaign {node.pk} waits for approval: alworkflows approve {node.pk}")
    started, _ = start_or_find_daemon()
    # a job is paused when its machine did not take it, time after time: a full disk, a lost connection
    below = [load_process(step.pk) for step in steps_below(node) if step.paused and not step.ended]
    played = sum(play(process) for process in (node, *below) if process.paused)
    if as_json:
        print_json({"pk": node.pk, "from": node.pk, "daemon_started": started})
        return
    did = ", ".join(
        filter(None, ["the daemon is started" if started else "", f"{count(played, 'paused step')} played" if played else ""])
    )
    click.echo(f"campaign {node.pk} has not ended and goes on by itself{': ' + did if did else '; the daemon runs'}")
    from workchains.cli.watch import follow_or_leave

    follow_or_leave(node, wait=False, as_json=False)


# ------------------------------------------------------------------------------------------------ changed settings


def _changes(file: str | None, values: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the changes of a file, and single settings to be laid over them, as nested mappings."""
    from alworkflows.calculators import refuse_written
    from alworkflows.settings import read_yaml
    from alworkflows.yaml_text import dotted, yaml_value

    changes: list[dict[str, Any]] = [read_yaml(file)] if file else []
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set: expected KEY=VALUE, such as budget.labels=500, got '{text}'")
        wrong = f"--set {key}: expected a value as in a campaign file, got '{value:.60}'"
        nested: Any = yaml_value(value, f"--set {key}", wrong)
        for part in reversed(dotted(key, "--set")):
            nested = {part: nested}
        changes.append(nested)
    for change in changes:
        refuse_written(change, "changes")
    return changes


def _merge(old: dict[str, Any], *changes: dict[str, Any]) -> dict[str, Any]:
    from workchains.campaigns import overlay

    for change in changes:
        old = overlay(old, change)
    return old


def _extended(old: dict[str, Any], added: dict[str, Any], file: str) -> dict[str, Any]:
    """Return the settings with new structures and stages after those there are."""
    stages = added.pop("stages", None)
    if not isinstance(stages, list) or not stages:
        raise InputError(f"{file}: expected 'stages', a list of new stages, got {'none' if stages is None else stages}")
    known = {stage["name"] for stage in old["stages"]}
    for stage in stages:
        if isinstance(stage, dict) and stage.get("name") in known:
            raise InputError(f"{file}: stages: the campaign has a stage '{stage['name']}' already; give the new one another name")
    for name in added.get("structures") or {}:
        if name in old["structures"]:
            raise InputError(f"{file}: structures: the campaign has a structure '{name}' already; give the new one another name")
    merged = _merge(old, added)
    return {**merged, "stages": [*old["stages"], *stages]}
