"""What the commands on AiiDA share: options, nodes by PK, words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from alworkflows.errors import InputError

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.orm import ProcessNode

    from alworkflows.settings import LabelSettings

__all__ = [
    "allow_import_option",
    "core_hours",
    "duration",
    "load_campaign_node",
    "load_labelling",
    "load_run",
    "profile_option",
    "say_allowed",
    "short",
    "start_or_find_daemon",
    "state_of",
    "submit",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def profile_option(function: Function) -> Function:
    """Add ``--profile``."""
    return click.option("--profile", "-p", metavar="NAME", help="AiiDA profile; default: the one that setup made.")(function)


def allow_import_option(function: Function) -> Function:
    """Add ``--allow-import``."""
    text = "Let the calculator import a package, start a command or load a checkpoint that the settings name."
    return click.option("--allow-import", "allow_import", is_flag=True, help=text)(function)


def say_allowed(label: LabelSettings) -> None:
    """Say on the error stream what of the calculator was allowed, if anything."""
    if label.engine == "ase" and label.calculator.allowed is not None:
        click.echo(f"allowed: the calculator {label.calculator.name} may {label.calculator.allowed}", err=True)


def duration(seconds: float) -> str:
    """Return a time a person can read: 12 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def core_hours(value: float | None) -> str:
    """Return core-hours as a person reads them, three figures or all of a large number; a dash for None."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def short(value: Any) -> str:
    """Return a value as a person reads it: numbers with four figures."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {short(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(short(item) for item in value) + "]"
    return str(value)


def load_campaign_node(text: str) -> ProcessNode:
    """Return a campaign by PK or UUID.

    Raises
    ------
    InputError
        If there is no such node, it is something else (with the campaign it belongs to, if any), or another version made it.
    """
    from workchains.provenance import campaign_of, check_version, is_campaign, load_node

    node = load_node(text)
    if is_campaign(node):
        campaign = cast("ProcessNode", node)
        check_version(campaign)
        return campaign
    from workchains.provenance.ancestry import describe

    owner = campaign_of(node)
    hint = f"; it belongs to the campaign {owner.pk}" if owner is not None else "; `alworkflows status` lists the campaigns"
    raise InputError(f"expected a campaign, got {describe(node)} <{node.pk}>{hint}")


def load_labelling(text: str) -> ProcessNode:
    """Return a set of labels by PK or UUID, of `alworkflows label` or of a campaign.

    Raises
    ------
    InputError
        If there is no such node, or it is something else.
    """
    from workchains.provenance import load_node
    from workchains.provenance.ancestry import describe

    node = load_node(text)
    if getattr(node, "process_label", None) != "LabelWorkChain":
        raise InputError(f"expected what `alworkflows label` submitted (a LabelWorkChain), got {describe(node)} <{node.pk}>")
    return cast("ProcessNode", node)


def load_run(text: str) -> ProcessNode:
    """Return what a person submitted, by PK or UUID: a campaign, or labels for a file.

    Raises
    ------
    InputError
        If there is no such node, or it is something else (with the campaign it belongs to, if any).
    """
    from workchains.provenance import load_node

    node = load_node(text)
    if getattr(node, "process_label", None) == "LabelWorkChain" and cast("ProcessNode", node).caller is None:
        return cast("ProcessNode", node)
    return load_campaign_node(text)


def start_or_find_daemon() -> tuple[bool, int]:
    """Return whether the daemon had to be started, and how many workers it has."""
    from workchains.machines import daemon

    running = daemon.daemon_status().running
    return not running, daemon.start_daemon().workers


def submit(builder: ProcessBuilder, where: str) -> ProcessNode:
    """Submit to the daemon; ``where``: what a person gave, with which the message begins if AiiDA refuses it.

    Raises
    ------
    InputError
        If the inputs do not pass AiiDA's validation, whose message names the port.
    """
    from aiida import engine

    try:
        return engine.submit(builder)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def state_of(node: ProcessNode) -> str:
    """Return how a campaign is, in a word or two."""
    if node.is_finished_ok:
        return "done"
    if node.is_finished:
        return f"ended [{node.exit_status}]"
    if node.is_excepted:
        return "crashed"
    if node.is_killed:
        return "killed"
    from workchains.loop.approval import open_question

    if open_question(node) is not None:
        return "waits for approval"
    return "paused" if node.paused else "running"
