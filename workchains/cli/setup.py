"""``alworkflows setup``: profile, computer, codes and daemon of a machine, and whether its programs run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from alworkflows.cli.output import console, json_option, print_json
from alworkflows.errors import InputError

if TYPE_CHECKING:
    from workchains.machines import SetupReport
    from workchains.machines.trial import Trial

__all__ = ["setup"]


@click.command()
@click.argument("machine", required=False, metavar="[MACHINE|DIR]")
@click.option("--profile", "-p", metavar="NAME", help="Name of the AiiDA profile; default: that of the machine's files.")
@click.option(
    "--aiida-path",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="AiiDA directory; default: AIIDA_PATH, else ~/.alworkflows.",
)
@click.option("--daemon/--no-daemon", default=True, help="Start the daemon that runs campaigns.  [default: daemon]")
@click.option("--test", is_flag=True, help="Then run a small job of each program there, and say what is wrong.")
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long --test waits for the jobs, time in the queue included.",
)
@click.option("--copy", "source", metavar="NAME", help="Copy the built-in machine NAME to the folder DIR, to edit; nothing else.")
@click.option("--list", "show_list", is_flag=True, help="List the built-in machines and do nothing.")
@json_option
def setup(
    machine: str | None,
    profile: str | None,
    aiida_path: str | None,
    daemon: bool,
    test: bool,
    timeout: int,
    source: str | None,
    show_list: bool,
    as_json: bool,
) -> None:
    """Prepare a MACHINE: AiiDA profile, computer, codes, daemon.

    MACHINE is the name of a built-in one (default: laptop), or a folder with the same files: profile.yaml, computer.yaml,
    options.yaml, and codes/NAME.yaml for each program. What is there already is kept; run it as often as you like.

    With --test the exit status is 2 if a program does not run.

    \b
    Examples:
      alworkflows setup                         this machine, no services needed
      alworkflows setup --copy slurm cluster/   files of a Slurm cluster, to fill in
      alworkflows setup cluster/ --test         set it up, and see that its programs run
      alworkflows setup --aiida-path ~          into the AiiDA directory you have
    """
    from workchains import machines
    from workchains.machines.daemon import daemon_status, start_daemon

    if show_list:
        names = {name: str(folder) for name, folder in machines.machines().items()}
        if as_json:
            print_json(names)
        else:
            click.echo("\n".join(f"{name:12s} {folder}" for name, folder in names.items()))
        return
    if source is not None:
        _copy(source, machine, as_json)
        return
    if test and not daemon:
        raise InputError("--test runs jobs through the daemon; expected it without --no-daemon")
    report = machines.setup(machine or "laptop", profile, aiida_path)
    if daemon:
        known = daemon_status()
        status = start_daemon()
        line = f"daemon with {status.workers} worker{'s' if status.workers != 1 else ''}"
        (report.found if status.pid == known.pid else report.created).append(line)
        if status.mended:
            report.created.append(f"of an earlier daemon: {status.mended}")
    if not as_json:
        _print(report)
    trials = _test(report, timeout, as_json) if test else []
    if as_json:
        print_json({**vars(report), "tests": trials} if test else report)
    elif not test:
        _print_next(report)
    if not all(trial.ok for trial in trials):
        sys.exit(2)


def _copy(source: str, destination: str | None, as_json: bool) -> None:
    from workchains.machines import copy_machine

    if destination is None:
        raise InputError(f"--copy: expected a folder to copy to, as in: alworkflows setup --copy {source} my-cluster/")
    folder = copy_machine(source, destination)
    if as_json:
        print_json({"machine": source, "folder": str(folder)})
    else:
        click.echo(
            f"copied {source} to {folder}; fill in what stands in angle brackets, then: alworkflows setup {folder}/ --test"
        )


def _test(report: SetupReport, timeout: int, as_json: bool) -> list[Trial]:
    from rich.text import Text

    from workchains.machines.trial import try_machine

    def show(trial: Trial) -> None:
        word = Text("ok   ", style="green") if trial.ok else Text("wrong", style="red")
        console().print(word + Text(f"  {trial.what:12s} {trial.seconds:6.1f} s  {trial.message}"), soft_wrap=True)

    if not as_json:
        click.echo("")
    return try_machine(report, timeout, (lambda trial: None) if as_json else show)


def _print(report: SetupReport) -> None:
    for word, lines in (("made  ", report.created), ("found ", report.found), ("left out", report.skipped)):
        for line in lines:
            click.echo(f"{word} {line}")


def _print_next(report: SetupReport) -> None:
    from workchains.machines.session import PROFILE

    click.echo(f"\nAiiDA directory: {report.aiida_path}")
    if str(report.aiida_path) != _default_path():
        click.echo(f"In other terminals, first: export AIIDA_PATH={report.aiida_path}")
    named = "" if report.profile == PROFILE else f" --profile {report.profile}"
    click.echo(f"`verdi -p {report.profile}` shows what is in it, with AIIDA_PATH={report.aiida_path}.")
    click.echo(f"\nNext: alworkflows new zno > zno.yaml\n      alworkflows launch zno.yaml --wait{named}")


def _default_path() -> str:
    from pathlib import Path

    from workchains.machines.session import HOME

    return str(Path(HOME).expanduser())
