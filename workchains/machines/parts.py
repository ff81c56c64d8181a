"""The parts of a machine in AiiDA: profile, computer, codes; each is made if it is not there, and follows its file if it may."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alworkflows.errors import InputError
from workchains.machines import services, session
from workchains.machines.cores import cores_of
from workchains.machines.database import write_ahead
from workchains.machines.files import ComputerFile, Machine, ProfileFile
from workchains.machines.options import STEPS, tables

if TYPE_CHECKING:
    from aiida.manage.configuration.config import Config
    from aiida.orm import Computer

__all__ = ["SetupReport", "make_codes", "make_computer", "make_profile"]

#: the file of AiiDA's `core.sqlite_dos`
DATABASE = "database.sqlite"
#: properties of a computer
MACHINE_KEY = "alworkflows_machine"
OPTIONS_KEY = "alworkflows_options"
SIZED_KEY = "alworkflows_options_by_atoms"
MAX_JOBS_KEY = "alworkflows_max_jobs"
CORES_KEY = "alworkflows_cores"
#: extras of a code
PROGRAM_KEY = "alworkflows_program"
VERSION_KEY = "alworkflows_version"


@dataclass
class SetupReport:
    """What setting up a machine found and made.

    Attributes
    ----------
    aiida_path
        The AiiDA directory, as ``AIIDA_PATH`` takes it.
    profile
        Name of the profile.
    machine, computer
        Name of the machine, label of its computer.
    codes
        Full label by program, such as ``alworkflows@localhost``.
    created, found, skipped
        One line a thing: made or changed, right already, left out and why.
    """

    aiida_path: Path
    profile: str
    machine: str
    computer: str
    codes: dict[str, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


# ------------------------------------------------------------------------------------------------ profile


def make_profile(files: ProfileFile, name: str, report: SetupReport) -> None:
    """Make the profile if it is not there, and load it; one that is there gets the options it has not set.

    Raises
    ------
    InputError
        If a service refuses or AiiDA cannot make the profile; nothing of it is left then.
    """
    from aiida.common.exceptions import ConfigurationError
    from aiida.manage.configuration import get_config
    from aiida.manage.configuration.options import parse_option

    config = get_config(create=True)
    for option, value in files.options.items():
        try:
            parse_option(option, value)
        except ConfigurationError as error:
            raise InputError(f"profile.yaml: options.{option}: {error}") from error
    if name not in config.profile_names:
        _new_profile(config, files, name, report)
        _write_ahead(config, name, report)
        return
    profile = config.get_profile(name)
    services.check_storage(profile.storage_backend, profile.storage_config)
    services.check_broker(profile.process_control_backend, profile.process_control_config)
    report.found.append(f"profile {name}")
    added = {option: value for option, value in files.options.items() if option not in profile.options}
    for option, value in added.items():
        config.set_option(option, value, scope=name)
        report.created.append(f"option {option} = {value} of profile {name}")
    if added:
        config.store()
    _write_ahead(config, name, report)
    session.activate(name)


def _write_ahead(config: Config, name: str, report: SetupReport) -> None:
    """Let a database that is a file of ours write ahead."""
    profile = config.get_profile(name)
    if profile.storage_backend == "core.sqlite_dos" and write_ahead(Path(profile.storage_config["filepath"]) / DATABASE):
        report.created.append(f"profile {name}: its database writes ahead (SQLite's WAL)")


def _new_profile(config: Config, files: ProfileFile, name: str, report: SetupReport) -> None:
    from aiida.common.exceptions import ConfigurationError, EntryPointError, StorageMigrationError
    from aiida.manage.configuration import create_profile

    storage = services.storage_config(files, name, report.aiida_path / ".aiida")
    broker = services.broker_config(files)
    services.check_storage(files.storage, storage)
    services.check_broker(files.broker, broker)
    try:
        create_profile(
            config,
            name=name,
            email=files.email,
            storage_backend=files.storage,
            storage_config=storage,
            broker_backend=files.broker,
            broker_config=broker,
        )
        for option, value in {**files.options, "daemon.default_workers": files.daemon_workers}.items():
            config.set_option(option, value, scope=name)
    except (ValueError, TypeError, EntryPointError, StorageMigrationError, ConfigurationError) as error:
        if name in config.profile_names:
            config.remove_profile(name)
            config.store()
        raise InputError(f"profile.yaml: AiiDA cannot make this profile: {error}") from error
    config.set_default_profile(name, overwrite=False)  # the default of a directory used for other work stays
    config.store()
    report.created.append(f"profile {name} ({files.storage}, {files.broker or 'no broker'}) in {report.aiida_path}")
    session.activate(name)


# ------------------------------------------------------------------------------------------------ computer


def make_computer(files: Machine, report: SetupReport, connected: bool = False) -> Computer:
    """Make the computer if it is not there, see that an existing one is the same machine, and bring the rest up to the file.

    Parameters
    ----------
    files, report
        The machine, and what is told.
    connected
        Whether a connection as the files describe it was made already.

    Raises
    ------
    InputError
        If a computer of that label is another machine, it cannot be reached, or AiiDA refuses it.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import Computer

    wanted = files.computer
    options, sized = tables(files.options, wanted.scheduler)
    # {username} is AiiDA's own, and stays
    work_dir = wanted.work_dir.replace("{aiida_path}", str(report.aiida_path)).replace("{profile}", report.profile)
    properties = _properties(wanted, work_dir)
    try:
        computer = Computer.collection.get(label=wanted.label)
    except NotExistent:
        if not connected:
            services.check_connection(wanted)
        computer = _new_computer(wanted, work_dir, properties)
        report.created.append(f"computer {wanted.label} ({wanted.transport}, {wanted.scheduler}), jobs in {work_dir}")
    else:
        _same_machine(wanted, computer, report.profile)
        report.found.append(f"computer {wanted.label}")
        for key, value in properties.items():
            if computer.get_property(key, None) != value:
                computer.set_property(key, value)
                report.created.append(f"{key} of computer {wanted.label}: {value}")
    _connect(wanted, computer, report)
    _take_name(files.name, computer)
    computer.set_property(OPTIONS_KEY, options)
    computer.set_property(SIZED_KEY, sized)
    computer.set_property(MAX_JOBS_KEY, wanted.max_jobs)
    computer.set_property(CORES_KEY, files.cores)
    if files.cores is not None:
        report.found.append(_shares(files.cores, options))
    return computer


def _shares(cores: int, options: dict[str, dict[str, Any]]) -> str:
    """Say how many jobs of each step fit side by side."""
    steps: dict[int, list[str]] = {}
    for step in STEPS:
        steps.setdefault(max(cores // cores_of(options[step]), 1), []).append(step)
    counts = [f"{count} of {', '.join(names)}" for count, names in sorted(steps.items(), reverse=True)]
    return f"{cores} core{'s' if cores > 1 else ''} for jobs, so many at a time: {'; '.join(counts)}"


def _properties(wanted: ComputerFile, work_dir: str) -> dict[str, Any]:
    """Return what of a computer may change, under AiiDA's names."""
    return {
        "workdir": work_dir,
        "shebang": wanted.shebang,
        "mpirun_command": wanted.mpirun_command.split(),
        "default_mpiprocs_per_machine": wanted.mpiprocs_per_machine,
        "prepend_text": wanted.prepend_text,
        "append_text": wanted.append_text,
        "minimum_scheduler_poll_interval": wanted.poll_interval,
    }


def _same_machine(wanted: ComputerFile, computer: Computer, profile: str) -> None:
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


def _new_computer(wanted: ComputerFile, work_dir: str, properties: dict[str, Any]) -> Computer:
    """Store a computer as its file describes it."""
    from aiida.common.exceptions import ValidationError
    from aiida.orm import Computer

    computer = Computer(
        label=wanted.label,
        hostname=wanted.hostname,
        description=wanted.description,
        transport_type=wanted.transport,
        scheduler_type=wanted.scheduler,
        workdir=work_dir,
    )
    for key, value in properties.items():
        computer.set_property(key, value)
    try:
        return computer.store()
    except ValidationError as error:
        how = f"transport {wanted.transport}, scheduler {wanted.scheduler}, work_dir {work_dir}"
        raise InputError(f"computer.yaml: AiiDA cannot make this computer ({how}): {error}") from error


def _connect(wanted: ComputerFile, computer: Computer, report: SetupReport) -> None:
    """Configure the transport; a configuration that changes is tried first."""
    config = {"safe_interval": wanted.safe_interval, **wanted.transport_config}
    if computer.is_configured:
        current = computer.get_configuration()
        if all(current.get(key) == value for key, value in config.items()):
            return
        services.check_connection(wanted)
        report.created.append(f"connection to computer {wanted.label}")
    computer.configure(**config)


def _take_name(machine: str, computer: Computer) -> None:
    """Remember the machine's name with its computer alone: a machine set up under another label is that one from now on."""
    from aiida.orm import QueryBuilder

    for other in QueryBuilder().append(type(computer), filters={"id": {"!==": computer.pk}}).all(flat=True):
        if (other.metadata or {}).get(MACHINE_KEY) == machine:
            other.delete_property(MACHINE_KEY)
    computer.set_property(MACHINE_KEY, machine)


# ------------------------------------------------------------------------------------------------ codes


def make_codes(files: Machine, executables: dict[str, str], computer: Computer, report: SetupReport) -> None:
    """Make the codes that are not there; one that its file contradicts is hidden under a label that tells it apart.

    Parameters
    ----------
    files, computer
        The machine, and its computer.
    executables
        Absolute path by program; programs that are not installed are left out.
    report
        Told what was found and made.
    """
    from aiida.orm import InstalledCode, QueryBuilder

    for program, executable in executables.items():
        wanted = files.codes[program]
        query = QueryBuilder().append(type(computer), filters={"id": computer.pk}, tag="computer")
        query.append(InstalledCode, with_computer="computer", filters={"label": wanted.label})
        attributes: dict[str, Any] = {
            "filepath_executable": executable,
            "default_calc_job_plugin": wanted.plugin,
            "with_mpi": wanted.with_mpi,
            "prepend_text": wanted.prepend_text,
            "append_text": wanted.append_text,
        }
        report.codes[program] = f"{wanted.label}@{computer.label}"
        kept = False
        for (code,) in query.all():
            changed = [key for key, value in attributes.items() if _attribute(code, key) != value]
            if code.base.extras.get(VERSION_KEY, None) != wanted.version:
                changed.append("version")
            if not changed:
                code.base.extras.set(PROGRAM_KEY, program)
                report.found.append(f"code {code.full_label}")
                kept = True
                continue
            code.is_hidden = True
            code.label = f"{wanted.label}-{code.pk}"
            report.created.append(f"label {code.full_label} for the code before, of another {', '.join(changed)}")
        if not kept:
            code = InstalledCode(computer=computer, label=wanted.label, description=wanted.description, **attributes).store()
            code.base.extras.set_many({PROGRAM_KEY: program, VERSION_KEY: wanted.version})
            report.created.append(f"code {code.full_label} ({executable})")


def _attribute(code: Any, key: str) -> Any:
    value = getattr(code, key)
    return str(value) if key == "filepath_executable" else value
