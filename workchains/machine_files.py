"""The files of a machine: profile, computer, code and job options, with every key's default and meaning in one place."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from alworkflows.errors import InputError, unknown
from alworkflows.settings import Settings, parse, read_yaml
from workchains.session import PROFILE

__all__ = ["CodeFile", "ComputerFile", "Machine", "OptionsFile", "ProfileFile", "load_machine", "machines"]

BUILTIN = Path(__file__).parent / "profiles"


class ProfileFile(Settings):
    """``profile.yaml``."""

    name: str = Field(PROFILE, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    storage: str = Field("core.sqlite_dos", description="AiiDA storage plugin")
    storage_config: dict[str, Any] = Field(default_factory=dict)
    broker: str | None = Field("core.zeromq", description="AiiDA broker plugin; none: no daemon")
    broker_config: dict[str, Any] = Field(default_factory=dict)
    email: str = "alworkflows@localhost"
    daemon_workers: int = Field(1, ge=1)
    options: dict[str, Any] = Field(default_factory=dict, description="as `verdi config set` knows them")


class ComputerFile(Settings):
    """``computer.yaml``."""

    label: str = Field(min_length=1)
    hostname: str = Field(min_length=1)
    description: str = ""
    transport: str = Field("core.local", description="AiiDA transport plugin")
    transport_config: dict[str, Any] = Field(default_factory=dict, description="as `verdi computer configure` knows them")
    scheduler: str = Field("core.direct", description="AiiDA scheduler plugin")
    work_dir: str = Field(
        "{aiida_path}/scratch/{profile}", description="where jobs run; knows {aiida_path}, {profile}, {username}"
    )
    shebang: str = "#!/bin/bash"
    mpirun_command: str = "mpirun -np {tot_num_mpiprocs}"
    mpiprocs_per_machine: int = Field(1, ge=1)
    prepend_text: str = ""
    append_text: str = ""
    safe_interval: float = Field(10.0, ge=0, description="s between two connections")
    poll_interval: float = Field(10.0, ge=0, description="s between two looks at the jobs")


class CodeFile(Settings):
    """``code.yaml``."""

    label: str = Field("alworkflows", pattern=r"^[^@\s]+$")
    description: str = ""
    executable: str = Field("auto", description="absolute path on the computer; auto: the one beside this Python")
    prepend_text: str = ""
    append_text: str = ""


class OptionsFile(Settings):
    """``options.yaml``: ``metadata.options`` per step, over those of ``default``."""

    default: dict[str, Any] = Field(default_factory=dict)
    sample: dict[str, Any] = Field(default_factory=dict)
    deviate: dict[str, Any] = Field(default_factory=dict)
    label: dict[str, Any] = Field(default_factory=dict)
    fit: dict[str, Any] = Field(default_factory=dict)
    evaluate: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """The four files of a machine, checked."""

    name: str
    profile: ProfileFile
    computer: ComputerFile
    code: CodeFile
    options: OptionsFile

    def executable(self) -> str:
        """Return the absolute path of the executable on the computer."""
        given = self.code.executable
        if given != "auto":
            if not os.path.isabs(given):
                raise InputError(f"code.yaml: executable: expected an absolute path or 'auto', got '{given}'")
            if self.computer.transport == "core.local" and not os.access(given, os.X_OK):
                raise InputError(f"code.yaml: executable: expected a program that can be run, got '{given}'")
            return given
        if self.computer.transport != "core.local":
            raise InputError(f"code.yaml: executable: 'auto' is for this machine; give the path on {self.computer.hostname}")
        found = shutil.which("alworkflows", path=os.path.dirname(sys.executable)) or shutil.which("alworkflows")
        if found is None:
            raise InputError(
                f"no 'alworkflows' executable beside {sys.executable} or on the PATH; install the package with: pip install ."
            )
        return os.path.abspath(found)

    def check_options(self) -> None:
        """See that every option is one AiiDA's jobs know."""
        from aiida.engine import CalcJob

        known = set(CalcJob.spec().inputs["metadata"]["options"])  # type: ignore[index, arg-type]
        for step, options in self.options.model_dump().items():
            for key in options:
                if key not in known:
                    raise unknown(f"job option (options.yaml, {step})", key, known)


def machines() -> dict[str, Path]:
    """Return the built-in machines: name and folder."""
    return {path.name: path for path in sorted(BUILTIN.iterdir()) if (path / "computer.yaml").is_file()}


def load_machine(machine: str | Path) -> Machine:
    """Read a machine: a built-in one by name, or a folder of one's own.

    Raises
    ------
    InputError
        If there is no such machine, or one of its files is missing or wrong.

    """
    folder = Path(machine)
    if not folder.is_dir():
        known = machines()
        if str(machine) not in known:
            raise unknown("machine (and no such folder)", machine, known)
        folder = known[str(machine)]

    def part(model: type[Any], name: str) -> Any:
        return parse(model, read_yaml(folder / name), str(folder / name))

    return Machine(
        name=folder.name,
        profile=part(ProfileFile, "profile.yaml"),
        computer=part(ComputerFile, "computer.yaml"),
        code=part(CodeFile, "code.yaml"),
        options=part(OptionsFile, "options.yaml"),
    )
