"""Texts of a machine's files, by where they end up: names and lines of job scripts, commands, templates of paths."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated, Any

from pydantic import AfterValidator

__all__ = ["Block", "Line", "Name", "check_option", "template"]

#: a scheduler's own word, as of a queue: nothing that a shell or the scheduler would read as more
_NAME = re.compile(r"[A-Za-z0-9_./@:+=,%\[\]][A-Za-z0-9_./@:+=,%\[\]-]*")
#: what no text file holds, but for the end of a line and a tab
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")

#: no cores, kilobytes or seconds are more
LARGEST = 10**12
#: job options that are pieces of script, written by whoever writes the file
SCRIPT = frozenset({"custom_scheduler_commands", "prepend_text", "append_text"})


def _name(value: str) -> str:
    if value and not _NAME.fullmatch(value):
        raise ValueError(f"expected a plain name, without spaces, quotes, line ends or signs of the shell, got {value!r:.80}")
    return value


def _line(value: str) -> str:
    if "\n" in value or "\t" in value:
        raise ValueError(f"expected one line, got {value!r:.80}")
    return _block(value)


def _block(value: str) -> str:
    if match := _CONTROL.search(value):
        raise ValueError(f"expected text without control characters, got {match.group()!r} in it")
    return value


#: a name that stands in a job script as it is
Name = Annotated[str, AfterValidator(_name)]
#: one line
Line = Annotated[str, AfterValidator(_line)]
#: lines of a script
Block = Annotated[str, AfterValidator(_block)]


def template(*names: str) -> AfterValidator:
    """Return a check of one line in which names in braces stand for values: these names, and nothing of what they have."""

    def check(value: str) -> str:
        known = ", ".join(f"{{{name}}}" for name in names)
        try:
            fields = [field for _, *field in Formatter().parse(_line(value)) if field[0] is not None]
        except ValueError as error:
            raise ValueError(f"{error}; known in braces: {known}; a brace of its own is written twice") from None
        for name, form, conversion in fields:
            if name not in names or form or conversion:
                written = f"{{{name}{'!' + conversion if conversion else ''}{':' + form if form else ''}}}"
                raise ValueError(f"unknown {written:.80}; known in braces: {known}")
        return value

    return AfterValidator(check)


def _word(value: Any) -> None:
    if isinstance(value, str):
        _name(value)
    elif isinstance(value, int) and not isinstance(value, bool) and not 1 <= value <= LARGEST:
        raise ValueError(f"expected a number from 1 to {LARGEST}, got {f'{value}' if abs(value) < 10**30 else 'a longer one'}")


def check_option(key: str, value: Any) -> None:
    """Raise a ValueError if a job option of AiiDA's holds an absurd number, or a text that is more than a name in a script."""
    if key in SCRIPT and isinstance(value, str):
        _block(value)
    elif key == "mpirun_extra_params" and isinstance(value, list | tuple):
        for item in value:
            _line(str(item))
    elif key == "environment_variables" and isinstance(value, dict):
        for name, text in value.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(name)):
                raise ValueError(f"expected the name of a variable, got {name!r:.80}")
            _line(str(text))
    elif key == "resources" and isinstance(value, dict):
        for item in value.values():
            _word(item)
    else:
        _word(value)
