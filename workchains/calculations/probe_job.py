"""``ProbeJob``: does a program start where jobs run, and which version is it."""

from __future__ import annotations

import re
from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec, ExitCode
from aiida.orm import Dict, InstalledCode, Str
from aiida.parsers import Parser

from workchains.machines.programs import PROGRAMS
from workchains.processes.exit_statuses import ProbeStatus, declare

__all__ = ["ProbeJob", "ProbeParser"]

STDIN, STDOUT, STDERR = "probe.in", "probe.out", "probe.err"
#: lines of each stream that are kept in the report
LINES = 40


class ProbeJob(CalcJob):
    """Start a program without anything to compute: it says who it is, and stops for want of input."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and exit codes."""
        super().define(spec)
        spec.input("code", valid_type=InstalledCode, help="the program on the computer that runs the job")
        spec.input("program", valid_type=Str, validator=_known, help="which one it is, as the machine's files name it")
        one = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.input("metadata.options.resources", valid_type=dict, default=one, help="nodes and processes")
        spec.input("metadata.options.parser_name", valid_type=str, default="alworkflows.probe")
        spec.output("report", valid_type=Dict, help="version (text or null), stdout and stderr (their first lines)")
        declare(spec, ProbeStatus.NOT_STARTED, "the program did not start: {message}")

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the files without which the program would stop before it says its version."""
        files = {STDIN: "", **PROGRAMS[self.inputs.program.value].files}
        for name, text in files.items():
            with folder.open(name, "w") as handle:
                handle.write(text)
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.stdin_name, code.stdout_name, code.stderr_name = STDIN, STDOUT, STDERR
        info = CalcInfo()
        info.codes_info = [code]
        info.retrieve_list = [STDOUT, STDERR]
        return info


class ProbeParser(Parser):
    """Find the program's name and version in what it wrote."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Attach the report."""
        streams = {name: self._read(file) for name, file in (("stdout", STDOUT), ("stderr", STDERR))}
        streams["scheduler"] = self._read("_scheduler-stderr.txt")
        program = PROGRAMS[self.node.inputs.program.value]
        text = "\n".join(streams.values())
        version = re.search(program.version, text) if program.version else None
        report = {name: stream.splitlines()[:LINES] for name, stream in streams.items()}
        self.out("report", Dict({"version": version.group(1) if version else None, **report}))
        if version is None and not (program.banner and re.search(program.banner, text)):
            lines = [line.strip() for name in ("stderr", "scheduler", "stdout") for line in report[name] if line.strip()]
            return self.exit_codes.ERROR_NOT_STARTED.format(message=lines[0][:300] if lines else "it wrote nothing")
        return None

    def _read(self, name: str) -> str:
        if name not in self.retrieved.base.repository.list_object_names():
            return ""
        return self.retrieved.base.repository.get_object_content(name, "rb").decode(errors="replace")


def _known(value: Str, _: Any) -> str | None:
    known = [name for name, program in PROGRAMS.items() if program.version]
    return None if value.value in known else f"expected one of {', '.join(known)}, got '{value.value}'"
