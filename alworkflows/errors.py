"""Errors a user can act on, and the "did you mean" that goes with them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["CommitteeError", "InputError", "MissingExtraError", "SimulationError", "suggest", "unknown"]


class InputError(ValueError):
    """Input that cannot be used; the message says what was expected, what came, and where."""


class CommitteeError(InputError):
    """Too few members would come of the data for them to disagree."""


class SimulationError(RuntimeError):
    """A simulation that could not be carried out; what it made before is kept."""


class MissingExtraError(ImportError):
    """An optional package that is not installed; the message names the pip command."""

    def __init__(self, what: str, package: str, extra: str | None = None) -> None:
        command = f"pip install 'alworkflows[{extra}]'" if extra else f"pip install {package}"
        super().__init__(f"{what} needs the package '{package}', which is not installed: {command}")


def suggest(name: object, options: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the option nearest to ``name``, or an empty string."""
    near = difflib.get_close_matches(str(name), list(options), n=1, cutoff=0.5)
    return f" (did you mean '{near[0]}'?)" if near else ""


def unknown(what: str, name: object, options: Iterable[str]) -> InputError:
    """Return the error for a name that is not one of ``options``."""
    names = sorted(options)
    return InputError(f"unknown {what} '{name}'{suggest(name, names)}; known: {', '.join(names)}")
