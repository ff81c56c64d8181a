"""``alworkflows lineage``: where a frame or a node comes from, and what was made of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from alworkflows.cli.files import count
from alworkflows.cli.output import console, json_option, print_json
from alworkflows.errors import InputError
from workchains.cli.common import core_hours, profile_option, short

if TYPE_CHECKING:
    from aiida.orm import Node

    from workchains.provenance import Event, FrameLineage

__all__ = ["lineage"]

#: fits of one batch up to which each is shown
SHOWN = 3

TITLES = {
    "structure": "structure",
    "sample": "sampled",
    "describe": "judged",
    "select": "chosen",
    "label": "labelled",
    "train": "trained on",
    "test": "tested on",
    "evaluate": "errors with it",
}


@click.command()
@click.argument("what", metavar="NODE|FRAME-ID")
@click.option("--depth", type=click.IntRange(0, 1000), default=8, show_default=True, help="How far back to follow a node.")
@profile_option
@json_option
def lineage(what: str, depth: int, profile: str | None, as_json: bool) -> None:
    """Show where a frame or a node comes from, what it cost and what was made of it.

    Of a frame: what made it, why it was chosen (criterion, score, level, committee), what its label cost, which fits and errors
    it went into. Of a model, a batch of labels or a report of errors: the same as a whole, before the nodes it came from.

    A frame is named by its id of 16 hex digits, as exported files and reports show it, or by the first of them; a node by its
    PK or UUID.

    \b
    Examples:
      alworkflows lineage 3fa29c                 the frame whose id begins so
      alworkflows lineage 3fa29c04b1d2e655 --json
      alworkflows lineage 1234                   a node: its makers, its uses
    """
    from workchains.machines.session import activate

    activate(profile)
    node, frame = _resolve(what)
    if node is not None:
        from workchains.provenance import ancestry, campaign_of, check_version, node_lineage, uses

        owner = campaign_of(node)
        if owner is not None:
            check_version(owner)
        if as_json:
            told = node_lineage(node)
            print_json({"pk": node.pk, "uuid": node.uuid, "lineage": told, "from": ancestry(node, depth), "used": uses(node)})
        else:
            from workchains.cli.lineage_node import show_node

            show_node(node, depth)
        return
    from workchains.provenance import frame_lineage

    lineages = frame_lineage(frame)
    if as_json:
        print_json(lineages)
        return
    for item in lineages:
        _show_frame(item)


def _resolve(what: str) -> tuple[Node | None, str]:
    """Return a node, or the id of a frame: digits alone are a PK, 16 hex digits a frame, fewer a frame or else a UUID."""
    from workchains.provenance import is_frame_id, load_node, resolve_frame

    if what.isdecimal() and len(what) < 16:
        return load_node(int(what)), ""
    if not is_frame_id(what):
        return load_node(what), ""
    try:
        return None, resolve_frame(what)
    except InputError as error:
        if len(what) == 16 or "beginning" in str(error):
            raise
        try:
            return load_node(what), ""
        except InputError:
            raise InputError(f"no frame and no node whose id begins with '{what}' in this profile") from None


# ------------------------------------------------------------------------------------------------ frames


def _show_frame(lineage: FrameLineage) -> None:
    from rich.table import Table
    from rich.text import Text

    screen = console()
    where = f", campaign {lineage.campaign} {lineage.campaign_label}" if lineage.campaign is not None else ", in no campaign"
    screen.print(Text(f"frame {lineage.id}  {lineage.formula}{where}", style="bold"))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for event in _shortened(lineage.events):
        if isinstance(event, str):
            grid.add_row("", Text(event, style="dim"))
            continue
        title = "not labelled" if event.kind == "label" and "failed" in event.facts else TITLES[event.kind]
        grid.add_row(Text(title, style="bold"), Text(_sentence(event)))
    nodes = ", ".join(f"{place.pk}[{place.index}]" for place in lineage.nodes)
    grid.add_row(Text("held by", style="bold"), Text(f"nodes {nodes} (PK and index)"))
    screen.print(grid)
    screen.print()


def _shortened(events: Sequence[Event]) -> list[Event | str]:
    """Return the events; of many fits that used a batch the first and the last, and how many lie between."""
    shown: list[Event | str] = []
    for (kind, _), group in groupby(events, key=lambda event: (event.kind, event.facts.get("batch"))):
        own = list(group)
        if kind in ("train", "test") and len(own) > SHOWN:
            shown += [own[0], f"... and {count(len(own) - 2, 'more fit')} (all with --json) ...", own[-1]]
        else:
            shown += own
    return shown


def _sentence(event: Event) -> str:
    facts = dict(event.facts)
    by = f"{event.process} {event.pk}" if event.pk is not None else event.process
    into = f" -> {event.node}" if event.node is not None else ""
    return f"{SENTENCES[event.kind](facts)}\nby {by}{into}"


def _pop_text(facts: dict[str, Any], *names: str) -> str:
    for name in names:
        facts.pop(name, None)
    return "; " + ", ".join(f"{name} {short(value)}" for name, value in facts.items() if value is not None) if facts else ""


def _structure(facts: dict[str, Any]) -> str:
    source = facts.get("prototype") or facts.get("file") or "given"
    return f"{facts.get('structure', 'unnamed')}: {source}{_pop_text(facts, 'structure', 'prototype', 'file')}"


def _sample(facts: dict[str, Any]) -> str:
    driver = facts.get("driven_by_ensemble")
    text = f"{facts.get('sampler')} of {facts.get('structure')}"
    if facts.get("step") is not None:
        text += f", step {facts['step']}"
    if facts.get("temperature") is not None:
        text += f", {facts['temperature']:.0f} K"
    text += f", seed {facts.get('seed')}"
    text += f", driven by ensemble {driver}" if driver is not None else ""
    return text + _pop_text(facts, "sampler", "structure", "step", "temperature", "seed", "driven_by_ensemble")


def _describe(facts: dict[str, Any]) -> str:
    if facts.get("refused"):
        return f"refused: {facts['refused']}"
    value = facts.get("disagreement_eV_per_A")
    if value is None:
        return "no ensemble yet: no disagreement"
    reference = facts.get("reference_disagreement_eV_per_A")
    ratio = f", {value / reference:.2f} times that on held-out frames" if reference else ""
    return f"disagreement {value:.4f} eV/A of ensemble {facts.get('ensemble')}{ratio}"


def _select(facts: dict[str, Any]) -> str:
    reason = facts.get("reason", "no reason recorded")
    window = facts.get("window")
    inside = f"; trust window {window[0]:.4f} to {window[1]:.4f} eV/A" if window else ""
    level = f"; {facts['level']}" if facts.get("level") else ""
    by = f"; criterion {facts['criterion']}" if facts.get("criterion") else ""
    by += f", score {short(facts['score'])}, rank {facts['rank']}" if facts.get("score") is not None else ""
    committee = f"; committee {facts['committee']}" if facts.get("committee") else ""
    return f"as {facts['as']}: {reason}{by}{level}{inside}{committee}; seed {facts.get('seed')}"


def _label(facts: dict[str, Any]) -> str:
    if "failed" in facts:
        remedy = f", with the remedy {facts['with_remedy']}" if facts.get("with_remedy") else ""
        return f"{facts['kind']}{remedy}: {facts['failed']}"
    engine = facts.get("engine") or {}
    named = short(engine)
    if "taken_over_from" in facts:
        maker = f", computed by {facts['computed_by']}" if facts.get("computed_by") else ""
        campaign = f" in campaign {facts['in_campaign']}" if facts.get("in_campaign") else ""
        named = f"taken over from frame {facts['of_frame']} of node {facts['taken_over_from']}{maker}{campaign}; {named}"
    elif facts.get("computed_by"):
        named = f"computed by {facts['computed_by']}; {named}"
    if facts.get("remedy"):
        named = f"with the remedy {facts['remedy']}; {named}"
    if facts.get("seconds"):
        cost = f", {core_hours(facts.get('core_hours'))} core-hours"
        named = f"{facts['seconds']:.3g} s on {count(facts.get('cores', 1), 'core')}{cost}; {named}"
    if facts.get("paid_before_core_hours"):
        named = f"{core_hours(facts['paid_before_core_hours'])} core-hours, paid before; {named}"
    if "energy_eV" not in facts:
        return named
    return (
        f"energy {facts['energy_eV']:.4f} eV ({facts['energy_per_atom_eV']:.4f} eV/atom), "
        f"largest force {facts.get('largest_force_eV_per_A', float('nan')):.3f} eV/A; {named}"
    )


def _fit(facts: dict[str, Any]) -> str:
    if "failed" in facts:
        return f"{facts['batch']}; the fit failed: {facts['failed']}"
    if "running" in facts:
        return f"{facts['batch']}; the fit is under way"
    error = facts.get("test_force_error_eV_per_A")
    tail = f", force error {error:.3f} eV/A on the test frames" if error is not None else ""
    return f"{facts['batch']}; ensemble of {facts.get('training_frames')} frames{tail}{_off(facts)}"


def _off(facts: dict[str, Any]) -> str:
    """Return what the fit found to be off in the frame's label, if anything."""
    if "off" not in facts:
        return ""
    from alworkflows.models.telling import off_in_words

    weight = facts.get("weight")
    done = "" if weight is None else "; left out" if weight == 0.0 else f"; counted {weight:.2g} of what it would"
    return f"; {facts['contradiction']} (the nearest: {facts['nearest']}): {off_in_words(facts)}{done}"


def _evaluate(facts: dict[str, Any]) -> str:
    errors = facts["force_rmse_eV_per_A"]
    shown = ", ".join(f"{name} {error:.3f}" for name, error in list(errors.items())[-3:])
    return f"final force errors of group {facts['group']} (eV/A): {'..., ' if len(errors) > 3 else ''}{shown}"


SENTENCES = {
    "structure": _structure,
    "sample": _sample,
    "describe": _describe,
    "select": _select,
    "label": _label,
    "train": _fit,
    "test": _fit,
    "evaluate": _evaluate,
}
