"""Asking processes under the daemon to end or to go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from workchains.provenance import Step

__all__ = ["kill_all", "play"]

INTERVAL = 0.5
#: s; a request may come to nothing: a process that no worker had taken up yet does not hear it
ASK_AGAIN = 10.0
#: s that a process is given to answer
ANSWER = 5.0


def kill_all(node: ProcessNode, show: Callable[[list[Step], float], None]) -> None:
    """Kill a process and all below it, its jobs on their machines included; return once none is left.

    Parameters
    ----------
    show
        Gets the processes that still live, and the seconds since the first request.
    """
    from aiida.engine.processes.control import kill_processes

    from workchains.provenance import steps_below

    began = time.monotonic()
    asked = -ASK_AGAIN
    while True:
        living = [step for step in steps_below(node) if not step.ended]
        waited = time.monotonic() - began
        if node.is_terminated and not living:
            return
        show(living, waited)
        if waited - asked >= ASK_AGAIN:
            # a parent hands the request on to its children; those it could not reach, or left behind, are asked themselves
            with _quiet():
                kill_processes([node] if not node.is_terminated else _nodes(living), msg_text="cancelled", timeout=ANSWER)
            asked = waited
        time.sleep(INTERVAL)


def play(node: ProcessNode) -> bool:
    """Let a paused process go on; return whether it does."""
    from aiida.engine.processes.control import play_processes

    until = time.monotonic() + 2 * ANSWER
    while time.monotonic() < until:
        with _quiet():
            play_processes([node], timeout=ANSWER)
        # it may have been about to pause when it was asked
        time.sleep(INTERVAL)
        if node.is_terminated or not node.paused:
            return True
    return False


def _nodes(steps: Sequence[Step]) -> list[ProcessNode]:
    from aiida.orm import ProcessNode, QueryBuilder

    return QueryBuilder().append(ProcessNode, filters={"id": {"in": [step.pk for step in steps]}}).all(flat=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep AiiDA from printing a line for each request; what matters is looked at afterwards."""
    logger = logging.getLogger("aiida.process_control")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
