"""What commands print: tables that fit the terminal, JSON for other programs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from alworkflows.cli.terminal import printable, unguarded

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["console", "json_option", "number", "plain", "print_json", "print_table", "table"]

Function = TypeVar("Function", bound=Callable[..., Any])


def json_option(function: Function) -> Function:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead, for other programs.")(function)


def console(stderr: bool = False) -> Console:
    """Return a console: as wide as the terminal, or 80 columns where there is none.

    Text has no markup, and its control characters are written out: all of it may come from a file.
    """
    from rich.console import Console
    from rich.segment import Segment

    class Plain(Console):
        """A console whose control characters are its own."""

        def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
            """Yield the segments of what is printed."""
            for segment in super().render(renderable, options):
                yield segment if segment.control else segment._replace(text=printable(segment.text))

    return Plain(file=unguarded(stderr), highlight=False, soft_wrap=False, markup=False, emoji=False)


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

    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False, padding=(0, 1, 0, 0)
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else printable(str(cell), lines=False)) for cell in row))
    return table


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None, left: int = 1) -> None:
    """Print a plain table."""
    console().print(table(columns, rows, title, left))


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals, a dash if there is none."""
    return "-" if value is None else f"{value:.{digits}f}"
