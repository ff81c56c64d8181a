"""What the jobs share: one verb, one ``input.json``, files by name, ``output.json`` back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec, ExitCode
from aiida.orm import Dict, InstalledCode
from aiida.parsers import Parser

from workchains.data.files import FileData

__all__ = ["ComputeJob", "ComputeParser"]

INPUT, OUTPUT, STDOUT, STDERR = "input.json", "output.json", "progress.txt", "errors.txt"


class ComputeJob(CalcJob):
    """Run ``alworkflows run VERB input.json`` on a computer."""

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
        spec.output("report", valid_type=Dict, help="what the verb reports: times in s, counts, and its own figures")
        spec.exit_code(210, "ERROR_INPUT_REFUSED", message="the input was refused: {message}", invalidates_cache=True)
        spec.exit_code(
            310,
            "ERROR_OUTPUT_MISSING",
            message="the job ended without a result; its last words: {message}",
            invalidates_cache=True,
        )
        spec.exit_code(311, "ERROR_OUTPUT_UNREADABLE", message="the result cannot be read: {message}", invalidates_cache=True)

    def job(self) -> tuple[dict[str, Any], dict[str, FileData]]:
        """Return what goes into ``input.json``, and the nodes whose files go beside it, by file name."""
        raise NotImplementedError

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write ``input.json`` and name the files to copy."""
        values, nodes = self.job()
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
        try:
            kept = self.collect(folder, report if report and "error" not in report else None)
        except Exception as error:  # the boundary: a broken file, whatever breaks, must end in an exit code
            kept, unreadable = None, f"{type(error).__name__}: {error}"
        codes = self.exit_codes
        if unreadable:
            return codes.ERROR_OUTPUT_UNREADABLE.format(message=unreadable)
        if report is None:
            # a status the scheduler saw (out of memory, out of walltime) says more than a missing file
            status = self.node.exit_status
            if status:
                return ExitCode(status, self.node.exit_message)
            return codes.ERROR_OUTPUT_MISSING.format(message=self.last_words(names))
        if "error" in report:
            return codes.ERROR_INPUT_REFUSED.format(message=report["error"])
        self.out("report", Dict(report))
        return kept

    def collect(self, folder: Path, report: dict[str, Any] | None) -> ExitCode | None:
        """Attach the verb's files as outputs; ``report`` is None if the job did not finish."""
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
