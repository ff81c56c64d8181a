"""Progress of a command: one line that changes on a terminal, lines elsewhere; on standard error, so results can be piped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

__all__ = ["progress"]


@contextmanager
def progress(quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Give a function that shows a line of text.

    Parameters
    ----------
    quiet
        Show nothing.
    """
    if quiet:
        yield lambda message: None
    elif sys.stderr.isatty():
        from alworkflows.cli.output import console

        with console(stderr=True).status("...") as status:
            yield lambda message: status.update(message)
    else:
        yield lambda message: click.echo(message, err=True)
