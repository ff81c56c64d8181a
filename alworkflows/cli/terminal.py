"""What reaches a terminal: text, and no command to it.

Names, messages and labels come from files, and a control character in one may move the cursor, change the title or the clipboard,
or hide what is true. All that this program prints goes through here, whoever prints it; colours are ours alone.
"""

from __future__ import annotations

import codecs
import re
import sys
from io import TextIOWrapper
from typing import Any, TextIO

import click

__all__ = ["guard_streams", "printable", "say", "unguarded"]

#: what we print beyond ASCII, for terminals that know no more
ASCII = {
    **{"Å": "A", "α": "alpha", "θ": "theta", "ρ": "rho", "σ": "sigma", "µ": "u"},
    **{"∞": "inf", "×": "x", "±": "+-", "−": "-", "≤": "<=", "≥": ">=", "→": "->", "°": "deg", "²": "2", "³": "3"},
    **{"–": "-", "—": "-", "·": "-", "…": "..."},
}
#: control characters but line feed and tab, C1 included; what turns the direction of text; line ends of Unicode; halves of pairs
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, lines: bool = True) -> str:
    """Return a text with its control characters written out, such as ``\\x1b``.

    Parameters
    ----------
    text
        Any text.
    lines
        Whether it may have several lines; if not, line feeds and tabs are written out too.
    """
    shown = _CONTROLS.sub(lambda match: _escaped(match.group()), text)
    return shown if lines else shown.replace("\n", "\\n").replace("\t", "\\t")


def _escaped(character: str) -> str:
    known = {"\r": "\\r", "\b": "\\b", "\a": "\\a"}
    code = ord(character)
    return known.get(character, f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


class Guarded:
    """A text stream on which control characters are written out."""

    def __init__(self, stream: TextIO) -> None:
        self.unguarded = stream

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        self.unguarded.write(printable(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


def guard_streams() -> None:
    """Let no control character pass on standard output and error, from now on, and what their encoding lacks as plain letters."""
    codecs.register_error("alworkflows.plain", _plain)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="alworkflows.plain")
        if stream is not None and not isinstance(stream, Guarded):
            setattr(sys, name, Guarded(stream))


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(ASCII.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


def unguarded(stderr: bool = False) -> TextIO:
    """Return standard output or error as it is, for a console that writes out control characters itself and adds its own."""
    stream: Any = sys.stderr if stderr else sys.stdout
    return stream.unguarded if isinstance(stream, Guarded) else stream


def say(text: str, colour: str | None = None, stderr: bool = False) -> None:
    """Print a text that may hold what others wrote, in a colour of ours.

    Its further lines are set off, so that none can be taken for a message of its own.
    """
    shown = re.sub(r"\n(?=\S)", "\n  ", printable(text))
    click.echo(click.style(shown, fg=colour) if colour else shown, file=unguarded(stderr))
