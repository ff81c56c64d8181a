"""Options of commands that read frames: keys, units, format, and what is done about frames that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from alworkflows.frames import Reading
    from alworkflows.settings import ReadSettings

__all__ = ["read_options", "read_settings", "read_told"]

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--format", "read_format", metavar="NAME", help="Format of FRAMES; default: told by name and first lines."),
    click.option("--energy-key", metavar="KEY", help="Key of the energy in FRAMES, such as dft_energy."),
    click.option("--forces-key", metavar="KEY", help="Column of the forces."),
    click.option("--stress-key", metavar="KEY", help="Key of the stress."),
    click.option("--virial-key", metavar="KEY", help="Key of the virial."),
    click.option(
        "--unit", "units", multiple=True, metavar="WHAT=UNIT", help="Unit in FRAMES, such as energy=Hartree; repeatable."
    ),
    click.option("--types", metavar="A,B", help="Elements of atom types 1, 2, ..., where FRAMES have numbers only."),
    click.option("--largest-force", type=float, metavar="EV/A", help="Frames with a larger force cannot be used (100)."),
    click.option("--skip-bad", is_flag=True, help="Leave out frames that cannot be used; default: stop and list them."),
)
_NAMES = ("read_format", "energy_key", "forces_key", "stress_key", "virial_key", "units", "types", "largest_force", "skip_bad")


def read_options(function: Function) -> Function:
    """Add the options of reading."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def read_settings(options: dict[str, Any]) -> ReadSettings:
    """Return what the options say, and take them out of ``options``.

    Raises
    ------
    InputError
        If a unit, a symbol or a number is none.
    """
    from alworkflows.cli.files import assign
    from alworkflows.settings import ReadSettings, parse

    given = {name: options.pop(name) for name in _NAMES}
    values: dict[str, Any] = {
        "format": given.pop("read_format"),
        "units": assign(given.pop("units"), "--unit"),
        "types": [symbol.strip() for symbol in (given.pop("types") or "").split(",") if symbol.strip()],
    }
    values |= given
    return parse(ReadSettings, {key: value for key, value in values.items() if value is not None}, "reading")


def read_told(paths: Sequence[str], settings: ReadSettings, needed: Sequence[str] = (), *, labels: bool = True) -> Reading:
    """Return what was read, once all that a person should know of it is printed on standard error; raises as ``read_files``."""
    from alworkflows.frames import read_files

    reading = read_files(paths, settings, needed, with_labels=labels)
    for line in reading.report.lines():
        click.echo(f"note: {line}", err=True)
    return reading
