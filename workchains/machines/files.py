"""The files of a machine: profile, computer, codes and job options, with every key's default and meaning in one place."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from alworkflows.errors import InputError, unknown
from alworkflows.schema import Count, Settings
from alworkflows.settings import parse, read_yaml
from workchains.machines.cores import available_cores
from workchains.machines.options import OptionsFile
from workchains.machines.programs import PROGRAMS
from workchains.machines.session import PROFILE
from workchains.machines.texts import Block, Line, Name, template

__all__ = ["CodeFile", "ComputerFile", "Machine", "ProfileFile", "copy_machine", "load_machine", "machines"]

BUILTIN = Path(__file__).parents[1] / "profiles"

#: what stands in a built-in machine where only its owner knows the value
PLACEHOLDER = re.compile(r"<[A-Z][A-Z_ ]*[A-Z]>")


class ProfileFile(Settings):
    """``profile.yaml``."""

    name: str = Field(PROFILE, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", description="name of the AiiDA profile")
    storage: str = Field("core.sqlite_dos", description="AiiDA storage plugin")
    storage_config: dict[str, Any] = Field(
        default_factory=dict,
        description="as `verdi profile setup` knows it; knows {aiida_path} and {profile}; $NAME is read from the environment",
    )
    broker: str | None = Field("core.zeromq", description="AiiDA broker plugin; none: no daemon")
    broker_config: dict[str, Any] = Field(
        default_factory=dict, description="as `verdi profile configure-broker` knows it; $NAME is read from the environment"
    )
    email: Line = Field("alworkflows@localhost", description="of the profile's user")
    daemon_workers: int = Field(1, ge=1, le=1000, description="processes that run work chains")
    options: dict[str, Any] = Field(
        default_factory=dict, description="as `verdi config set` knows them; in a profile that exists, those it has not set"
    )


class ComputerFile(Settings):
    """``computer.yaml``."""

    label: Name = Field("", pattern=r"^[^@\s]+$", description="AiiDA's name of the computer; not given: the folder's name")
    hostname: Name = Field(min_length=1, description="its address; for `core.ssh_async` also a Host of ~/.ssh/config")
    description: Block = ""
    transport: str = Field("core.local", description="AiiDA transport plugin")
    transport_config: dict[str, Any] = Field(default_factory=dict, description="as `verdi computer configure` knows it")
    scheduler: str = Field(description="AiiDA scheduler plugin; core.direct: none, jobs start at once")
    work_dir: Annotated[str, template("aiida_path", "profile", "username")] = Field(
        "{aiida_path}/scratch/{profile}", description="where jobs run; knows {aiida_path}, {profile}, {username}"
    )
    max_jobs: Count | None = Field(None, description="most jobs in flight on this computer, over all campaigns; none: no cap")
    cores: Count | Literal["auto"] | None = Field(
        None,
        description="cores that the jobs in flight share, over all campaigns, each taking its processes times its threads; where "
        "jobs start at once. auto: those of this machine, unless max_jobs is given; none: not counted, as a scheduler does it",
    )
    shebang: Line = Field("#!/bin/bash", pattern=r"^#!", description="first line of job scripts")
    mpirun_command: Annotated[
        str,
        template(
            "tot_num_mpiprocs", "num_machines", "num_mpiprocs_per_machine", "num_cores_per_mpiproc", "num_cores_per_machine"
        ),
    ] = Field("mpirun -np {tot_num_mpiprocs}", description="what starts a program that runs under MPI")
    mpiprocs_per_machine: Count = Field(1, description="processes on a node where nothing else is said")
    prepend_text: Block = Field("", description="lines of every job script before the program")
    append_text: Block = Field("", description="lines of every job script after it")
    safe_interval: float = Field(10.0, ge=0, le=86400, description="s between two connections")
    poll_interval: float = Field(10.0, ge=0, le=86400, description="s between two looks at the jobs")


class CodeFile(Settings):
    """``codes/NAME.yaml``, where NAME is the program."""

    label: Name = Field("", pattern=r"^[^@\s]+$", description="AiiDA's name of the code; not given: the program")
    description: Block = ""
    executable: Line = Field("auto", description="absolute path on the computer; auto: looked for on this machine")
    plugin: str | None = Field(None, description="AiiDA calculation plugin it is for; not given: by program")
    with_mpi: bool = Field(False, description="whether it is started by `mpirun_command`; not given: true for vasp and pw")
    prepend_text: Block = Field("", description="lines of the job script before the program, such as `module load vasp`")
    append_text: Block = Field("", description="lines of the job script after it")
    version: Line | None = Field(None, description="the program's version: part of what tells labels apart")
    optional: bool = Field(False, description="on this machine: skip the code if the program is not installed")


@dataclass(frozen=True)
class Machine:
    """The files of a machine, checked; ``codes`` by program."""

    name: str
    profile: ProfileFile
    computer: ComputerFile
    codes: dict[str, CodeFile]
    options: OptionsFile

    @property
    def cores(self) -> int | None:
        """How many cores the jobs in flight share; None: they are not counted."""
        cores = self.computer.cores
        if cores != "auto":
            return cores
        # what was written by hand wins over what is found
        return None if self.computer.max_jobs is not None else available_cores()

    @property
    def local(self) -> bool:
        """Whether jobs run on this very machine."""
        return self.computer.transport == "core.local"

    def executable(self, program: str) -> str:
        """Return the absolute path of a program on the computer.

        Raises
        ------
        InputError
            If it is not given, or is not there on this machine.
        """
        where, path = f"codes/{program}.yaml: executable", self.codes[program].executable
        if path != "auto":
            if not os.path.isabs(path):
                raise InputError(f"{where}: expected an absolute path or 'auto', got '{path}'")
            if self.local and not (os.path.isfile(path) and os.access(path, os.X_OK)):
                raise InputError(f"{where}: expected a program that can be run, got '{path}'")
            return path
        if not self.local:
            raise InputError(f"{where}: 'auto' is for this machine; give the path on {self.computer.hostname}")
        try:
            return PROGRAMS[program].find()
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


def machines() -> dict[str, Path]:
    """Return the built-in machines: name and folder."""
    return {path.name: path for path in sorted(BUILTIN.iterdir()) if (path / "computer.yaml").is_file()}


def load_machine(machine: str | Path) -> Machine:
    """Read a machine: a built-in one by name, or a folder of one's own.

    Raises
    ------
    InputError
        If there is no such machine, one of its files is missing or wrong, or something is still to be filled in.
    """
    folder = _folder(machine)
    profile, computer, options = (read_yaml(folder / name) for name in ("profile.yaml", "computer.yaml", "options.yaml"))
    codes = {path.stem: read_yaml(path) for path in sorted((folder / "codes").glob("*.yaml"))}
    if (folder / "code.yaml").exists():
        raise InputError(f"{folder / 'code.yaml'}: a machine has one file a program; move it to codes/alworkflows.yaml")
    for program in codes:
        if program not in PROGRAMS:
            raise unknown(f"program ({folder}/codes)", program, PROGRAMS)
    if "alworkflows" not in codes:
        raise InputError(f"{folder / 'codes' / 'alworkflows.yaml'}: no such file; it says where the alworkflows executable is")
    files = {"profile.yaml": profile, "computer.yaml": computer, "options.yaml": options}
    _refuse_placeholders({**files, **{f"codes/{program}.yaml": data for program, data in codes.items()}}, folder)
    loaded = Machine(
        name=folder.resolve().name,
        profile=parse(ProfileFile, profile, str(folder / "profile.yaml")),
        computer=parse(ComputerFile, {"label": folder.resolve().name, **computer}, str(folder / "computer.yaml")),
        codes={
            program: parse(CodeFile, {**PROGRAMS[program].defaults(program), **data}, str(folder / "codes" / f"{program}.yaml"))
            for program, data in codes.items()
        },
        options=parse(OptionsFile, options, str(folder / "options.yaml")),
    )
    for program, code in loaded.codes.items():
        if code.with_mpi and PROGRAMS[program].version is None:
            raise InputError(
                f"{folder / 'codes' / program}.yaml: with_mpi: expected false: mpirun would start the alworkflows executable, "
                "and so the whole job, several times"
            )
    if loaded.computer.cores == "auto" and not loaded.local:
        raise InputError(
            f"{folder / 'computer.yaml'}: cores: 'auto' is for this machine (core.local); give the number of cores that jobs on "
            f"{loaded.computer.hostname} may share"
        )
    for program in loaded.options.programs:
        if program not in PROGRAMS:
            raise unknown(f"program ({folder / 'options.yaml'}, programs)", program, PROGRAMS)
    return loaded


def copy_machine(machine: str, destination: str | Path) -> Path:
    """Copy a built-in machine to a folder that is to be edited, and return the folder.

    Raises
    ------
    InputError
        If there is no such machine, or the folder exists and is not empty.
    """
    folders = machines()
    if machine not in folders:
        raise unknown("machine", machine, folders)
    folder = Path(destination)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: expected a folder that does not exist or is empty")
    shutil.copytree(folders[machine], folder, dirs_exist_ok=True)
    return folder


def _folder(machine: str | Path) -> Path:
    folder = Path(machine)
    # a built-in name is that, whatever folders are about; `./slurm` is one's own
    folders = machines()
    if isinstance(machine, str) and machine in folders:
        return folders[machine]
    if folder.is_dir():
        return folder
    raise unknown("machine (and no such folder)", machine, folders)


def _refuse_placeholders(files: dict[str, Any], folder: Path) -> None:
    """Say what is still to be filled in."""
    unfilled = [f"{name}: {key}: {text}" for name, data in files.items() for key, text in _placeholders(data)]
    if not unfilled:
        return
    built_in = folder.parent == BUILTIN
    how = f"; copy it first: alworkflows setup --copy {folder.name} my-cluster/" if built_in else ""
    raise InputError(f"{folder}: {len(unfilled)} values are yours to fill in{how}\n  " + "\n  ".join(unfilled))


def _placeholders(data: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(data, str):
        if match := PLACEHOLDER.search(data):
            yield key, match.group()
        return
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, value in items:
        yield from _placeholders(value, f"{key}.{name}" if key else str(name))
