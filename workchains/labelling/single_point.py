"""What programs share that label one frame in one process: what is refused before it costs, and the frame a result becomes."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from aiida.engine import ExitCode, calcfunction
from aiida.orm import CalcJobNode, Dict, InstalledCode, ProcessNode, StructureData, load_node
from ase import Atoms

from alworkflows.calculators.failures import FailureKind, LabelError
from alworkflows.calculators.kpoints import open_directions
from alworkflows.errors import InputError
from alworkflows.frames import frame_id
from alworkflows.frames.state import moments_of
from alworkflows.labelling.acceptance import SinglePoint, accept
from alworkflows.structures import cell_fault
from workchains.data.frames import FramesData
from workchains.labelling.contract import LabelProgram, Outcome, Task
from workchains.processes.exit_statuses import ConversionStatus, SchedulerStatus

__all__ = [
    "SCHEDULER_KINDS",
    "SinglePointProgram",
    "converted",
    "cores",
    "cores_asked",
    "failed",
    "frame_of",
    "frame_structure",
    "labelled",
    "last_job",
    "refusal",
    "remember_version",
    "require_box",
    "require_mesh",
    "sorted_atoms",
    "told_by_queue",
]

#: extra of a code: the version of its program that its last job reported, which only a job can tell
VERSION = "alworkflows_version"
#: exit status of a conversion that finds no label to believe, by the kind of failure
STATUS = {FailureKind[status.name]: status.value for status in ConversionStatus}
#: kind of failure by the exit status that AiiDA gives any job
SCHEDULER_KINDS: dict[int, FailureKind] = {
    SchedulerStatus.NO_RETRIEVED_FOLDER: FailureKind.LOST,
    SchedulerStatus.OUT_OF_MEMORY: FailureKind.MEMORY,
    SchedulerStatus.OUT_OF_WALLTIME: FailureKind.WALLTIME,
    SchedulerStatus.INVALID_ACCOUNT: FailureKind.REFUSED,
    SchedulerStatus.NODE_FAILED: FailureKind.LOST,
}

#: what queues write into a job's error file
_TOLD = {
    FailureKind.WALLTIME: r"due to time limit|walltime \S+ exceeded limit|TERM_RUNLIMIT|exceeded hard wallclock|"
    r"job killed: walltime",
    FailureKind.MEMORY: r"oom[- _]?kill|out of memory|exceeded.{0,20}memory limit|TERM_MEMLIMIT|insufficient virtual memory|"
    r"cannot allocate memory|signal 9 \(killed\)",
}


class SinglePointProgram(LabelProgram):
    """A program that labels one frame in one process, and tells its version in what it writes."""

    @abstractmethod
    def definition(self, used: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return what defines the labels, the program's version apart; ``used``: potentials of a job, over those of today."""

    def describe(self, code: InstalledCode) -> dict[str, Any] | None:
        """Return what will define the labels; None until a job has told the program's version."""
        version = code.base.extras.get(VERSION, None)
        return None if version is None else {**self.definition(), "version": version}

    def split(self, indices: Sequence[int]) -> list[list[int]]:
        """Return each frame by itself."""
        return [[index] for index in indices]

    def about(self, task: Task, node: ProcessNode, job: CalcJobNode, used: Mapping[str, str]) -> Dict:
        """Return what the conversion of a job's result takes (see :func:`labelled`); ``used``: the job's potentials."""
        (index,) = task.indices
        return Dict(
            {
                "index": index,
                "limits": {
                    "largest_force": self.settings.largest_force,
                    "moments": dict(self.settings.moments),
                    "largest_moment_change": self.settings.largest_moment_change,
                },
                "engine": self.definition(used),
                "label": {
                    "process": node.uuid,
                    "remedy": task.remedies[-1] if task.remedies else None,
                    "remedies": list(task.remedies),
                    "restarts": task.restarts,
                    "cores": cores(job),
                },
            }
        )


def remember_version(code: InstalledCode, version: str | None) -> None:
    """Keep the version that a job reported with its code."""
    if version is not None and code.base.extras.get(VERSION, None) != version:
        code.base.extras.set(VERSION, version)


@lru_cache(maxsize=2)
def _frames(uuid: str) -> list[Atoms]:
    """Return the frames of a stored node, which never change; they are asked for once a frame."""
    return load_node(uuid).get_frames()


def frame_of(frames: FramesData, index: int) -> Atoms:
    """Return a copy of one frame of a stored node."""
    return _frames(frames.uuid)[index].copy()


@calcfunction
def frame_structure(frames: FramesData, choice: Dict) -> StructureData:
    """Return a frame as the structure that a program takes; ``choice``: its ``index``, and whether it is to be ``sorted``."""
    index = choice["index"]
    atoms = frame_of(frames, index)
    node = StructureData(ase=sorted_atoms(atoms) if choice["sorted"] else atoms)
    node.label = frames.ids[index]
    return node


def sorted_atoms(frame: Atoms) -> Atoms:
    """Return the configuration with atoms of a species together, in a right-handed cell; atoms of a species keep their order."""
    order = np.argsort(frame.get_chemical_symbols(), kind="stable")
    cell = np.array(frame.cell)
    # a left-handed cell is refused by VASP; minus its vectors span the same lattice
    if np.linalg.det(cell) < 0:
        cell = -cell
    atoms = Atoms(numbers=frame.numbers[order], positions=frame.positions[order], cell=cell, pbc=frame.pbc)
    if (moments := moments_of(frame)) is not None:
        atoms.set_initial_magnetic_moments(moments[order])
    return atoms


def last_job(node: ProcessNode) -> CalcJobNode | None:
    """Return the last job that a work chain called."""
    jobs = [called for called in node.called if isinstance(called, CalcJobNode)]
    return max(jobs, key=lambda job: job.pk or 0) if jobs else None


def cores(job: CalcJobNode) -> int:
    """Return the cores that a job asked for, as what a label costs is counted by."""
    return cores_asked(job.get_option("resources"))


def cores_asked(resources: Mapping[str, Any] | None) -> int:
    """Return the cores that a job's resources, in the words of its scheduler, come to."""
    asked = resources or {}
    ranks = asked.get("tot_num_mpiprocs") or asked.get("num_machines", 1) * (asked.get("num_mpiprocs_per_machine") or 1)
    return int(ranks * (asked.get("num_cores_per_mpiproc") or 1))


def told_by_queue(text: str) -> tuple[FailureKind, str] | None:
    """Return what the error file of a job says about its end, if it does: walltime or memory, and the words."""
    for kind, words in _TOLD.items():
        match = re.search(words, text, re.IGNORECASE)
        if match:
            return kind, match.group()
    return None


# ---------------------------------------------------------------------------------------------- before spending


def require_box(frames: Sequence[Atoms], program: str) -> None:
    """Raise an ``InputError`` if a frame is not periodic in all three directions."""
    for index, frame in enumerate(frames):
        if frame.cell.rank < 3:
            cell = np.asarray(frame.cell)
            raise InputError(f"frame {index}: {program} expects three lattice vectors, got {cell.tolist()}; {cell_fault(cell)}")
        if not frame.pbc.all():
            raise InputError(
                f"frame {index}: {program} repeats its cell in all three directions, got pbc {frame.pbc.tolist()}; "
                "a molecule or a slab goes into a box with vacuum and pbc [true, true, true]"
            )


def require_mesh(frames: Sequence[Atoms], mesh: Sequence[int] | None, where: str) -> None:
    """Raise an ``InputError`` if a mesh of k-points has more than one along a direction in which a frame has but vacuum."""
    if mesh is None:
        return
    for index, frame in enumerate(frames):
        for axis in map(int, np.flatnonzero(open_directions(frame) & (np.array(mesh) > 1))):
            raise InputError(
                f"{where}: expected 1 along {'abc'[axis]}, where frame {index} has vacuum, got {mesh[axis]}; "
                "with kpoints_spacing it is 1 there, and what is needed along the others"
            )


# ----------------------------------------------------------------------------------------------- after spending


def labelled(frames: FramesData, about: Mapping[str, Any], point: SinglePoint, version: str, **notes: Any) -> FramesData:
    """Return one labelled frame, its origin kept.

    Parameters
    ----------
    frames
        The node that holds the frame.
    about
        ``index`` of the frame; ``limits``, the keywords of :func:`~alworkflows.labelling.acceptance.accept`; ``engine``, what
        defines the label, its version apart; ``label``, what is kept of the process with the frame's origin.
    version
        Of the program.
    notes
        What else is kept with the origin.

    Raises
    ------
    LabelError
        If the result is no label to believe.
    """
    frame = accept(frame_of(frames, about["index"]), point, **about["limits"])
    frame.info["origin"] = {**frame.info.get("origin", {}), "label": {**about["label"], **notes}}
    node = FramesData.from_frames([frame], {"engine": {**about["engine"], "version": version}})
    node.label = f"label of {frame_id(frame)}"
    return node


def refusal(error: LabelError) -> ExitCode:
    """Return the exit code of a conversion that found no label to believe."""
    return ExitCode(STATUS[error.kind], str(error), invalidates_cache=True)


def converted(node: ProcessNode, frames: FramesData, index: int) -> Outcome:
    """Return the outcome of a task of one frame whose conversion has ended."""
    if node.is_finished_ok:
        return Outcome(labelled=node.outputs.result)
    kinds = {status: kind for kind, status in STATUS.items()}
    return failed(frames, index, kinds.get(node.exit_status or 0, FailureKind.TRUNCATED), node.exit_message or "no label")


def failed(frames: FramesData, index: int, kind: FailureKind, reason: str) -> Outcome:
    """Return the outcome of a task whose one frame has no label."""
    return Outcome(failures=[{"index": index, "id": frames.ids[index], "kind": str(kind), "reason": reason}])
