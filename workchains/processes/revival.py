"""Processes that no worker will ever go on with, because something died at the wrong moment: found, and buried or queued anew.

A process is made in three acts: its node is stored, its checkpoint is saved, its task is handed to the broker. A daemon that is
killed between two of them leaves a process that looks alive and is not. One without a checkpoint can never run: it is buried, and
whoever made it makes another. One with a checkpoint only lacks its task.
"""

from __future__ import annotations

from aiida.engine import ProcessState
from aiida.orm import ProcessNode

from workchains.processes.aiida_private import end_unbegun, has_lost_checkpoint

__all__ = ["ABANDONED", "QUEUED", "bury", "is_abandoned", "never_began"]

#: extra of a process whose task was handed to the broker
QUEUED = "alworkflows_queued"
#: extra of a process that never ran and never will
ABANDONED = "alworkflows_abandoned"


def bury(node: ProcessNode, reason: str) -> None:
    """End a process that never ran, so that nothing waits for it and nobody starts it any more."""
    if node.is_sealed:
        return
    node.base.extras.set(ABANDONED, reason)
    end_unbegun(node, f"abandoned: {reason}")


def never_began(node: ProcessNode) -> bool:
    """Whether a process was stored, but nobody can have gone on with it: not begun, and its task perhaps never handed over."""
    return node.process_state in (None, ProcessState.CREATED) and not node.base.extras.get(QUEUED, False)


def is_abandoned(node: ProcessNode) -> bool:
    """Whether a process only looks like a failure: it lost its daemon before it began, and was buried, or has no checkpoint."""
    return ABANDONED in node.base.extras.all or has_lost_checkpoint(node)
