"""What a daemon that died leaves behind: parts of it that live on, processes whose tasks are lost, workers without a broker.

A task is what makes a worker go on with a process; the broker keeps it until the process ends, and gives it to another worker if
the first dies. It is lost if a worker dies, or loses its broker, between storing a process and the broker's noting its task.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from aiida.manage import Profile, get_manager
from aiida.manage.configuration.settings import AiiDAConfigDir
from aiida.orm import ProcessNode, QueryBuilder

from workchains.processes.aiida_private import (
    ZEROMQ,
    broker_pid,
    daemon_role,
    drop_task,
    forget_broker_address,
    keeper_sockets,
    queue_task,
    tasks_by_process,
)
from workchains.processes.revival import QUEUED, bury

__all__ = ["Mended", "broker_is_new", "end_leftovers", "exit_without_broker", "leftovers", "mend", "mend_tasks"]

#: s that a process of a dead daemon gets to end by itself
PATIENCE = 10.0
#: s that a broker gets to come back
RETURN = 30.0


@dataclass
class Mended:
    """What was put right before a daemon started.

    Attributes
    ----------
    ended
        Process ids of workers and brokers that outlived their daemon.
    queued
        PKs of processes that got their task back.
    buried
        PKs of processes that never began, and never will.
    """

    ended: list[int] = field(default_factory=list)
    queued: list[int] = field(default_factory=list)
    buried: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in words; an empty text if there was nothing."""
        counts = (
            (self.ended, "left by an earlier daemon ended", "left by an earlier daemon ended"),
            (self.queued, "lost its task and got it back", "lost their tasks and got them back"),
            (self.buried, "never began and is made anew", "never began and are made anew"),
        )
        one = [
            f"1 process {single}" if len(which) == 1 else f"{len(which)} processes {many}"
            for which, single, many in counts
            if which
        ]
        return "; ".join(one)


# ------------------------------------------------------------------------------------------------ processes of a dead daemon


def leftovers(profile: Profile) -> list[psutil.Process]:
    """Return what runs of a profile's daemon on this machine, whoever started it, but for the process that keeps the others."""
    sockets = keeper_sockets(profile)
    left = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            # what counts statistics for the keeper is told the keeper's address
            counts = sockets is not None and any(sockets in word for word in command)
            if not counts and daemon_role(command, profile) is None:
                continue
            if _belongs(process.environ().get("AIIDA_PATH", "")):
                left.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return left


def _belongs(where: str) -> bool:
    """Whether a process with this AIIDA_PATH uses the AiiDA directory that this one uses."""
    folder = Path(where.split(os.pathsep)[0]).expanduser()
    return bool(where) and (folder if folder.name == ".aiida" else folder / ".aiida").resolve() == AiiDAConfigDir.get().resolve()


def end_leftovers(profile: Profile) -> list[int]:
    """End the workers and the broker that outlived their daemon; what they did goes on in those of the next one."""
    left = leftovers(profile)
    for process in left:
        process.terminate()
    _, alive = psutil.wait_procs(left, PATIENCE)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, PATIENCE)
    return [process.pid for process in left]


# ------------------------------------------------------------------------------------------------ tasks


def mend(profile: Profile) -> Mended:
    """Put right what an earlier daemon left behind, before another is started."""
    ended = end_leftovers(profile)
    forget_broker_address(profile)
    mended = mend_tasks(profile)
    mended.ended = ended
    return mended


def mend_tasks(profile: Profile) -> Mended:
    """Give each process of a campaign that lost its task a new one; bury those that never began. The daemon must not run.

    Only what is below a process that has its task is touched: what is run by a script or a shell has none, and needs none.
    """
    broker: Any = get_manager().get_broker()
    if broker is None:
        return Mended()
    known = _known_tasks(broker)
    query = QueryBuilder()
    query.append(ProcessNode, filters={"attributes.process_state": {"in": ["created", "waiting", "running"]}}, tag="process")
    mended = Mended()
    for node in query.order_by({"process": {"id": "asc"}}).all(flat=True):
        if node.pk in known or _root(node).pk not in known:
            continue
        if node.checkpoint is None:
            bury(node, "the daemon died before it began")
            mended.buried.append(node.pk)
        else:
            queue_task(profile, node.pk)
            node.base.extras.set(QUEUED, True)
            mended.queued.append(node.pk)
    return mended


def _known_tasks(broker: Any) -> set[int]:
    """Return the PKs of the processes that have a task; a second task of a process, which two workers would run, is dropped."""
    known: set[int] = set()
    for pk, task in tasks_by_process(broker):
        if pk in known:
            drop_task(task)
        known.add(pk)
    return known


def _root(node: ProcessNode) -> ProcessNode:
    while node.caller is not None:
        node = node.caller
    return node


# ------------------------------------------------------------------------------------------------ workers without a broker


def broker_is_new(since: float) -> bool | None:
    """Whether the ZeroMQ broker was started after a time (s); None if there is none now. RabbitMQ's clients find it again."""
    profile, broker = get_manager().get_profile(), get_manager().get_broker()
    if profile is None or broker is None or profile.process_control_backend != ZEROMQ:
        return False
    pid = broker_pid(broker)
    try:
        return bool(psutil.Process(pid).create_time() > since) if pid is not None else None
    except psutil.NoSuchProcess:
        return None


def exit_without_broker() -> None:
    """End this worker if it lost its broker; to be called before a process is made, whose task would reach nobody.

    A ZeroMQ broker that is started again has a new address, and all tasks of its workers: the daemon replaces a worker that ends
    by one that calls there. As with any worker that dies, what it ran goes on from its last checkpoint.
    """
    began = psutil.Process().create_time()
    deadline = time.monotonic() + RETURN
    new = broker_is_new(began)
    while new is None and time.monotonic() < deadline:
        time.sleep(0.5)  # a worker that came back before its broker would look for it in the wrong place
        new = broker_is_new(began)
    if new is not False:
        os._exit(os.EX_TEMPFAIL)
