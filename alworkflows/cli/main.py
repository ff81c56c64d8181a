"""The ``alworkflows`` executable: ``run`` for compute nodes, commands for files, and those that other packages add.

Commands are modules of :mod:`alworkflows.cli` or come from the entry-point group ``alworkflows.cli``; they are loaded
only when typed or listed, so that ``run`` starts fast and imports nothing it does not need.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from alworkflows import __version__
from alworkflows.cli.terminal import guard_streams, say
from alworkflows.errors import InputError, MissingExtraError, SimulationError

__all__ = ["main"]


#: commands for files, in the order one uses them; each is a function in the module of its name
BY_HAND = ("convert", "sample", "fit", "evaluate", "insight", "pool")
#: commands for files that other packages add: what they do is recorded
RECORDED = ("label",)


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="alworkflows.cli")}


class LazyGroup(click.Group):
    """A group whose commands are loaded on use: those for files, and entry points."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, our own first."""
        return [*super().list_commands(ctx), *BY_HAND, *sorted(_plugins())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return our own command, or load the module or the entry point."""
        command = super().get_command(ctx, cmd_name)
        if command is None and cmd_name in BY_HAND:
            command = getattr(import_module(f"alworkflows.cli.{cmd_name}"), cmd_name)
        if command is None and cmd_name in (plugins := _plugins()):
            command = plugins[cmd_name].load()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by what they work on."""
        plugins = _plugins()
        sections = {
            "On files, without a database": list(BY_HAND),
            "On files, by jobs that are recorded": [name for name in RECORDED if name in plugins],
            "Campaigns": sorted(set(plugins) - set(RECORDED)),
            "Others": super().list_commands(ctx),
        }
        width = max(len(name) for names in sections.values() for name in names)
        for title, names in sections.items():
            commands = {name: command for name in names if (command := self.get_command(ctx, name)) is not None}
            limit = formatter.width - 6 - width
            if not commands:
                continue
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), command.get_short_help_str(limit)) for name, command in commands.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Suggest the nearest command when one is unknown."""
        from alworkflows.errors import suggest

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            error.message += suggest(args[0], self.list_commands(ctx))
            raise


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def group() -> None:
    """Train machine-learned interatomic potentials by active learning, with every step on record.

    \b
    A first campaign:
      alworkflows setup laptop              once: profile, computer, code
      alworkflows new zno > zno.yaml        a campaign file to read and edit
      alworkflows check zno.yaml            what it would do, and does each part work
      alworkflows launch zno.yaml --wait    run it; Ctrl-C leaves it running
      alworkflows status                    how far it is
      alworkflows approve                   let campaigns go on that ask before they pay for labels
      alworkflows cancel PK                 end it; labels that came are kept, and never bought again
      alworkflows resume PK                 go on, whatever ended it; with other settings too
      alworkflows report PK -o report/      a page with plots
      alworkflows export PK -o potential/   the potential, for ASE and LAMMPS

    \b
    By hand, from frames in any file that ASE reads:
      alworkflows label frames.xyz --calculator chgnet -o labelled.xyz
      alworkflows convert runs/*/OUTCAR -o labelled.xyz      labels that there are, screened, from any program
      alworkflows fit labelled.xyz -o model.npz              a committee of sparse potentials, chosen along a path
      alworkflows evaluate model.npz test.xyz                its errors
      alworkflows insight model.npz frames.xyz -o insight/   what it is made of
      alworkflows export model.npz -o potential/             for LAMMPS
    """


@group.command()
@click.argument("verb")
@click.argument("path", metavar="INPUT.JSON", type=click.Path())
def run(verb: str, path: str) -> None:
    """Run one compute VERB (sample, describe, label, fit, evaluate) on an input file.

    This is what jobs call on a compute node; results go to output.json and files beside the input.
    """
    from alworkflows import jobs
    from alworkflows.deadline import process_age

    jobs.run(verb, path, process_age())


@group.command()
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
def calculators(as_json: bool) -> None:
    """List the calculators that can label frames, and which are installed here."""
    import json

    from alworkflows.calculators import available

    installed = available()
    if as_json:
        click.echo(json.dumps({name: {"title": title, "installed": here} for name, (title, here) in installed.items()}, indent=1))
        return
    for name, (title, here) in installed.items():
        click.echo(f"{name:14s} {'installed' if here else '-':10s} {title}")


def main() -> None:
    """Entry point: errors a user can act on, and what the system refuses, are one message and exit status 2.

    The rest keeps its traceback. Who stops reading what is printed, such as ``head``, is told nothing.
    """
    from alworkflows.cli.refusals import database_refused, refused

    guard_streams()
    try:
        group()
    except (InputError, MissingExtraError) as error:
        say(f"error: {error}", "red", stderr=True)
        sys.exit(2)
    except BrokenPipeError:
        # nobody reads: what is left in the buffer, which Python would write at its end, goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        say(f"error: {refused(error)}", "red", stderr=True)
        sys.exit(2)
    except MemoryError:
        say("error: this computer has not enough memory for that", "red", stderr=True)
        sys.exit(2)
    except SimulationError as error:
        say(f"error: {error}", "red", stderr=True)
        sys.exit(1)
    except Exception as error:
        if (told := database_refused(error)) is None:
            raise
        say(f"error: {told}", "red", stderr=True)
        sys.exit(2)
