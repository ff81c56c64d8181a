"""Progress of a command: one line that changes on a terminal, lines elsewhere; on standard error, so results can be piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

__all__ = ["counting", "progress"]

#: s between two lines about the same count, on a terminal and elsewhere
OFTEN, SELDOM = 0.5, 10.0


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


def counting(say: Callable[[str], None], total: int, what: str) -> Callable[[int], None]:
    """Return a function of the number of things done that now and then says how many of all are, and how long the others take.

    Parameters
    ----------
    say
        Shows a line; see :func:`progress`.
    total
        Number of all.
    what
        They are, in the plural, and what is done to them: ``frames predicted``.
    """
    began = last = time.monotonic()
    pause = OFTEN if sys.stderr.isatty() else SELDOM

    def count(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= pause and done < total:
            last = now
            left = (now - began) * (total - done) / max(done, 1)
            minutes, seconds = divmod(round(left), 60)
            say(f"{done} of {total} {what}, {f'{minutes} min ' if minutes else ''}{seconds} s left")

    return count
