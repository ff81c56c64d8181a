"""Parts of AiiDA that are not its public interface, overridden or used; all of them are here, and nowhere else.

Each is relied on for a reason that is told with it. :data:`RELIED_ON` lists what was read to write it; a test compares the source
of each with what it was then, so that a new aiida-core that changes one of them is noticed before a campaign is.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from aiida.brokers.zeromq.queue import PersistentQueue
from aiida.brokers.zeromq.service import ZeromqBrokerService
from aiida.common.links import LinkType
from aiida.engine import Process, WorkChain
from aiida.engine.daemon.client import get_daemon_client
from aiida.manage import Profile, get_manager
from aiida.manage.configuration import get_config
from aiida.orm import Data, ProcessNode, QueryBuilder, RemoteData, WorkChainNode, load_node
from plumpy import ProcessState
from plumpy.process_comms import create_continue_body

__all__ = [
    "RELIED_ON",
    "AttachesOnce",
    "AwaitsFirst",
    "ForgetsOutputs",
    "broker_pid",
    "daemon_role",
    "drop_task",
    "end_unbegun",
    "forget_broker_address",
    "has_lost_checkpoint",
    "keeper_sockets",
    "queue_task",
    "remove_folder",
    "task_files",
    "tasks_by_process",
]

#: what each part of this module rests on, as "module:qualified name"
RELIED_ON: dict[str, tuple[str, ...]] = {
    "AwaitsFirst": (
        "aiida.engine.processes.workchains.workchain:WorkChain._action_awaitables",
        "aiida.engine.processes.workchains.workchain:WorkChain._insert_awaitable",
        "aiida.engine.processes.workchains.workchain:WorkChain._on_awaitable_finished",
        "aiida.engine.processes.workchains.workchain:WorkChain._resolve_awaitable",
        "aiida.engine.processes.workchains.workchain:WorkChain.load_instance_state",
        "aiida.engine.processes.workchains.workchain:WorkChain.on_wait",
        "aiida.engine.runners:Runner.call_on_process_finish",
    ),
    "AttachesOnce": (
        "aiida.engine.processes.process:Process.on_entered",
        "aiida.engine.processes.process:Process.update_outputs",
        "aiida.engine.processes.process:Process._flat_outputs",
    ),
    "ForgetsOutputs": (
        "aiida.engine.processes.process:Process.on_entered",
        "aiida.engine.processes.process:Process.update_outputs",
        "aiida.engine.processes.process:Process._flat_outputs",
        "plumpy.processes:Process.load_instance_state",
        "plumpy.processes:Process.outputs",
    ),
    "remove_folder": ("aiida.orm.nodes.data.remote.base:RemoteData._clean",),
    "end_unbegun": (
        "aiida.engine.processes.launcher:ProcessLauncher._continue",
        "aiida.engine.runners:Runner.submit",
        "aiida.orm.nodes.process.process:ProcessNode.delete_checkpoint",
        "aiida.orm.nodes.process.process:ProcessNode.set_exception",
        "aiida.orm.nodes.process.process:ProcessNode.set_process_state",
    ),
    "has_lost_checkpoint": ("aiida.engine.persistence:AiiDAPersister.load_checkpoint",),
    "tasks_by_process": (
        "aiida.brokers.zeromq.broker:ZeromqBroker.iterate_tasks",
        "aiida.brokers.zeromq.broker:ZeromqIncomingTask",
        "aiida.brokers.rabbitmq.broker:RabbitmqBroker.iterate_tasks",
    ),
    "queue_task": (
        "aiida.brokers.zeromq.queue:PersistentQueue.push",
        "aiida.brokers.zeromq.queue:PersistentQueue._load",
        "plumpy.process_comms:create_continue_body",
    ),
    "forget_broker_address": ("aiida.brokers.zeromq.service:ZeromqBrokerService.FilepathLayout",),
    "broker_pid": (
        "aiida.brokers.zeromq.broker:ZeromqBroker.check_service_reachable",
        "aiida.brokers.zeromq.broker:ZeromqBroker.probe_service_status",
    ),
    "daemon_role": (
        "aiida.engine.daemon.client:DaemonClient.cmd_start_daemon_worker",
        "aiida.engine.daemon.client:DaemonClient._cmd_start_zmq_broker",
    ),
    "keeper_sockets": ("aiida.engine.daemon.client:DaemonClient.circus_socket_file",),
}

ZEROMQ = "core.zeromq"


# ------------------------------------------------------------------------------------------------------------- work chains


class AwaitsFirst(WorkChain):
    """A work chain that goes on when the first of some processes ends, or after a time (``ctx.wake_after``, s; None: no time).

    AiiDA's waits for all that it awaits; there is no other way to be woken by the first than to let go of the rest.
    """

    #: what keys of processes in the context begin with of which the first is awaited
    first_of: ClassVar[tuple[str, ...]] = ()

    def _action_awaitables(self) -> None:
        """Listen to each awaited process once, however often it is awaited; see to it that this is woken in time."""
        heard: set[int] = self.__dict__.setdefault("_heard", set())
        for awaitable in self._awaitables:
            if awaitable.pk not in heard:
                heard.add(awaitable.pk)
                callback = functools.partial(self.call_soon, self._on_one_finished, awaitable.pk)
                self.runner.call_on_process_finish(awaitable.pk, callback)
        self.__dict__["_wait"] = wait = self.__dict__.get("_wait", 0) + 1
        if self.ctx.get("wake_after") is not None:
            self.runner.loop.call_later(self.ctx.wake_after, self._ring, wait)

    def _ring(self, wait: int) -> None:
        """Go on although none of :attr:`first_of` has ended, if this still waits as it did when the time was set."""
        if not self.has_terminated() and wait == self.__dict__["_wait"]:
            self.call_soon(self._on_time, wait)

    def _on_time(self, wait: int) -> None:
        if wait != self.__dict__["_wait"]:
            return
        self._awaitables = [awaitable for awaitable in self._awaitables if not awaitable.key.startswith(self.first_of)]
        if self.state == ProcessState.WAITING and not self._awaitables:
            self.resume()

    def _on_one_finished(self, pk: int) -> None:
        """Go on when all are done that are awaited together, or the first of those in :attr:`first_of`."""
        self.__dict__["_heard"].discard(pk)
        awaited = [awaitable for awaitable in self._awaitables if awaitable.pk == pk]
        if not awaited:
            return  # it ended between two steps; whoever awaits it now listens anew, and hears at once
        for awaitable in awaited:
            self._resolve_awaitable(awaitable, load_node(pk))
        if any(awaitable.key.startswith(self.first_of) for awaitable in awaited):
            self._awaitables = [awaitable for awaitable in self._awaitables if not awaitable.key.startswith(self.first_of)]
        if self.state == ProcessState.WAITING and not self._awaitables:
            self.resume()


class AttachesOnce(Process):
    """A process that looks at the links of its outputs when there is a new one; AiiDA's looks whenever its state changes."""

    def update_outputs(self) -> None:
        """Attach the outputs that are new, if there are any."""
        labels = set(self._flat_outputs())
        if labels != self.__dict__.setdefault("_attached", set()):
            super().update_outputs()
            self.__dict__["_attached"] = labels


class ForgetsOutputs(WorkChain):
    """A work chain that attaches its outputs as they come, and forgets them.

    AiiDA's keeps them all, writes them with each checkpoint, and looks at each link it ever made whenever its state changes: a
    campaign of many iterations would spend its time on that.
    """

    def update_outputs(self) -> None:
        """Attach the outputs that are new, and forget them."""
        flat = self._flat_outputs()
        if not flat:
            return
        query = QueryBuilder().append(WorkChainNode, filters={"id": self.node.pk}, tag="chain")
        edge = {"type": LinkType.RETURN.value, "label": {"in": list(flat)}}
        query.append(Data, with_incoming="chain", edge_filters=edge, edge_project="label", project="id")
        attached = {label for _, label in query.all()}
        for label, output in flat.items():
            if label not in attached:
                output.base.links.add_incoming(self.node, LinkType.RETURN, label)
                output.store()
        if self.runner.is_daemon_runner:
            # elsewhere whoever runs the work chain gets them as the result
            self._outputs = {}


# ---------------------------------------------------------------------------------------------------------- process nodes


def remove_folder(folder: RemoteData) -> None:
    """Remove a job's folder from its machine, and note that; ``verdi calcjob cleanworkdir`` does it by the same method."""
    folder._clean()


def end_unbegun(node: ProcessNode, exception: str) -> None:
    """End a process that never ran and never will, as AiiDA's launcher ends one that it cannot load.

    A task for it that is still on its way finds it ended, and is dropped. Without its checkpoint nobody can begin it.
    """
    node.set_process_state(ProcessState.EXCEPTED)
    node.set_exception(exception)
    node.delete_checkpoint()
    node.seal()


def has_lost_checkpoint(node: ProcessNode) -> bool:
    """Whether a worker was told to go on with a process, and found nothing to go on from: AiiDA says so in words alone."""
    return "does not have a saved checkpoint" in (node.exception or "")


# -------------------------------------------------------------------------------------------------- the broker and its tasks


def tasks_by_process(broker: Any) -> Iterator[tuple[int, Any]]:
    """Yield the tasks that the broker keeps, each with the PK of the process that it makes a worker go on with."""
    for task in broker.iterate_tasks():
        pk = (task.body or {}).get("args", {}).get("pid")
        if pk is not None:
            yield pk, task


def drop_task(task: Any) -> None:
    """Take a task out of its broker."""
    with task.processing() as outcome:
        outcome.set_result(False)


def queue_task(profile: Profile, pk: int) -> None:
    """Hand over a task that is kept until its process has ended; the daemon must not run."""
    if profile.process_control_backend != ZEROMQ:
        get_manager().get_process_controller().continue_process(pk, nowait=False, no_reply=True)
        return
    # this broker is a part of the daemon, which does not run: it will find the task among its files
    body = create_continue_body(pid=pk, nowait=False)
    task_files(profile).push(uuid.uuid4().hex, {"body": body, "no_reply": True})


def task_files(profile: Profile) -> PersistentQueue:
    """Return the tasks that a ZeroMQ broker keeps as files."""
    return PersistentQueue(_broker_files(profile).storage_path / "tasks")


def forget_broker_address(profile: Profile) -> None:
    """Remove the address of a broker that does not run any more: a worker that started before the next one would call there."""
    if profile.process_control_backend == ZEROMQ:
        layout = _broker_files(profile)
        for path in (layout.sockets_file, layout.pid_file, layout.status_file):
            path.unlink(missing_ok=True)


def _broker_files(profile: Profile) -> ZeromqBrokerService.FilepathLayout:
    """Return where the ZeroMQ broker has its files."""
    paths = get_config().filepaths(profile)["broker_service"]
    return ZeromqBrokerService.FilepathLayout(paths["dir"], paths["log"])


def broker_pid(broker: Any) -> int | None:
    """Return the process id of a ZeroMQ broker that answers; None if there is none."""
    return broker.probe_service_status().get("pid") if broker.check_service_reachable() else None


# ------------------------------------------------------------------------------------------------ the daemon's own processes


def daemon_role(command: list[str], profile: Profile) -> str | None:
    """Return what a process is of a profile's daemon, from its command line: ``worker``, ``broker``, or None."""
    if "daemon" not in command or profile.name not in command:
        return None
    return next((role for role in ("worker", "broker") if role in command), None)


def keeper_sockets(profile: Profile) -> str | None:
    """Return the folder of the sockets of the process that keeps a daemon's others running, if there is or was one."""
    path = Path(get_daemon_client(profile.name).circus_socket_file)
    return (path.read_text().strip() or None) if path.is_file() else None
