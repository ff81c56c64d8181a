"""Machines: from a folder of YAML files to an AiiDA profile, computer and code. Doing it again changes nothing that is right.

A machine is a folder with ``profile.yaml``, ``computer.yaml``, ``code.yaml`` and ``options.yaml`` (``metadata.options`` of each
step's jobs); the built-in ones are in ``profiles/``. Existing profiles, computers and codes are not changed: one that contradicts
its file is an error, a code whose executable has moved is set aside and made anew. The jobs' options are renewed each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alworkflows.errors import InputError, unknown
from alworkflows.settings import merge
from workchains import session
from workchains.machine_files import CodeFile, ComputerFile, Machine, ProfileFile, load_machine, machines

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode

__all__ = ["SetupReport", "job_options", "load_code", "load_machine", "machines", "setup"]

OPTIONS_KEY = "alworkflows_options"


@dataclass
class SetupReport:
    """What setting up a machine found and made.

    Attributes
    ----------
    aiida_path
        The AiiDA directory, as ``AIIDA_PATH`` takes it.
    profile
        Name of the profile.
    code
        Full label of the code, ``alworkflows@localhost``.
    created, found
        One line a thing.

    """

    aiida_path: Path
    profile: str
    code: str
    created: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)


def setup(machine: str | Path, profile: str | None = None, aiida_path: str | Path | None = None) -> SetupReport:
    """Make the profile, computer and code of a machine, whatever of it is not there yet, and load the profile.

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
        If the machine is unknown or one of its files wrong, something exists that contradicts them, or there is no executable.

    """
    files = load_machine(machine)
    executable = files.executable()
    name = profile or files.profile.name
    folder = session.use_directory(aiida_path)
    report = SetupReport(folder.parent, name, f"{files.code.label}@{files.computer.label}")
    _profile(files.profile, name, report)
    files.check_options()
    computer = _computer(files, name, report)
    _code(files.code, computer, executable, report)
    return report


def load_code(label: str | None = None) -> InstalledCode:
    """Return the code that runs the compute verbs; None: the only one, or that of the first machine set up.

    Raises
    ------
    InputError
        If there is none.

    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import InstalledCode, QueryBuilder
    from aiida.orm import load_code as load_any_code

    codes = [
        code
        for (code,) in QueryBuilder().append(InstalledCode).order_by({InstalledCode: {"id": "asc"}}).iterall()
        if not code.is_hidden and OPTIONS_KEY in (code.computer.metadata or {})
    ]
    labels = [code.full_label for code in codes]
    if label is None:
        if not codes:
            raise InputError("the profile has no code that runs alworkflows; make one with: alworkflows setup laptop")
        return codes[0]
    try:
        code = load_any_code(label)
    except (NotExistent, MultipleObjectsError) as error:
        raise unknown("code", label, labels) from error
    if not isinstance(code, InstalledCode):
        raise InputError(f"code {label}: expected an installed code, got a {type(code).__name__}")
    return code


def job_options(computer: Computer) -> dict[str, dict[str, Any]]:
    """Return ``metadata.options`` per step, as ``options.yaml`` gave them at the last setup; empty if there was none."""
    return (computer.metadata or {}).get(OPTIONS_KEY, {})


# ------------------------------------------------------------------------------------------------ the parts


def _profile(files: ProfileFile, name: str, report: SetupReport) -> None:
    """Make the profile if it is not there, and load it."""
    from aiida.common.exceptions import EntryPointError, StorageMigrationError
    from aiida.manage.configuration import create_profile, get_config

    config = get_config(create=True)
    if name in config.profile_names:
        report.found.append(f"profile {name}")
        session.activate(name)
        return
    broker_config = files.broker_config
    if files.broker is not None and not broker_config:
        from aiida.plugins import BrokerFactory

        broker_config = BrokerFactory(files.broker).get_default_config()
    try:
        create_profile(
            config,
            name=name,
            email=files.email,
            storage_backend=files.storage,
            storage_config=files.storage_config,
            broker_backend=files.broker,
            broker_config=broker_config,
        )
        for option, value in {**files.options, "daemon.default_workers": files.daemon_workers}.items():
            config.set_option(option, value, scope=name)
    except (ValueError, TypeError, EntryPointError, StorageMigrationError) as error:
        raise InputError(f"profile.yaml: AiiDA cannot make this profile: {error}") from error
    config.set_default_profile(name, overwrite=False)  # the default of a directory used for other work stays
    config.store()
    report.created.append(f"profile {name} ({files.storage}, {files.broker or 'no broker'}) in {report.aiida_path}")
    session.activate(name)


def _computer(files: Machine, profile: str, report: SetupReport) -> Computer:
    """Make the computer if it is not there, see that an existing one is the same machine, and write down the jobs' options."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import Computer

    wanted = files.computer
    try:
        computer = Computer.collection.get(label=wanted.label)
    except NotExistent:
        computer = _new_computer(wanted, profile, report.aiida_path)
        report.created.append(
            f"computer {wanted.label} ({wanted.transport}, {wanted.scheduler}), jobs in {computer.get_workdir()}"
        )
    else:
        for key, value in (
            ("hostname", wanted.hostname),
            ("transport_type", wanted.transport),
            ("scheduler_type", wanted.scheduler),
        ):
            if getattr(computer, key) != value:
                raise InputError(
                    f"computer.yaml: profile '{profile}' has another computer '{wanted.label}', whose {key} is "
                    f"{getattr(computer, key)}, not {value}; give this one another label"
                )
        report.found.append(f"computer {wanted.label}")
    if not computer.is_configured:
        computer.configure(safe_interval=wanted.safe_interval, **wanted.transport_config)
    steps = files.options.model_dump()
    default = steps.pop("default")
    computer.set_property(OPTIONS_KEY, {step: merge(default, options) for step, options in steps.items()})
    return computer


def _new_computer(wanted: ComputerFile, profile: str, aiida_path: Path) -> Computer:
    """Store a computer as its file describes it."""
    from aiida.common.exceptions import ValidationError
    from aiida.orm import Computer

    # {username} is AiiDA's own, and stays
    work_dir = wanted.work_dir.replace("{aiida_path}", str(aiida_path)).replace("{profile}", profile)
    computer = Computer(
        label=wanted.label,
        hostname=wanted.hostname,
        description=wanted.description,
        transport_type=wanted.transport,
        scheduler_type=wanted.scheduler,
        workdir=work_dir,
    )
    computer.set_shebang(wanted.shebang)
    computer.set_mpirun_command(wanted.mpirun_command.split())
    computer.set_default_mpiprocs_per_machine(wanted.mpiprocs_per_machine)
    computer.set_prepend_text(wanted.prepend_text)
    computer.set_append_text(wanted.append_text)
    computer.set_minimum_job_poll_interval(wanted.poll_interval)
    try:
        return computer.store()
    except ValidationError as error:
        how = f"transport {wanted.transport}, scheduler {wanted.scheduler}, work_dir {work_dir}"
        raise InputError(f"computer.yaml: AiiDA cannot make this computer ({how}): {error}") from error


def _code(wanted: CodeFile, computer: Computer, executable: str, report: SetupReport) -> None:
    """Make the code if it is not there; one whose executable is another is hidden under a label that tells it apart."""
    from aiida.orm import InstalledCode, QueryBuilder

    query = QueryBuilder().append(type(computer), filters={"id": computer.pk}, tag="computer")
    query.append(InstalledCode, with_computer="computer", filters={"label": wanted.label})
    for (code,) in query.all():
        if str(code.filepath_executable) == executable:
            report.found.append(f"code {code.full_label}")
            return
        code.is_hidden = True
        code.label = f"{wanted.label}-{code.pk}"
        report.created.append(f"label {code.full_label} for the code whose executable was {code.filepath_executable}")
    code = InstalledCode(
        computer=computer,
        filepath_executable=executable,
        label=wanted.label,
        description=wanted.description,
        prepend_text=wanted.prepend_text,
        append_text=wanted.append_text,
        with_mpi=False,
    ).store()
    report.created.append(f"code {code.full_label} ({executable})")
