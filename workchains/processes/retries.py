"""When a job is tried again: one policy, for single jobs, for runs of several jobs in a row, and for frames to be labelled.

=============================  ==========================================================================
how the job ended              what follows
=============================  ==========================================================================
done                           nothing
interrupted, as by a walltime  a restart from its folder, as often as restarts are allowed; none without
                               that folder, as a job that begins anew would reach its walltime again
died                           one restart, within those allowed: from its folder, or anew where there is
                               none or the result that it holds is broken
failed for its own reasons     nothing: the next job would fail for the same reasons
=============================  ==========================================================================

What is tried again, and where it is counted, is the affair of who asks. Of AiiDA, this reads how a process ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aiida.orm import ProcessNode

from workchains.processes.exit_statuses import JobStatus, SchedulerStatus

__all__ = ["Decision", "End", "Folder", "Tries", "decide", "died", "end_of", "folder_of", "is_out_of_walltime"]

#: how a job ends that something else than its own work ended
DEATHS = (
    SchedulerStatus.NO_RETRIEVED_FOLDER,
    SchedulerStatus.NODE_FAILED,
    JobStatus.OUTPUT_MISSING,
    JobStatus.OUTPUT_UNREADABLE,
    JobStatus.ENDED_FROM_OUTSIDE,
)
#: how often what a job works on may have died and yet be tried again
DEATHS_FORGIVEN = 1


class End(StrEnum):
    """How a job ended, as far as trying again is concerned."""

    DONE = "done"
    #: in the middle of its work, for want of time or of its node: more of it is all it needs
    INTERRUPTED = "interrupted"
    #: by something else than its own work, as far as one can tell: once more may go well
    DIED = "died"
    #: for its own reasons
    FAILED = "failed"


class Folder(StrEnum):
    """What is left of a job to go on from."""

    THERE = "there"
    #: its result cannot be read, so its checkpoint may be broken as well
    BROKEN = "broken"
    GONE = "gone"


@dataclass(frozen=True)
class Tries:
    """What was tried of one piece of work, the job that has just ended included.

    Attributes
    ----------
    restarts
        Jobs after the first.
    deaths
        Jobs that died.
    """

    restarts: int = 0
    deaths: int = 0


@dataclass(frozen=True)
class Decision:
    """Whether a piece of work is tried again.

    Attributes
    ----------
    again
        Whether there is to be another job.
    from_folder
        Whether that job begins with what the last one left in its folder.
    action
        What is done, as a sentence to report; empty where there was nothing to decide.
    """

    again: bool = False
    from_folder: bool = False
    action: str = ""


def decide(end: End, tries: Tries, allowed: int | None, folder: Folder) -> Decision:
    """Return whether a piece of work is tried again, and from where.

    Parameters
    ----------
    end
        How its last job ended.
    tries
        What was tried of it so far.
    allowed
        How many restarts it may have in all; None: as many as its ends allow, which is for jobs that do not go on from a folder.
    folder
        What the last job left.
    """
    if end in (End.DONE, End.FAILED):
        return Decision()
    jobs = f"{tries.restarts + 1} job{'s' if tries.restarts else ''}"
    if end is End.DIED and tries.deaths > DEATHS_FORGIVEN:
        return Decision(action=f"Action taken: given up after {jobs}, {tries.deaths} of which died")
    if allowed is not None and tries.restarts >= allowed:
        return Decision(action=f"Action taken: given up after {jobs}, as {allowed} restarts are allowed")
    if end is End.INTERRUPTED and folder is Folder.GONE:
        return Decision(action="Action taken: given up, as there is no folder to go on from")
    number = f"restart {tries.restarts + 1}" + (f" of at most {allowed}" if allowed is not None else "")
    start = {Folder.THERE: "from its folder", Folder.BROKEN: "anew, as its result is broken", Folder.GONE: "anew"}[folder]
    return Decision(True, folder is Folder.THERE, f"Action taken: {number}, {start}")


# ---------------------------------------------------------------------------------------------------- what a process node says


def end_of(node: ProcessNode) -> End:
    """Return how a process that has ended did so."""
    if node.is_finished_ok:
        return End.DONE
    if is_out_of_walltime(node):
        return End.INTERRUPTED
    return End.DIED if died(node) else End.FAILED


def died(node: ProcessNode) -> bool:
    """Whether a job was ended by something else than its own work, as far as one can tell: once more may go well."""
    return bool(node.is_excepted or node.exit_status in DEATHS)


def is_out_of_walltime(node: ProcessNode) -> bool:
    """Whether the walltime ended a job, and nothing else."""
    return bool(node.is_finished and node.exit_status == JobStatus.OUT_OF_WALLTIME)


def is_unreadable(node: ProcessNode) -> bool:
    """Whether a job left a result that cannot be read."""
    return bool(node.is_finished and node.exit_status == JobStatus.OUTPUT_UNREADABLE)


def folder_of(node: ProcessNode) -> Folder:
    """Return what is left of a job to go on from."""
    if "remote_folder" not in node.outputs or node.outputs.remote_folder.is_cleaned:
        return Folder.GONE
    return Folder.BROKEN if is_unreadable(node) else Folder.THERE
