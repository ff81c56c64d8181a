"""What the jobs share: one verb, one ``input.json``, files by name, ``output.json`` back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec, ExitCode
from aiida.orm import Dict, InstalledCode, RemoteData
from aiida.parsers import Parser

from alworkflows.deadline import CHECKPOINT
from alworkflows.errors import InputError
from alworkflows.jobs import VERBS, read_result
from alworkflows.jobs.results import JobResult, Refusal
from alworkflows.jobs.specs import JobSpec
from workchains.data.files import FileData
from workchains.data.frames import FramesData
from workchains.processes.aiida_private import AttachesOnce
from workchains.processes.exit_statuses import NOT_BELIEVED, JobStatus, SchedulerStatus, declare, exit_label
from workchains.processes.naming import in_order

__all__ = [
    "ComputeJob",
    "ComputeParser",
    "Files",
    "Inputs",
    "UnbelievedError",
    "file_names",
    "require_count",
    "require_finite",
    "require_species",
]

INPUT, OUTPUT, STDOUT, STDERR = "input.json", "output.json", "progress.txt", "errors.txt"


Inputs = Mapping[str, Any]
Files = dict[str, FileData]
Result = TypeVar("Result", bound=JobResult)

#: What schedulers write into a job's streams when they end it at its walltime: Slurm; PBS; SGE; LSF.
WALLTIME_WORDS = re.compile(
    r"cancelled at .*due to time limit"
    r"|job killed: (?:walltime|wall time)|walltime \d+ exceeded limit|exceeded (?:its )?wall-?time limit"
    r"|exceeded (?:hard|soft) wallclock time|exceeded job hard limit \"?h_rt"
    r"|job killed after reaching lsf run time limit",
    re.IGNORECASE,
)


class UnbelievedError(Exception):
    """What a job handed back can be read, and is not what it was asked for; ``status`` is one of ``NOT_BELIEVED``."""

    def __init__(self, status: JobStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def require_finite(arrays: Mapping[str, np.ndarray], or_none: Collection[str] = ()) -> None:
    """Raise an :class:`UnbelievedError` if an array holds an infinity, or NaN and is none of ``or_none``."""
    for name, values in arrays.items():
        if not np.issubdtype(values.dtype, np.number):
            raise UnbelievedError(JobStatus.NOT_FINITE, f"{name}: expected numbers, got {values.dtype}")
        if np.isinf(values).any() or (name not in or_none and np.isnan(values).any()):
            raise UnbelievedError(JobStatus.NOT_FINITE, f"{name}: expected finite numbers, got NaN or infinity")


def require_count(what: str, got: int, expected: int) -> None:
    """Raise an :class:`UnbelievedError` if there are more or fewer than expected."""
    if got != expected:
        raise UnbelievedError(JobStatus.OTHER_COUNT, f"{what}: expected {expected}, got {got}")


def require_species(frames: FramesData, allowed: Collection[str], what: str) -> None:
    """Raise an :class:`UnbelievedError` if frames hold species that they cannot have."""
    strangers = sorted(set(frames.base.attributes.get("species")) - set(allowed))
    if strangers:
        raise UnbelievedError(
            JobStatus.OTHER_SPECIES, f"{what}: expected {', '.join(sorted(allowed))}, got also {', '.join(strangers)}"
        )


def file_names(nodes: Mapping[str, FileData]) -> dict[str, str]:
    """Return the name of the file of each node in a job's folder, by the node's key, in the order of the numbers in the keys."""
    return {key: f"{key}.npz" for key in in_order(nodes)}


class ComputeJob(AttachesOnce, CalcJob):
    """Run ``alworkflows run VERB input.json`` on a computer.

    What ``input.json`` holds is the verb's class of :mod:`alworkflows.jobs.specs`; inputs that make none are refused before
    anything is submitted.

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
        declare(spec, JobStatus.INPUT_REFUSED, "the input was refused: {message}")
        declare(spec, JobStatus.OUTPUT_MISSING, "the job ended without a result; its last words: {message}")
        declare(spec, JobStatus.OUTPUT_UNREADABLE, "the result cannot be read: {message}")
        declare(spec, JobStatus.ENDED_FROM_OUTSIDE, "something told the job to end before its walltime; what was done is kept")
        for status in NOT_BELIEVED:
            declare(spec, status, "what the job handed back is not believed: {message}")
        declare(spec, JobStatus.OUT_OF_WALLTIME, "the walltime of {seconds} s was reached; what was done is kept")
        spec.inputs.validator = cls._refusing(spec.inputs.validator)

    @classmethod
    def _refusing(cls, inherited: Callable[[Any, Any], str | None] | None) -> Callable[[Any, Any], str | None]:
        """Return a validator that refuses, beside what AiiDA does, inputs of which no ``input.json`` can be made."""

        def validate(inputs: Any, port: Any) -> str | None:
            if inherited is not None and (message := inherited(inputs, port)):
                return message
            try:
                spec, nodes = cls.job(inputs)
                for place, name in spec.files():
                    if name not in nodes:
                        raise InputError(f"{cls.__name__}: {place}: expected one of {', '.join(sorted(nodes))}, got {name}")
            except InputError as error:
                return str(error)
            return None

        return validate

    @classmethod
    def job(cls, inputs: Inputs) -> tuple[JobSpec, Files]:
        """Return what goes into ``input.json``, but for the walltime, and the nodes whose files go beside it, by file name.

        Raises
        ------
        InputError
            If the inputs do not make what the verb takes.
        """
        raise NotImplementedError

    @classmethod
    def checked(cls, *given: Dict, **own: Any) -> JobSpec:
        """Return the input of the verb, from what a person or a work chain gave and what is the job's own affair, its files."""
        values = {key: value for node in given for key, value in node.get_dict().items()}
        for key in set(values) & set(own):
            raise InputError(f"{cls.__name__}: {key}: the job says that itself; leave it out")
        return VERBS[cls.VERB].spec.of(cls.__name__, f"the verb '{cls.VERB}'", **values, **own)

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write ``input.json`` and name the files to copy."""
        spec, nodes = self.job(self.inputs)
        walltime = self.node.get_option("max_wallclock_seconds")
        spec = spec.model_copy(update={"max_seconds": walltime})
        with folder.open(INPUT, "w") as handle:
            handle.write(spec.model_dump_json(indent=1))
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


class ComputeParser(Parser, Generic[Result]):
    """Turn a job's files into nodes; what a dead job left is kept before its failure is reported.

    What ``output.json`` holds must be the verb's class of :mod:`alworkflows.jobs.results`, or it is not believed.
    """

    VERB: ClassVar[str]

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Read ``output.json`` and the verb's files."""
        folder = Path(kwargs["retrieved_temporary_folder"])
        names = self.retrieved.base.repository.list_object_names()
        result: Any = None
        unreadable = ""
        if OUTPUT in names:
            try:
                report = json.loads(self.retrieved.base.repository.get_object_content(OUTPUT, "r"))
                result = read_result(self.VERB, report, OUTPUT)
            except (json.JSONDecodeError, InputError) as error:
                unreadable = str(error) if isinstance(error, InputError) else f"{OUTPUT}: {error}"
        refusal, result = (result, None) if isinstance(result, Refusal) else (None, result)
        unbelieved: UnbelievedError | None = None
        try:
            kept = self.collect(folder, result if result is not None and result.is_finished else None)
        except UnbelievedError as error:
            kept, unbelieved = None, error
        except Exception as error:  # the boundary: a broken file, whatever breaks, must end in an exit code
            kept, unreadable = None, f"{type(error).__name__}: {error}"
        if refusal is not None:
            return self.refused(refusal)
        if result is not None:
            self.out("report", Dict(self.told(report)))
        if unbelieved is not None:
            # before whatever else ended it: what such an executable left is nothing to go on from
            return self.exit_codes[exit_label(unbelieved.status)].format(message=str(unbelieved))
        return self.verdict(result, names, unreadable, kept)

    def verdict(self, result: JobResult | None, names: list[str], unreadable: str, kept: ExitCode | None) -> ExitCode | None:
        """Return how the job ended: 400 if and only if its own clock or the scheduler says that its time was up."""
        codes, status = self.exit_codes, self.node.exit_status
        ended_early = result is None or result.terminated
        if (result is not None and result.out_of_time) or (ended_early and self.ended_by_scheduler(names)):
            # what it was writing when it was killed may be unreadable; all before is in its checkpoint
            walltime = self.node.get_option("max_wallclock_seconds")
            return codes.ERROR_OUT_OF_WALLTIME.format(seconds="unknown" if walltime is None else walltime)
        if unreadable:
            return codes.ERROR_OUTPUT_UNREADABLE.format(message=unreadable)
        if result is None:
            # a status the scheduler saw (out of memory, a failed node) says more than a missing file
            if status:
                return ExitCode(status, self.node.exit_message)
            return codes.ERROR_OUTPUT_MISSING.format(message=self.last_words(names))
        if result.terminated:
            return ExitCode(status, self.node.exit_message) if status else codes.ERROR_ENDED_FROM_OUTSIDE
        if kept is None and status == SchedulerStatus.OUT_OF_WALLTIME:
            return ExitCode(0)  # its time was up after the result was complete
        return kept

    def refused(self, refusal: Refusal) -> ExitCode:
        """Return the exit code of an input that the verb refused."""
        return self.exit_codes.ERROR_INPUT_REFUSED.format(message=refusal.error)

    def told(self, report: dict[str, Any]) -> dict[str, Any]:
        """Return what of the report is stored as such."""
        return report

    def ended_by_scheduler(self, names: list[str]) -> bool:
        """Return whether the scheduler ended the job at its walltime: by its accounting, else by what it wrote."""
        if self.node.exit_status:
            return bool(self.node.exit_status == SchedulerStatus.OUT_OF_WALLTIME)
        streams = (self.node.get_option("scheduler_stderr"), self.node.get_option("scheduler_stdout"))
        return any(
            WALLTIME_WORDS.search(self.retrieved.base.repository.get_object_content(name, "r"))
            for name in streams
            if name in names
        )

    def collect(self, folder: Path, result: Result | None) -> ExitCode | None:
        """Attach the verb's files as outputs; ``result`` is None if the job did not finish, for whatever reason.

        Raises
        ------
        UnbelievedError
            If they are not what the job was asked for; nothing of them is attached then.
        """
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
