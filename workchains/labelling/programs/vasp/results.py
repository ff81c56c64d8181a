"""What became of a VASP job: the label of its frame, or why there is none.

aiida-vasp takes a run for converged if it made fewer steps than NELM: so is one that was stopped. It reads a broken vasprun.xml
as far as it goes. Both are looked at here again, in the files themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import CalcJobNode, Dict, FolderData, ProcessNode, StructureData
from ase.units import GPa

from alworkflows.calculators.failures import FailureKind, LabelError
from alworkflows.labelling.acceptance import SinglePoint
from workchains.data.frames import FramesData
from workchains.labelling.single_point import SCHEDULER_KINDS, frame_of, labelled, refusal, told_by_queue
from workchains.processes.keyed import ending

__all__ = ["Run", "diagnose", "read_point", "read_run", "vasp_labels"]

#: kB in eV/A^3; VASP's stress is positive under pressure, ASE's under tension
KILOBAR = 0.1 * GPa

#: what VASP writes where it does not want to go on
_REFUSED = r"I REFUSE TO CONTINUE|VERY BAD NEWS|Error reading item|POTCAR.*(?:incompatible|wrong)|ERROR: .*"

#: exit status of AiiDA's and of aiida-vasp's job, and the kind of failure
_STATUS = {
    **SCHEDULER_KINDS,
    350: FailureKind.LOST,
    701: FailureKind.UNCONVERGED,
    1005: FailureKind.FORCE,
}
#: what aiida-vasp finds in VASP's output, by its names: the solver gave up, or no memory, or atoms fused; all else is refused
_NOTED = {
    **dict.fromkeys(
        ("brmix", "cnormn", "denmp", "dentet", "edddav_zhegv", "eddrmm_zhegv", "edwav", "not_hermitian", "pssyevx", "pzstein"),
        FailureKind.UNCONVERGED,
    ),
    "set_indpw_full": FailureKind.MEMORY,
    "fexcp": FailureKind.GEOMETRY,
}


@dataclass(frozen=True)
class Run:
    """How a run of VASP ended, from its files.

    Attributes
    ----------
    converged
        Whether the self-consistent field reached EDIFF; None if OUTCAR does not say.
    stopped
        Whether STOPCAR ended it.
    finished
        Whether OUTCAR is whole.
    whole
        Whether vasprun.xml is.
    told
        The last lines that VASP and the queue wrote.
    """

    converged: bool | None
    stopped: bool
    finished: bool
    whole: bool
    told: str


def read_run(retrieved: FolderData) -> Run:
    """Return how a run ended."""
    converged: bool | None = None
    stopped = finished = False
    for line in _lines(retrieved, "OUTCAR"):
        if "aborting loop" in line:
            converged = "EDIFF is reached" in line
        stopped |= "hard stop" in line
        finished |= "timing and accounting informations" in line
    names = ("vasp_output", "_scheduler-stdout.txt", "_scheduler-stderr.txt")
    words = "\n".join(_tail(retrieved, name).decode(errors="replace").strip() for name in names)
    return Run(converged, stopped, finished, b"</modeling>" in _tail(retrieved, "vasprun.xml", 200), words)


def _lines(folder: FolderData, name: str) -> Iterator[str]:
    if name in folder.base.repository.list_object_names():
        with folder.base.repository.open(name, "rb") as handle:
            for line in handle:
                yield line.decode(errors="replace")


def _tail(folder: FolderData, name: str, size: int = 20_000) -> bytes:
    if name not in folder.base.repository.list_object_names():
        return b""
    with folder.base.repository.open(name, "rb") as handle:
        handle.seek(0, 2)
        handle.seek(max(0, handle.tell() - size))
        return bytes(handle.read())


# ------------------------------------------------------------------------------------------------------------- no label


def diagnose(node: ProcessNode, job: CalcJobNode | None, run: Run | None) -> tuple[FailureKind, str]:
    """Return the kind and the reason of the failure of a VASP work chain.

    Parameters
    ----------
    node
        The work chain.
    job
        Its job, if it came to that.
    run
        How the job ended, if its files are there.
    """
    chain = f"VaspWorkChain<{node.pk}> [{node.exit_status}] {ending(node)}"
    if job is None:
        return (FailureKind.LOST if node.is_killed else FailureKind.REFUSED), f"no job was begun: {chain}"
    kind, reason = _of_job(job, run)
    return kind, f"{reason}; job<{job.pk}> [{job.exit_status}] {ending(job)}; {chain}"


def _of_job(job: CalcJobNode, run: Run | None) -> tuple[FailureKind, str]:
    if job.is_excepted and "nan and inf" in (job.exception or ""):
        # what AiiDA says when it is to store a number that is none
        return FailureKind.FORCE, "VASP wrote NaN or infinity"
    if not job.is_finished or run is None:
        return FailureKind.LOST, "the job was killed" if job.is_killed else "the job left nothing behind"
    cause = told_by_queue(run.told)
    kind = cause[0] if cause else _STATUS.get(job.exit_status or 0)
    if kind is FailureKind.MEMORY:
        return kind, f"no memory left ({cause[1]})" if cause else "no memory left"
    if kind is FailureKind.WALLTIME:
        limit = job.get_option("max_wallclock_seconds")
        return kind, (
            f"the walltime of {limit} s ended VASP before it wrote its wave functions: raise walltime of label in the machine's "
            "options.yaml, or label.vasp.stop_margin"
        )
    if kind is not None:
        return kind, {
            FailureKind.UNCONVERGED: "the self-consistent field did not converge",
            FailureKind.FORCE: "numbers too large for the columns of VASP's output",
        }.get(kind, "the machine ended the job")
    if job.exit_status == 703:
        noted = [item["name"] for item in job.outputs.misc.get_dict().get("notifications", [])]
        kinds = [_NOTED[name] for name in noted if name in _NOTED]
        return (kinds[0] if kinds else FailureKind.REFUSED), f"VASP gave up: {', '.join(noted)}"
    refused = re.search(_REFUSED, run.told)
    if refused:
        # the reason stands in the lines before, among letters made of letters
        lines = [line.strip(" |") for line in run.told[: refused.end()].splitlines()[-12:] if re.search(r"[a-z]{3}", line)]
        return FailureKind.REFUSED, f"VASP refuses: {' '.join([*lines[-3:], refused.group().strip()])[-300:]}"
    if run.finished != run.whole:
        return FailureKind.TRUNCATED, f"{'vasprun.xml' if run.finished else 'OUTCAR'} is incomplete"
    last = [line for line in run.told.splitlines() if line.strip()][-1:]
    return FailureKind.CRASH, f"VASP died; its last words: {last[0].strip() if last else 'none'}"


# -------------------------------------------------------------------------------------------------------------- a label


def read_point(misc: Mapping[str, Any], seen: StructureData, run: Run) -> SinglePoint:
    """Return what VASP reports.

    Raises
    ------
    LabelError
        If the output is incomplete.
    """
    missing = [
        name
        for name, value in (
            ("the end of vasprun.xml", run.whole),
            ("the end of OUTCAR", run.finished),
            ("the energy", misc.get("total_energies", {}).get("energy_free")),
            ("the forces", misc.get("forces")),
            ("the stress", misc.get("stress")),
            ("the version", misc.get("version")),
        )
        if value is None or value is False
    ]
    if missing:
        raise LabelError(FailureKind.TRUNCATED, f"the output lacks {', '.join(missing)}")
    atoms = seen.get_ase()
    moment = misc.get("magnetization")
    converged = run.converged if run.converged is not None else bool(misc.get("run_status", {}).get("electronic_converged"))
    return SinglePoint(
        # TOTEN, of which the forces are the derivative; energy_extrapolated is that for no smearing
        energy=float(misc["total_energies"]["energy_free"]),
        forces=np.array(misc["forces"], dtype=float),
        stress=-KILOBAR * np.array(misc["stress"], dtype=float),
        symbols=atoms.get_chemical_symbols(),
        positions=atoms.positions,
        cell=np.array(atoms.cell),
        converged=converged,
        moment=float(moment[0]) if moment else None,
    )


@calcfunction
def vasp_labels(frames: FramesData, about: Dict, misc: Dict, structure: StructureData, retrieved: FolderData) -> Any:
    """Return one labelled frame, or the exit code that says why what VASP made is no label.

    ``about``: see :func:`workchains.labelling.single_point.labelled`; ``structure``: the atoms as vasprun.xml has them.
    """
    told, values = about.get_dict(), misc.get_dict()
    try:
        point = read_point(values, structure, read_run(retrieved))
        cell = np.asarray(point.cell)
        if np.linalg.det(cell) * np.linalg.det(np.asarray(frame_of(frames, told["index"]).cell)) < 0:
            point = replace(point, cell=-cell)  # a left-handed cell went in with its vectors turned round
        seconds = values.get("run_stats", {}).get("elapsed_time")
        return labelled(frames, told, point, values["version"], seconds=seconds)
    except LabelError as error:
        return refusal(error)
