"""What the jobs share: one verb, one ``input.json``, files by name, ``output.json`` back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec, ExitCode
from aiida.orm import Dict, InstalledCode, RemoteData
from aiida.parsers import Parser

from alworkflows.deadline import CHECKPOINT
from workchains.data.files import FileData

__all__ = ["OUT_OF_WALLTIME", "ComputeJob", "ComputeParser"]

INPUT, OUTPUT, STDOUT, STDERR = "input.json", "output.json", "progress.txt", "errors.txt"

#: exit status of a job whose walltime was reached
OUT_OF_WALLTIME = 400
#: AiiDA's own exit code for a job of which the scheduler's accounting says that it ran out of its walltime
SCHEDULER_OUT_OF_WALLTIME = 120
#: What schedulers write into a job's streams when they end it at its walltime: Slurm; PBS; SGE; LSF.
WALLTIME_WORDS = re.compile(
    r"cancelled at .*due to time limit"
    r"|job killed: (?:walltime|wall time)|walltime \d+ exceeded limit|exceeded (?:its )?wall-?time limit"
    r"|exceeded (?:hard|soft) wallclock time|exceeded job hard limit \"?h_rt"
    r"|job killed after reaching lsf run time limit",
    re.IGNORECASE,
)


class ComputeJob(CalcJob):
    """Run ``alworkflows run VERB input.json`` on a computer.

    The verb is told its walltime, stops in time and leaves the folder ``checkpoint``; a job given the folder of the job before it
    (``parent_folder``) goes on from that. Such a job ends with 400, and so does one that the scheduler ended at its walltime.
    """

    VERB: ClassVar[str]
    RETRIEVE: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare what every verb has."""
        super().define(spec)
        spec.input("code", valid_type=InstalledCode, help="the alworkflows executable on the computer that runs the job")
        one = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.input("metadata.options.resources", valid_type=dict, default=one, help="nodes and processes")
        spec.input("metadata.options.parser_name", valid_type=str, default=f"alworkflows.{cls.VERB}")
        spec.input("metadata.options.withmpi", valid_type=bool, default=False)
        spec.input(
            "parent_folder",
            valid_type=RemoteData,
            required=False,
            validator=validate_parent_folder,
            help="folder of a job with the same input that ran out of walltime; this one goes on from its checkpoint",
        )
        spec.output("report", valid_type=Dict, help="what the verb reports: times in s, counts, and its own figures")
        spec.exit_code(210, "ERROR_INPUT_REFUSED", message="the input was refused: {message}", invalidates_cache=True)
        spec.exit_code(
            310,
            "ERROR_OUTPUT_MISSING",
            message="the job ended without a result; its last words: {message}",
            invalidates_cache=True,
        )
        spec.exit_code(311, "ERROR_OUTPUT_UNREADABLE", message="the result cannot be read: {message}", invalidates_cache=True)
        spec.exit_code(
            312,
            "ERROR_ENDED_FROM_OUTSIDE",
            message="something told the job to end before its walltime; what was done is kept",
            invalidates_cache=True,
        )
        spec.exit_code(
            OUT_OF_WALLTIME,
            "ERROR_OUT_OF_WALLTIME",
            message="the walltime of {seconds} s was reached; what was done is kept",
            invalidates_cache=True,
        )

    def job(self) -> tuple[dict[str, Any], dict[str, FileData]]:
        """Return what goes into ``input.json``, and the nodes whose files go beside it, by file name."""
        raise NotImplementedError

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write ``input.json`` and name the files to copy."""
        values, nodes = self.job()
        walltime = self.node.get_option("max_wallclock_seconds")
        if walltime is not None:
            values["max_seconds"] = walltime
        with folder.open(INPUT, "w") as handle:
            json.dump(values, handle, indent=1)
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = ["run", self.VERB, INPUT]
        code.stdout_name, code.stderr_name = STDOUT, STDERR
        info = CalcInfo()
        info.codes_info = [code]
        info.local_copy_list = [(node.uuid, node.FILENAME, name) for name, node in nodes.items()]
        info.retrieve_list = [OUTPUT, STDOUT, STDERR]
        if "parent_folder" in self.inputs:
            # a job that was killed before its first checkpoint has none: AiiDA warns, and this job begins anew
            parent = self.inputs.parent_folder
            source = str(Path(parent.get_remote_path()) / CHECKPOINT)
            info.remote_copy_list = [(parent.computer.uuid, source, CHECKPOINT)]
        # big results go into nodes of their own; in the retrieved folder they would be stored twice
        info.retrieve_temporary_list = list(self.RETRIEVE)
        return info


class ComputeParser(Parser):
    """Turn a job's files into nodes; what a dead job left is kept before its failure is reported."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Read ``output.json`` and the verb's files."""
        folder = Path(kwargs["retrieved_temporary_folder"])
        names = self.retrieved.base.repository.list_object_names()
        report: dict[str, Any] | None = None
        unreadable = ""
        if OUTPUT in names:
            try:
                report = json.loads(self.retrieved.base.repository.get_object_content(OUTPUT, "r"))
            except json.JSONDecodeError as error:
                unreadable = f"{OUTPUT}: {error}"
        unfinished = report is None or any(report.get(word) for word in ("error", "out_of_time", "terminated"))
        try:
            kept = self.collect(folder, None if unfinished else report)
        except Exception as error:  # the boundary: a broken file, whatever breaks, must end in an exit code
            kept, unreadable = None, f"{type(error).__name__}: {error}"
        if report is not None and "error" not in report:
            self.out("report", Dict(report))
        return self.verdict(report, names, unreadable, kept)

    def verdict(self, report: dict[str, Any] | None, names: list[str], unreadable: str, kept: ExitCode | None) -> ExitCode | None:
        """Return how the job ended: 400 if and only if its own clock or the scheduler says that its time was up."""
        codes, status = self.exit_codes, self.node.exit_status
        if report is not None and "error" in report:
            return self.refused(report)
        ended_early = report is None or report.get("terminated")
        if (report or {}).get("out_of_time") or (ended_early and self.ended_by_scheduler(names)):
            # what it was writing when it was killed may be unreadable; all before is in its checkpoint
            walltime = self.node.get_option("max_wallclock_seconds")
            return codes.ERROR_OUT_OF_WALLTIME.format(seconds="unknown" if walltime is None else walltime)
        if unreadable:
            return codes.ERROR_OUTPUT_UNREADABLE.format(message=unreadable)
        if report is None:
            # a status the scheduler saw (out of memory, a failed node) says more than a missing file
            if status:
                return ExitCode(status, self.node.exit_message)
            return codes.ERROR_OUTPUT_MISSING.format(message=self.last_words(names))
        if report.get("terminated"):
            return ExitCode(status, self.node.exit_message) if status else codes.ERROR_ENDED_FROM_OUTSIDE
        if kept is None and status == SCHEDULER_OUT_OF_WALLTIME:
            return ExitCode(0)  # its time was up after the result was complete
        return kept

    def refused(self, report: dict[str, Any]) -> ExitCode:
        """Return the exit code of an input that the verb refused."""
        return self.exit_codes.ERROR_INPUT_REFUSED.format(message=report["error"])

    def ended_by_scheduler(self, names: list[str]) -> bool:
        """Return whether the scheduler ended the job at its walltime: by its accounting, else by what it wrote."""
        if self.node.exit_status:
            return bool(self.node.exit_status == SCHEDULER_OUT_OF_WALLTIME)
        streams = (self.node.get_option("scheduler_stderr"), self.node.get_option("scheduler_stdout"))
        return any(
            WALLTIME_WORDS.search(self.retrieved.base.repository.get_object_content(name, "r"))
            for name in streams
            if name in names
        )

    def collect(self, folder: Path, report: dict[str, Any] | None) -> ExitCode | None:
        """Attach the verb's files as outputs; ``report`` is None if the job did not finish, for whatever reason."""
        raise NotImplementedError

    def last_words(self, names: list[str]) -> str:
        """Return the last line the job wrote to its error stream, or that of its progress."""
        for name in (STDERR, "_scheduler-stderr.txt", STDOUT):
            if name in names:
                lines = [
                    line for line in self.retrieved.base.repository.get_object_content(name, "r").splitlines() if line.strip()
                ]
                if lines:
                    return lines[-1].strip()[:300]
        return "none"


def validate_parent_folder(value: RemoteData | None, _: Any) -> str | None:
    """Refuse a folder that was removed."""
    if value is not None and value.is_cleaned:
        return f"expected the folder of a job, got one that was removed: {value.get_remote_path()}"
    return None
