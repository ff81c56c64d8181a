"""What the commands share: options, output as tables or JSON, nodes by PK."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from alworkflows.errors import InputError

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.console import Console
    from rich.table import Table

__all__ = [
    "console",
    "duration",
    "json_option",
    "load_campaign_node",
    "number",
    "print_json",
    "print_table",
    "profile_option",
    "state_of",
    "table",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def profile_option(function: Function) -> Function:
    """Add ``--profile``."""
    return click.option("--profile", "-p", metavar="NAME", help="AiiDA profile; default: the one that setup made.")(function)


def json_option(function: Function) -> Function:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead, for other programs.")(function)


def console(stderr: bool = False) -> Console:
    """Return a console: as wide as the terminal, or 80 columns where there is none."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def print_json(value: Any) -> None:
    """Print a value as JSON; dataclasses become mappings, times ISO text."""
    click.echo(json.dumps(plain(value), indent=2))


def plain(value: Any) -> Any:
    """Return a value in JSON's own types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return value


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None, left: int = 1) -> Table:
    """Return a plain table; the first ``left`` columns are text, the others figures aligned to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index < left else "right", overflow="fold")
    for row in rows:
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return made


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None, left: int = 1) -> None:
    """Print a plain table."""
    console().print(table(columns, rows, title, left))


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals, a dash if there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def duration(seconds: float) -> str:
    """Return a time a person can read: 12 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def load_campaign_node(text: str) -> ProcessNode:
    """Return a campaign by PK or UUID.

    Raises
    ------
    InputError
        If there is no such node, or it is something else (with the campaign it belongs to, if any).
    """
    from workchains.provenance import campaign_of, is_campaign, load_node

    node = load_node(text)
    if is_campaign(node):
        return cast("ProcessNode", node)
    from workchains.provenance.ancestry import describe

    owner = campaign_of(node)
    hint = f"; it belongs to the campaign {owner.pk}" if owner is not None else "; `alworkflows status` lists the campaigns"
    raise InputError(f"expected a campaign, got {describe(node)} <{node.pk}>{hint}")


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
    return "paused" if node.paused else "running"
