"""What the system or a database refused, in one line."""

from __future__ import annotations

import os

__all__ = ["database_refused", "refused"]


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
