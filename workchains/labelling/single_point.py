"""What engines share that label one frame in one process: k-points, the checks of a result, and the frame it becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from aiida.engine import ExitCode, calcfunction
from aiida.orm import CalcJobNode, Dict, ProcessNode, StructureData, load_node
from ase import Atoms

from alworkflows.calculators.failures import FailureKind, LabelError
from alworkflows.calculators.kpoints import open_directions
from alworkflows.errors import InputError
from alworkflows.frames import attach_labels, frame_id
from alworkflows.frames.twins import pair_up
from workchains.data.frames import FramesData
from workchains.labelling.contract import Outcome
from workchains.processes.exit_statuses import ConversionStatus, SchedulerStatus

__all__ = [
    "SCHEDULER_KINDS",
    "SinglePoint",
    "converted",
    "cores",
    "cores_asked",
    "failed",
    "frame_of",
    "frame_structure",
    "judge",
    "labelled",
    "last_job",
    "refusal",
    "require_box",
    "require_mesh",
    "sorted_atoms",
    "told_by_queue",
]

#: A; what input files of programs round off, and more
SAME_PLACE = 1e-4

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


@dataclass(frozen=True)
class SinglePoint:
    """What a program reports of one configuration of N atoms, in the program's order of them.

    Attributes
    ----------
    energy
        eV.
    forces
        (N, 3), eV/A.
    stress
        (3, 3), eV/A^3, ASE's sign: positive under tension.
    symbols, positions, cell
        The configuration as the program saw it; (N, 3) and (3, 3), A.
    converged
        Whether the self-consistent field is.
    moment
        Total magnetic moment, mu_B; None without spin.
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray | None
    symbols: Sequence[str]
    positions: np.ndarray
    cell: np.ndarray
    converged: bool
    moment: float | None = None


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
    return Atoms(numbers=frame.numbers[order], positions=frame.positions[order], cell=cell, pbc=frame.pbc)


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
        found = re.search(words, text, re.IGNORECASE)
        if found:
            return kind, found.group()
    return None


# ---------------------------------------------------------------------------------------------- before spending


def require_box(frames: Sequence[Atoms], program: str) -> None:
    """Raise an ``InputError`` if a frame is not periodic in all three directions."""
    for index, frame in enumerate(frames):
        if frame.cell.rank < 3:
            raise InputError(f"frame {index}: {program} expects three lattice vectors, got {np.asarray(frame.cell).tolist()}")
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


def judge(
    frame: Atoms,
    point: SinglePoint,
    largest_force: float = np.inf,
    moments: Mapping[str, float] | None = None,
    largest_moment_change: float | None = None,
) -> Atoms:
    """Return a copy of the frame with the labels of its atoms, in the frame's order.

    Parameters
    ----------
    largest_force
        eV/A.
    moments
        Initial magnetic moment by species, mu_B.
    largest_moment_change
        mu_B per atom between initial and final total moment, whatever their signs.

    Raises
    ------
    LabelError
        If the result is not converged, not finite, of another configuration, if a force is too large, or the moment jumped.
    """
    if not point.converged:
        raise LabelError(FailureKind.UNCONVERGED, "the self-consistent field did not converge")
    order = _order(frame, point)
    forces = np.asarray(point.forces, dtype=float)
    if forces.shape != (len(frame), 3):
        raise LabelError(FailureKind.TRUNCATED, f"expected forces on {len(frame)} atoms, got an array of shape {forces.shape}")
    for name, values in (("energy", point.energy), ("forces", forces), ("stress", point.stress)):
        if values is not None and not np.isfinite(values).all():
            raise LabelError(FailureKind.FORCE, f"{name}: expected finite numbers, got NaN or infinity")
    largest = float(np.linalg.norm(forces, axis=1).max())
    if largest > largest_force:
        raise LabelError(FailureKind.FORCE, f"largest force {largest:.3g} eV/A is above {largest_force:g} eV/A")
    if largest_moment_change is not None:
        _same_moment(frame, point.moment, moments or {}, largest_moment_change)
    stress = None
    if point.stress is not None and frame.pbc.all():
        full = np.asarray(point.stress, dtype=float)
        stress = 0.5 * (full + full.T)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    return attach_labels(frame, point.energy, forces[order], stress)


def _order(frame: Atoms, point: SinglePoint) -> np.ndarray:
    """Return for each atom of the frame its place in the result."""
    if len(point.symbols) != len(frame):
        raise LabelError(FailureKind.SPECIES, f"the result has {len(point.symbols)} atoms, expected {len(frame)}")
    seen = Atoms(symbols=list(point.symbols), positions=point.positions, cell=point.cell, pbc=frame.pbc)
    if sorted(seen.numbers) != sorted(frame.numbers):
        expected, got = frame.get_chemical_formula(), seen.get_chemical_formula()
        raise LabelError(FailureKind.SPECIES, f"the result is of other species: expected {expected}, got {got}")
    order = pair_up(frame, seen, SAME_PLACE)
    if order is None:
        raise LabelError(
            FailureKind.SPECIES, f"the result is of another structure: cell or positions differ by more than {SAME_PLACE:g} A"
        )
    return order


def _same_moment(frame: Atoms, found: float | None, moments: Mapping[str, float], largest: float) -> None:
    if found is None:
        raise LabelError(FailureKind.SPIN, "largest_moment_change: the result has no magnetic moment to compare")
    before = sum(moments.get(symbol, 0.0) for symbol in frame.get_chemical_symbols())
    change = abs(abs(found) - abs(before)) / len(frame)
    if change > largest:
        raise LabelError(
            FailureKind.SPIN,
            f"the total moment went from {before:.2f} to {found:.2f} mu_B: {change:.2f} mu_B per atom, above {largest:g}",
        )


def labelled(frames: FramesData, about: Mapping[str, Any], point: SinglePoint, version: str, **notes: Any) -> FramesData:
    """Return one labelled frame, its origin kept.

    Parameters
    ----------
    frames
        The node that holds the frame.
    about
        ``index`` of the frame; ``limits``, the keywords of :func:`judge`; ``engine``, what defines the label, its version apart;
        ``label``, what is kept of the process with the frame's origin.
    version
        Of the program.
    notes
        What else is kept with the origin.

    Raises
    ------
    LabelError
        If the result is no label to believe.
    """
    made = judge(frame_of(frames, about["index"]), point, **about["limits"])
    made.info["origin"] = {**made.info.get("origin", {}), "label": {**about["label"], **notes}}
    node = FramesData.from_frames([made], {"engine": {**about["engine"], "version": version}})
    node.label = f"label of {frame_id(made)}"
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
