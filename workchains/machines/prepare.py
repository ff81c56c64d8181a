"""A machine as a whole: from its folder to an AiiDA profile, computer and codes. Doing it again changes nothing that is right.

A computer that contradicts its file is an error, a code whose executable has moved is set aside and made anew. What else the
files say of the computer and its jobs is renewed each time.
"""

from __future__ import annotations

from pathlib import Path

from alworkflows.errors import InputError
from alworkflows.settings import parse
from workchains.machines import services, session
from workchains.machines.files import Machine, ProfileFile, load_machine
from workchains.machines.options import tables
from workchains.machines.parts import SetupReport, make_codes, make_computer, make_profile

__all__ = ["setup"]


def setup(machine: str | Path, profile: str | None = None, aiida_path: str | Path | None = None) -> SetupReport:
    """Make the profile, computer and codes of a machine, whatever of it is not there yet, and load the profile.

    Parameters
    ----------
    machine
        Name of a built-in machine, or a folder with the same files.
    profile
        Name of the profile; None: that of ``profile.yaml``. An existing one is used as it is.
    aiida_path
        The AiiDA directory; None: that of ``AIIDA_PATH``, else ``~/.alworkflows``.

    Raises
    ------
    InputError
        If the machine is unknown or one of its files wrong, something exists that contradicts them, a program is missing that is
        not optional, or a service refuses.
    """
    files = load_machine(machine)
    executables, skipped = _executables(files)
    name = files.profile.name if profile is None else profile
    folder = session.use_directory(aiida_path)
    _check(files)
    if not _exists(name):
        parse(ProfileFile, {"name": name}, "--profile")  # the rule of `profile.yaml`: folders are named after it
    # of what cannot be reached, not even the profile is made
    connected = not _exists(name) and bool(services.check_connection(files.computer))
    report = SetupReport(folder.parent, name, files.name, files.computer.label, skipped=skipped)
    make_profile(files.profile, name, report)
    computer = make_computer(files, report, connected)
    make_codes(files, executables, computer, report)
    return report


def _check(files: Machine) -> None:
    """Refuse what AiiDA would refuse, before anything is made."""
    from aiida.common.exceptions import EntryPointError
    from aiida.plugins import SchedulerFactory

    services.check_transport(files.computer)
    try:
        SchedulerFactory(files.computer.scheduler)
    except EntryPointError as error:
        raise InputError(f"computer.yaml: scheduler: AiiDA has no '{files.computer.scheduler}': {error}") from error
    tables(files.options, files.computer.scheduler)


def _exists(profile: str) -> bool:
    from aiida.manage.configuration import get_config

    return profile in get_config(create=True).profile_names


def _executables(files: Machine) -> tuple[dict[str, str], list[str]]:
    """Return the path of each program, and a line for each that is optional and not there."""
    paths, skipped = {}, []
    for program, code in files.codes.items():
        try:
            paths[program] = files.executable(program)
        except InputError as error:
            if not (code.optional and files.local):
                raise
            skipped.append(f"code {code.label}: {str(error).split(': ', 2)[-1]}")
    return paths, skipped
