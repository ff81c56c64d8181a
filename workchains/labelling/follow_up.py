"""What follows on a process that labelled: which of its frames are tried again, in which way, and which are given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiida.orm import ProcessNode

from workchains.labelling.contract import Outcome, Task
from workchains.processes.keyed import ending
from workchains.processes.retries import End, Folder, Tries, decide, died, is_unreadable

__all__ = ["FollowUp", "Retry", "follow_up", "with_progress"]


@dataclass(frozen=True)
class Retry:
    """Frames to be queued.

    Attributes
    ----------
    indices
        Of the frames.
    like
        How they are labelled: a task whose own indices are none.
    apart
        Whether each goes into a process of its own, whatever the program would do.
    """

    indices: Sequence[int]
    like: Task
    apart: bool = False


@dataclass
class FollowUp:
    """What is to be done: frames to queue, in this order; failed attempts to write down; sentences to report."""

    retries: list[Retry] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)


def with_progress(outcome: Outcome, task: Task) -> Outcome:
    """Return an outcome in which at least one frame was begun: a job of which nothing came must not be submitted for ever."""
    if outcome.interrupted is not None or len(outcome.unreached) < len(task.indices):
        return outcome
    return replace(outcome, interrupted=outcome.unreached[0], unreached=outcome.unreached[1:])


def follow_up(
    node: ProcessNode,
    task: Task,
    outcome: Outcome,
    ids: Sequence[str],
    restarts: int,
    remedy: Callable[[str, Sequence[str]], str | None],
) -> FollowUp:
    """Return what follows on a process that has ended.

    Parameters
    ----------
    node
        The process.
    task
        What it was to label.
    outcome
        What became of that.
    ids
        Of all frames to label.
    restarts
        How often a frame that was interrupted may be gone on with.
    remedy
        Returns the next remedy for a kind of failure after those used, or None.
    """
    follows = FollowUp()
    if outcome.unreached:
        follows.retries.append(Retry(outcome.unreached, Task((), task.remedies)))
    if outcome.interrupted is not None:
        _go_on(follows, node, task, outcome.interrupted, ids, restarts)
    follows.failures += outcome.failures
    retried = _once_more(follows, task, outcome.died) if outcome.died else []
    _remedy(follows, task, [item for item in outcome.failures if item["index"] not in retried], remedy)
    return follows


def _go_on(follows: FollowUp, node: ProcessNode, task: Task, index: int, ids: Sequence[str], restarts: int) -> None:
    """Continue a frame whose job was stopped in the middle, in one that begins with its charge density or wave functions.

    That is the walltime, the failure of a node, or a result that cannot be read; each is told as what it is. None of them
    speaks against the frame, so each counts as an interruption.
    """
    tries = Tries(task.restarts if index == task.indices[0] else 0, task.deaths)
    # a program finds by itself what there is in the folder to begin with
    folder = Folder.BROKEN if is_unreadable(node) else Folder.THERE
    decision = decide(End.INTERRUPTED, tries, restarts, folder)
    cause = f"its job died ({ending(node)}) before" if died(node) else "the walltime stopped"
    follows.reports.append(f"{cause} frame {index}. {decision.action}")
    if decision.again:
        parent = node.pk if decision.from_folder else None
        follows.retries.append(Retry([index], Task((), task.remedies, tries.restarts + 1, parent, tries.deaths), apart=True))
        return
    kind, reason = "walltime", "each to its walltime: raise walltime of label in the machine's options.yaml"
    if died(node):
        kind, reason = "lost", f"the last of which ended: {ending(node)}"
    reason = f"not finished after {tries.restarts + 1} jobs, {reason}"
    follows.failures.append({"index": index, "id": ids[index], "kind": kind, "reason": reason})


def _once_more(follows: FollowUp, task: Task, dead: Sequence[int]) -> Sequence[int]:
    """Try frames on which a job died as they are, and return them: what ended it may have had nothing to do with them."""
    tries = Tries(task.restarts + task.deaths, task.deaths + 1)
    decision = decide(End.DIED, tries, None, Folder.GONE)
    follows.reports.append(f"the job died on {len(dead)} frames. {decision.action}")
    if not decision.again:
        return []
    follows.retries.append(Retry(dead, Task((), task.remedies, task.restarts, None, tries.deaths)))
    return dead


def _remedy(
    follows: FollowUp, task: Task, failures: Sequence[dict[str, Any]], remedy: Callable[[str, Sequence[str]], str | None]
) -> None:
    """Try each frame that failed with its next remedy, those of one remedy together."""
    groups: dict[str, list[int]] = {}
    for item in failures:
        following = remedy(item["kind"], task.remedies)
        if following is not None:
            groups.setdefault(following, []).append(item["index"])
    for name, indices in groups.items():
        follows.reports.append(f"{len(indices)} frames failed and are tried again. Action taken: {name}")
        follows.retries.append(Retry(indices, Task((), (*task.remedies, name))))
