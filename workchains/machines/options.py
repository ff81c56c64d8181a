"""``options.yaml``: what each step's jobs ask of the scheduler, in words that are the same for every scheduler.

Each layer holds such words or, under AiiDA's own name, anything of a job's ``metadata.options``. Layers are laid over each
other - ``default``, the step, the program, the size of the frame - and the result is put into the scheduler's terms.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from alworkflows.errors import InputError, suggest, unknown
from alworkflows.schema import Count, Settings
from alworkflows.settings import merge
from workchains.machines.texts import Name, check_option

__all__ = ["STEPS", "JobOptions", "OptionsFile", "SizedOptions", "StepOptions", "Table", "tables"]

#: steps that run jobs
STEPS = ("sample", "describe", "label", "fit", "evaluate")

#: seconds
_TIMES = {"s": 1, "min": 60, "h": 3600, "d": 86400}
#: kilobytes, as schedulers count them
_SIZES = {"KB": 1, "MB": 1024, "GB": 1024**2, "TB": 1024**3}

#: with an exponent where digits follow its e
_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"

Table = dict[str, Any]


def _seconds(value: Any) -> Any:
    """Return a time in whole seconds: of a number (s), of '1 h 30 min', of '12:00:00' or '1-00:00:00'."""
    if not isinstance(value, str):
        return value
    if match := re.fullmatch(r"(?:([0-9]{1,6})-)?([0-9]{1,6}):([0-9]{2}):([0-9]{2})", value.strip()):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    part = rf"({_NUMBER})\s*([A-Za-z]+)\s*"
    if not re.fullmatch(rf"\s*(?:{part})+", value):
        raise ValueError(f"expected a time such as '2 h', '90 min', '12:00:00' or '1-00:00:00', got '{value:.60}'")
    return _whole(sum(float(number) * _unit(unit, _TIMES, "a time") for number, unit in re.findall(part, value)), value)


def _kilobytes(value: Any) -> Any:
    """Return a size in kilobytes, of '4 GB'."""
    match = re.fullmatch(rf"\s*({_NUMBER})\s*([A-Za-z]+)\s*", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a size with its unit such as '4 GB', got {value!r:.60}")
    return _whole(float(match.group(1)) * _unit(match.group(2), _SIZES, "a size"), value)


def _whole(number: float, value: str) -> int:
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got '{value:.60}'")
    return round(number)


def _unit(name: str, units: dict[str, int], what: str) -> int:
    if name not in units:
        raise ValueError(f"unknown unit '{name}' for {what}{suggest(name, units)}; known: {', '.join(units)}")
    return units[name]


class JobOptions(Settings):
    """What jobs ask for. Other keys are those of AiiDA's ``metadata.options``, handed on as they are."""

    model_config = ConfigDict(extra="allow")

    nodes: Count | None = Field(None, description="nodes of a job; 1 if not given")
    tasks_per_node: Count | None = Field(None, description="MPI processes on each node; 1 if not given")
    cores_per_task: Count | None = Field(None, description="cores of each process; sets `threads`, too, if that is not given")
    parallel_env: Name | None = Field(None, description="SGE only, required there: the parallel environment (`qconf -spl`)")
    memory: Annotated[int, BeforeValidator(_kilobytes), Field(ge=1, le=10**12)] | None = Field(
        None, description="of a node, such as '4 GB'; for SGE `h_vmem`, shared out over the slots"
    )
    walltime: Annotated[Count, BeforeValidator(_seconds)] | None = Field(
        None, description="'2 h', '90 min', '1-00:00:00', or a number in s; jobs know it and stop in time"
    )
    queue: Name | None = Field(None, description="queue or partition")
    account: Name | None = Field(None, description="account or project that pays")
    qos: Name | None = Field(None, description="quality of service; Slurm only")
    gpus: int | None = Field(None, ge=0, le=10**6, description="GPUs of a node; Slurm and SGE only")
    threads: Count | None = Field(None, description="OMP_NUM_THREADS")

    def layer(self, where: str) -> Table:
        """Return this layer: what has a name of AiiDA's under that name, resources in our words under ``words``.

        Raises
        ------
        InputError
            If something is said twice, or belongs to another file.
        """
        stated = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        stated.pop("atoms", None)
        stated.pop("by_atoms", None)
        options: Table = dict(self.model_extra or {})
        _check_keys(options, where)
        for ours, theirs in (("memory", "max_memory_kb"), ("walltime", "max_wallclock_seconds"), ("queue", "queue_name")):
            if ours in stated and theirs in options:
                raise InputError(f"{where}: expected one of {ours} and {theirs}, got both")
            if ours in stated:
                options[theirs] = stated.pop(ours)
        for name in ("account", "qos"):
            if name in stated:
                options[name] = stated.pop(name)
        threads = stated.pop("threads", stated.get("cores_per_task"))
        if threads is not None:
            options["environment_variables"] = {"OMP_NUM_THREADS": str(threads), **options.get("environment_variables", {})}
        if stated and "resources" in options:
            raise InputError(f"{where}: expected resources or {', '.join(stated)}, got both")
        return {**options, "words": stated} if stated else options


class SizedOptions(JobOptions):
    """Options of jobs on frames of up to a number of atoms."""

    atoms: Count = Field(description="largest frame that these are for")


class StepOptions(JobOptions):
    """Options of a step or a program whose jobs may be sized by the frame."""

    by_atoms: tuple[SizedOptions, ...] = Field(
        (), description="the first entry large enough for the frame is laid over the rest; beyond the last, the last"
    )

    @field_validator("by_atoms")
    @classmethod
    def _ascending(cls, value: tuple[SizedOptions, ...]) -> tuple[SizedOptions, ...]:
        sizes = [item.atoms for item in value]
        if sizes != sorted(set(sizes)):
            raise ValueError(f"expected entries by growing number of atoms, got {sizes}")
        return value


class OptionsFile(Settings):
    """``options.yaml``: what each step's jobs ask for, over ``default``."""

    default: JobOptions = Field(JobOptions(), description="of all steps")
    sample: JobOptions = JobOptions()
    describe: JobOptions = JobOptions()
    label: StepOptions = StepOptions()
    fit: JobOptions = JobOptions()
    evaluate: JobOptions = JobOptions()
    programs: dict[str, StepOptions] = Field(
        default_factory=dict, description="over those of `label`, for labels of a program: vasp, pw, gpaw, cp2k"
    )


# ------------------------------------------------------------------------------------------------ into the scheduler's terms


def tables(file: OptionsFile, scheduler: str, where: str = "options.yaml") -> tuple[dict[str, Table], dict[str, list[Any]]]:
    """Return ``metadata.options`` by step and program, and by size of the frame where that matters.

    Parameters
    ----------
    file
        The options as written.
    scheduler
        Entry point of AiiDA's scheduler plugin.
    where
        Name of the file, for messages.

    Returns
    -------
    options
        By step and by program.
    sized
        By step or program: list of ``[atoms, options]``, by growing number of atoms.

    Raises
    ------
    InputError
        If a key is none of ours and none of AiiDA's, a value is not of its kind, or the scheduler cannot take the resources.
    """
    options: dict[str, Table] = {}
    sized: dict[str, list[Any]] = {}
    for name, layers, sizes in _stacks(file, where):
        options[name] = _finish(layers, scheduler, f"{where}: {name}")
        if sizes:
            place = f"{where}: {name}.by_atoms"
            sized[name] = [
                [size.atoms, _finish([*layers, size.layer(f"{place}.{index}")], scheduler, f"{place}.{index}")]
                for index, size in enumerate(sizes)
            ]
    return options, sized


def _stacks(file: OptionsFile, where: str) -> Iterator[tuple[str, list[Table], tuple[SizedOptions, ...]]]:
    """Yield each step and program: name, layers from the bottom up, entries by size."""
    default = file.default.layer(f"{where}: default")
    for step in STEPS:
        of_step: JobOptions = getattr(file, step)
        yield step, [default, of_step.layer(f"{where}: {step}")], getattr(of_step, "by_atoms", ())
    label = file.label.layer(f"{where}: label")
    for name, program in file.programs.items():
        layers = [default, label, program.layer(f"{where}: programs.{name}")]
        yield name, layers, program.by_atoms or file.label.by_atoms


def _finish(layers: list[Table], scheduler: str, where: str) -> Table:
    """Merge layers and put resources in words into the scheduler's terms."""
    merged: Table = {}
    for layer in layers:
        merged = merge(merged, layer)
    words = merged.pop("words", {})
    stated = merged.get("resources", {})
    merged["resources"] = {**_resources(words, stated, scheduler, where), **stated}
    if lines := _lines(words, merged, scheduler, where):
        merged["custom_scheduler_commands"] = "\n".join(filter(None, [merged.get("custom_scheduler_commands"), *lines]))
    _check_resources(merged, scheduler, where)
    return merged


def _resources(words: Table, stated: Table, scheduler: str, where: str) -> Table:
    nodes, tasks, cores = words.get("nodes", 1), words.get("tasks_per_node", 1), words.get("cores_per_task", 1)
    if scheduler == "core.sge":
        if "parallel_env" not in words and "parallel_env" not in stated:
            raise InputError(f"{where}: parallel_env: missing; SGE needs the name of one, as `qconf -spl` lists them")
        if cores > 1 and nodes * tasks > 1:
            raise InputError(
                f"{where}: cores_per_task: AiiDA starts one MPI process in each slot of SGE; expected it with one task, "
                f"got {nodes * tasks} tasks of {cores} cores"
            )
        # a program without MPI uses its slots as cores
        environment = {"parallel_env": words["parallel_env"]} if "parallel_env" in words else {}
        return {**environment, "tot_num_mpiprocs": nodes * tasks * cores}
    if "parallel_env" in words:
        raise InputError(f"{where}: parallel_env: is for SGE alone; the scheduler is {scheduler}")
    if scheduler == "core.lsf":
        return {"tot_num_mpiprocs": nodes * tasks}
    resources = {"num_machines": nodes, "num_mpiprocs_per_machine": tasks}
    return {**resources, "num_cores_per_mpiproc": cores} if "cores_per_task" in words else resources


def _lines(words: Table, options: Table, scheduler: str, where: str) -> list[str]:
    """Return lines of the job script for what AiiDA has no option for."""
    lines = []
    if gpus := words.get("gpus"):
        line = {"core.slurm": f"#SBATCH --gres=gpu:{gpus}", "core.sge": f"#$ -l gpu={gpus}"}.get(scheduler)
        if line is None:
            # PBS takes the first select statement, which is AiiDA's, and refuses a line of its own beside it
            raise InputError(
                f"{where}: gpus: can be asked for from core.slurm and core.sge, not from {scheduler}; use a queue that has them"
            )
        lines.append(line)
    if scheduler == "core.sge" and "max_memory_kb" in options:  # AiiDA does not hand it on to SGE
        slots = options["resources"].get("tot_num_mpiprocs", 1)
        lines.append(f"#$ -l h_vmem={options.pop('max_memory_kb') // slots}K")
    if "qos" in options and scheduler != "core.slurm":
        raise InputError(f"{where}: qos: is for core.slurm alone; the scheduler is {scheduler}")
    return lines


def _check_keys(options: Table, where: str) -> None:
    """Refuse what AiiDA's jobs do not know."""
    from aiida.engine import CalcJob

    ports: Any = CalcJob.spec().inputs["metadata"]["options"]  # type: ignore[index]
    for key, value in options.items():
        if key == "withmpi":
            raise InputError(f"{where}.withmpi: whether a program runs under MPI stands in its codes/NAME.yaml: with_mpi")
        if key not in ports:
            raise unknown(f"job option ({where})", key, {*JobOptions.model_fields, *ports} - {"withmpi"})
        if error := ports[key].validate(value):
            raise InputError(f"{where}.{key}: {error.message}")
        try:
            check_option(key, value)
        except ValueError as problem:
            raise InputError(f"{where}.{key}: {problem}") from None


def _check_resources(options: Table, scheduler: str, where: str) -> None:
    """Refuse resources that the scheduler's plugin would refuse."""
    from aiida.common.exceptions import ConfigurationError
    from aiida.plugins import SchedulerFactory

    try:
        SchedulerFactory(scheduler).validate_resources(**options["resources"])
    except (ValueError, TypeError, ConfigurationError) as error:
        raise InputError(f"{where}: resources do not fit {scheduler}: {error}") from error
