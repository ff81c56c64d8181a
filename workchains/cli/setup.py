"""``alworkflows setup``: profile, computer, code and daemon of a machine."""

from __future__ import annotations

import click

from alworkflows.commands.output import json_option, print_json

__all__ = ["setup"]


@click.command()
@click.argument("machine", default="laptop", metavar="[MACHINE|DIR]")
@click.option("--profile", "-p", metavar="NAME", help="Name of the AiiDA profile; default: that of the machine's files.")
@click.option(
    "--aiida-path",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="AiiDA directory; default: AIIDA_PATH, else ~/.alworkflows.",
)
@click.option("--daemon/--no-daemon", default=True, help="Start the daemon that runs campaigns.  [default: daemon]")
@click.option("--list", "show_list", is_flag=True, help="List the built-in machines and do nothing.")
@json_option
def setup(machine: str, profile: str | None, aiida_path: str | None, daemon: bool, show_list: bool, as_json: bool) -> None:
    """Prepare a MACHINE: AiiDA profile, computer, code, daemon.

    MACHINE is the name of a built-in one, or a folder with the same four files (profile.yaml, computer.yaml, code.yaml,
    options.yaml). What is there already is kept; run it as often as you like.

    \b
    Examples:
      alworkflows setup                     this machine, no services needed
      alworkflows setup cluster/            a cluster, described by files of your own
      alworkflows setup --aiida-path ~      into the AiiDA directory you have
    """
    from workchains import machines, session

    if show_list:
        names = {name: str(folder) for name, folder in machines.machines().items()}
        if as_json:
            print_json(names)
        else:
            click.echo("\n".join(f"{name:12s} {folder}" for name, folder in names.items()))
        return
    report = machines.setup(machine, profile, aiida_path)
    if daemon:
        known = session.daemon_status()
        status = session.start_daemon()
        line = f"daemon with {status.workers} worker{'s' if status.workers != 1 else ''}"
        (report.found if known.running else report.created).append(line)
    if as_json:
        print_json(report)
        return
    for line in report.created:
        click.echo(f"made   {line}")
    for line in report.found:
        click.echo(f"found  {line}")
    click.echo(f"\nAiiDA directory: {report.aiida_path}")
    if str(report.aiida_path) != _default_path():
        click.echo(f"In other terminals, first: export AIIDA_PATH={report.aiida_path}")
    named = "" if profile is None else f" --profile {profile}"
    click.echo(f"`verdi -p {report.profile}` shows what is in it, with AIIDA_PATH={report.aiida_path}.")
    click.echo(f"\nNext: alworkflows new zno > zno.yaml\n      alworkflows launch zno.yaml --wait{named}")


def _default_path() -> str:
    from pathlib import Path

    from workchains.session import HOME

    return str(Path(HOME).expanduser())
