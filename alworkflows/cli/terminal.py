"""What the terminal can show, and what the system refused, in one line."""

from __future__ import annotations

import codecs
import os
import sys
from io import TextIOWrapper

__all__ = ["database_refused", "plain_characters", "refused"]

#: what we print beyond ASCII, for terminals that know no more
ASCII = {
    **{"Å": "A", "α": "alpha", "θ": "theta", "ρ": "rho", "σ": "sigma", "µ": "u"},
    **{"∞": "inf", "×": "x", "±": "+-", "−": "-", "≤": "<=", "≥": ">=", "→": "->", "°": "deg", "²": "2", "³": "3"},
    **{"–": "-", "—": "-", "·": "-", "…": "..."},
}


def plain_characters() -> None:
    """Let the standard streams write in plain letters what their encoding does not have, rather than end in an error."""
    codecs.register_error("alworkflows.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="alworkflows.plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(ASCII.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


def refused(error: OSError) -> str:
    """Return what the system refused in one line: the file, if it is known, and why."""
    why = error.strerror or str(error) or type(error).__name__
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes | os.PathLike)]
    return ": ".join([" -> ".join(names), why] if names else [why])


def database_refused(error: Exception) -> str | None:
    """Return what a database refused in one line, None if the error is another; told by its name, as none is imported here."""
    if not any((kind.__module__, kind.__name__) == ("sqlalchemy.exc", "OperationalError") for kind in type(error).__mro__):
        return None
    told = str(getattr(error, "orig", error)).strip().splitlines() or ["no reason given"]
    return f"the database of the profile refuses: {told[0]}"
