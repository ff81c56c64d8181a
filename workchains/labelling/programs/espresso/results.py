"""What became of a pw.x job: the label of its frame, or why there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import CalcJobNode, Dict, FolderData, ProcessNode, TrajectoryData
from ase.units import Bohr, GPa

from alworkflows.calculators.failures import FailureKind, LabelError
from alworkflows.labelling.acceptance import SinglePoint
from workchains.data.frames import FramesData
from workchains.labelling.single_point import SCHEDULER_KINDS, labelled, refusal, told_by_queue
from workchains.processes.keyed import ending

__all__ = ["STOPPED", "diagnose", "label_from_pw", "read_point"]

XML = "data-file-schema.xml"

#: exit status of a job that stopped by itself before the walltime, its state written
STOPPED = 400

#: units in which the plug-in gives results
_UNITS = {"energy_units": "eV", "forces_units": "ev / angstrom", "stress_units": "GPascal"}

#: exit status of AiiDA's and the plug-in's job, and the kind of failure; of those not here, pw.x's own words tell
_STATUS = {
    **SCHEDULER_KINDS,
    340: FailureKind.WALLTIME,
    410: FailureKind.UNCONVERGED,
    481: FailureKind.REFUSED,
    531: FailureKind.REFUSED,
    710: FailureKind.UNCONVERGED,
    **dict.fromkeys(range(461, 469), FailureKind.CRASH),
}
#: the plug-in cannot read what there is
_UNREADABLE = {302, 303, 304, 305, 310, 311, 312, 320, 321, 322, 350}

#: how pw.x says which routine gave up, and why
_ERROR = re.compile(r"from\s+(\S+)\s*:\s*error #\s*-?\d+\s*\n\s*(.+)")
#: routines that read the input or see whether it makes sense
_READERS = re.compile(r"read_|card_|iosys|input|readpp|upf|setup|set_|init_dft|scan_ibrav|latgen", re.IGNORECASE)


# ------------------------------------------------------------------------------------------------------------- no label


def diagnose(node: ProcessNode, job: CalcJobNode | None) -> tuple[FailureKind, str]:
    """Return the kind and the reason of the failure of a work chain of pw.x, whose last job is given if it came to that."""
    chain = f"PwBaseWorkChain<{node.pk}> [{node.exit_status}] {ending(node)}"
    if job is None:
        return (FailureKind.LOST if node.is_killed else FailureKind.REFUSED), f"no job was begun: {chain}"
    kind, reason = _of_job(job)
    return kind, f"{reason}; job<{job.pk}> [{job.exit_status}] {ending(job)}; {chain}"


def _of_job(job: CalcJobNode) -> tuple[FailureKind, str]:
    if job.is_excepted:
        last = ending(job)
        if "ValidationError" in last:
            return FailureKind.REFUSED, "the plug-in refuses the input"
        return FailureKind.LOST, "AiiDA lost the job"
    if not job.is_finished:
        return FailureKind.LOST, "the job was killed"
    if job.is_finished_ok:
        return FailureKind.REFUSED, "the highest band is occupied, with more and more bands: raise SYSTEM.nbnd"
    status = int(job.exit_status or 0)
    cause = told_by_queue(_read(job, "_scheduler-stderr.txt"))
    if cause and status != STOPPED:
        return cause[0], f"{_WORDS[cause[0]]} ({cause[1]})"
    words = _ERROR.search(_read(job, "CRASH")) or _ERROR.search(_read(job, job.get_option("output_filename") or "aiida.out"))
    said = f"pw.x gave up in {words.group(1)}: {words.group(2).strip()}" if words else ""
    if status in _STATUS:
        return _STATUS[status], said or _WORDS.get(_STATUS[status], "the machine ended the job")
    if words:
        return (FailureKind.REFUSED if _READERS.match(words.group(1)) else FailureKind.CRASH), said
    if status in _UNREADABLE:
        if "JOB DONE" in _read(job, job.get_option("output_filename") or "aiida.out"):
            return FailureKind.TRUNCATED, "the output of a job that was done cannot be read"
        return FailureKind.CRASH, "pw.x died without a word"
    return FailureKind.CRASH, "pw.x failed"


_WORDS = {
    FailureKind.WALLTIME: "the walltime ended pw.x before it could stop by itself: raise walltime of label in the machine's "
    "options.yaml, or label.espresso.stop_margin",
    FailureKind.MEMORY: "no memory left",
    FailureKind.UNCONVERGED: "the self-consistent field did not converge",
}


def _read(job: CalcJobNode, name: str) -> str:
    if "retrieved" not in job.outputs or name not in job.outputs.retrieved.base.repository.list_object_names():
        return ""
    return job.outputs.retrieved.base.repository.get_object_content(name, "rb").decode(errors="replace")


# -------------------------------------------------------------------------------------------------------------- a label


def read_point(parameters: Mapping[str, Any], trajectory: TrajectoryData, xml: str) -> SinglePoint:
    """Return what pw.x reports: the numbers as the plug-in read them, the configuration from pw.x's own file.

    The plug-in gives back the atoms that went in, so that only the file tells for which atoms the numbers are.

    Raises
    ------
    LabelError
        If something is missing.
    """
    present = set(trajectory.get_arraynames())
    missing = [name for name in ("energy", "forces", "stress") if name not in present]
    missing += [name for name in ("creator_version", "convergence_info", *_UNITS) if name not in parameters]
    if missing:
        raise LabelError(FailureKind.TRUNCATED, f"the output lacks {', '.join(missing)}")
    for name, unit in _UNITS.items():
        if parameters[name] != unit:
            raise LabelError(FailureKind.TRUNCATED, f"{name}: expected '{unit}', got '{parameters[name]}'")
    symbols, positions, cell = _structure(xml)
    return SinglePoint(
        # F = E - TS, of which the forces are the derivative; without smearing it is the energy
        energy=float(trajectory.get_array("energy")[-1]),
        forces=np.array(trajectory.get_array("forces")[-1], dtype=float),
        # pw.x's stress is positive under pressure
        stress=-GPa * np.array(trajectory.get_array("stress")[-1], dtype=float),
        symbols=symbols,
        positions=positions,
        cell=cell,
        converged=bool(parameters["convergence_info"].get("scf_conv", {}).get("convergence_achieved", False)),
        moment=parameters.get("total_magnetization") if parameters.get("number_of_spin_components") == 2 else None,
    )


def _structure(xml: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return symbols, positions (N, 3) and cell (3, 3), both in A, of the output part of pw.x's file."""
    try:
        structure = ElementTree.fromstring(xml).find("output/atomic_structure")
    except ElementTree.ParseError as error:
        raise LabelError(FailureKind.TRUNCATED, f"{XML} is not whole: {error}") from error
    if structure is None:
        raise LabelError(FailureKind.TRUNCATED, f"{XML} has no atoms")
    atoms = structure.findall("atomic_positions/atom")
    rows = [(atom.text or "").split() for atom in atoms]
    vectors = [(structure.findtext(f"cell/{name}") or "").split() for name in ("a1", "a2", "a3")]
    # a kind of atoms may be called Fe1
    symbols = [re.sub(r"[^A-Za-z].*$", "", atom.get("name", "")) for atom in atoms]
    return symbols, Bohr * np.array(rows, dtype=float).reshape(-1, 3), Bohr * np.array(vectors, dtype=float).reshape(3, 3)


@calcfunction
def label_from_pw(frames: FramesData, about: Dict, parameters: Dict, trajectory: TrajectoryData, retrieved: FolderData) -> Any:
    """Return one labelled frame, or the exit code that says why what pw.x made is no label.

    ``about``: see :func:`workchains.labelling.single_point.labelled`. The rest are outputs of the job.
    """
    values = parameters.get_dict()
    try:
        if XML not in retrieved.base.repository.list_object_names():
            raise LabelError(FailureKind.TRUNCATED, f"there is no {XML}")
        point = read_point(values, trajectory, retrieved.base.repository.get_object_content(XML, "r"))
        notes = {"seconds": values.get("wall_time_seconds"), "bands": values.get("number_of_bands")}
        return labelled(frames, about.get_dict(), point, values["creator_version"], **notes)
    except LabelError as error:
        return refusal(error)
