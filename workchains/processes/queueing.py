"""Jobs in flight: work chains that wait for the first of their jobs, and a cap on a computer that all campaigns share.

AiiDA knows neither: a work chain waits for all that it awaits, and submits as much as it likes. Here a work chain keeps a list of
what waits, submits as much as there are free slots on the computer (and cores, where no scheduler counts them), and is woken by
whichever job ends first, its own or that of another campaign whose slot becomes free. What is in flight is asked of the database,
where each process that takes a slot carries an extra; a lock on a file makes asking and taking one act, since a profile's daemon
workers are all on one machine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ToContext
from aiida.orm import Computer, ProcessNode, QueryBuilder, WorkChainNode, load_node
from plumpy import ProcessState

from workchains.machines import core_cap, job_cap
from workchains.machines.cores import cores_of_inputs
from workchains.processes.keyed import KeyedWorkChain, ending
from workchains.processes.locks import profile_lock
from workchains.processes.revival import never_began

__all__ = [
    "MARK",
    "UNREADABLE",
    "QueueingWorkChain",
    "ask_to_stop",
    "cores_in_flight",
    "died",
    "in_flight",
    "is_stopping",
    "load_process",
]

#: extra of a process that takes a slot: ``queue`` (UUID of the computer), ``cores`` and what it works on
MARK = "alworkflows"
#: extra of a work chain that was asked to begin nothing new
STOP = "alworkflows_stop"

#: returns process class, inputs, and what the process works on (it goes into its extra), for a key; None: not wanted any more
Make = Callable[[str], tuple[type, dict[str, Any], dict[str, Any]] | None]
#: where in the context processes stand of which the first is awaited
FIRST = ("jobs.", "others.")

ENDED = [state.value for state in (ProcessState.FINISHED, ProcessState.EXCEPTED, ProcessState.KILLED)]


#: exit statuses of a job that something else than its own work ended: AiiDA's of a folder that is gone and of a failed node; ours
#: of a result that is not there, that cannot be read, and of an end from outside
DEATHS = (100, 140, 310, 311, 312)
#: that of a result that cannot be read
UNREADABLE = 311


def died(node: ProcessNode) -> bool:
    """Whether a job was ended by something else than its own work, as far as one can tell: once more may go well."""
    return node.is_excepted or node.exit_status in DEATHS


def in_flight(computer: Computer, project: str = "id") -> list[Any]:
    """Return the PKs (or another projection) of the processes that take a slot of a computer, oldest first; paused ones too."""
    return _in_flight(computer, [project]).all(flat=True)


def cores_in_flight(computer: Computer) -> dict[int, int]:
    """Return how many cores each process that takes a slot of a computer keeps busy, by its PK, oldest first."""
    return {pk: cores or 1 for pk, cores in _in_flight(computer, ["id", f"extras.{MARK}.cores"]).all()}


def _in_flight(computer: Computer, project: list[str]) -> QueryBuilder:
    query = QueryBuilder()
    filters = {f"extras.{MARK}.queue": computer.uuid, "attributes.process_state": {"!in": ENDED}}
    return query.append(ProcessNode, filters=filters, project=project, tag="process").order_by({"process": {"id": "asc"}})


def load_process(pk: int | str) -> ProcessNode:
    """Return a process by its PK or UUID."""
    node = load_node(pk)
    assert isinstance(node, ProcessNode)  # what is in flight was submitted
    return node


def is_stopping(node: ProcessNode) -> bool:
    """Whether a work chain, or one above it, was asked to begin nothing new."""
    current: ProcessNode | None = node
    while current is not None:
        if current.base.extras.get(STOP, False):
            return True
        current = current.caller
    return False


def ask_to_stop(node: ProcessNode) -> list[int]:
    """Ask a work chain, and every live one below it, to begin nothing new; what is in flight runs to its end.

    Returns
    -------
    asked : list of int
        PKs of the work chains that were asked, ``node`` first. One notices when it is woken, by the end of a job at the latest.
    """
    asked: list[int] = []
    level = [node]
    while level:
        for chain in level:
            chain.base.extras.set(STOP, True)
        asked += [int(chain.pk or 0) for chain in level]
        query = QueryBuilder()
        query.append(WorkChainNode, filters={"id": {"in": [chain.pk for chain in level]}}, tag="caller")
        live = {"attributes.process_state": {"!in": ENDED}}
        query.append(WorkChainNode, with_incoming="caller", edge_filters={"type": LinkType.CALL_WORK.value}, filters=live)
        level = query.all(flat=True)
    return asked


class QueueingWorkChain(KeyedWorkChain):
    """A work chain with more jobs than may be in flight: submit what fits, go on when the first of them ends.

    A subclass's outline holds ``while_(has_work)(run_jobs, inspect_jobs)``; ``run_jobs`` returns what :meth:`submit_some` does.
    """

    def submit_some(
        self,
        computer: Computer,
        waiting: Sequence[str],
        make: Make,
        running: dict[str, int],
        elsewhere: Iterable[int] = (),
    ) -> ToContext:
        """Submit as many of the waiting jobs, in their order, as there are free slots, and await the first end of any.

        Parameters
        ----------
        computer
            Where the jobs run.
        waiting
            Keys of the jobs.
        make
            Returns process class, inputs and what the process works on, for a key.
        running
            PKs of the jobs in flight, by key; those submitted now are added.
        elsewhere
            PKs of processes of others to be awaited too.
        """
        cap, cores = job_cap(computer), core_cap(computer)
        others = set(elsewhere)
        with profile_lock("slots"):
            taken = cores_in_flight(computer) if (cap, cores) != (None, None) else {}
            for key in waiting:
                if (cap is not None and len(taken) >= cap) or (cores is not None and sum(taken.values()) >= cores):
                    # whose end frees a slot
                    others.update(taken)
                    break
                made = make(key)
                if made is None:
                    continue
                process, inputs, about = made
                # a job of more threads than there are cores runs alone
                needed = cores_of_inputs(inputs) if cores is None else min(cores_of_inputs(inputs), cores)
                # a child made before this step was interrupted is adopted, and has its slot
                existing = self.child(key)
                has_slot = existing is not None and existing.pk in taken
                if cores is not None and not has_slot and sum(taken.values()) + needed > cores:
                    others.update(taken)
                    break
                node = self.submit_once(key, process, **inputs)
                node.base.extras.set(MARK, {"queue": computer.uuid, "cores": needed, **about})
                running[key] = int(node.pk or 0)
                taken[int(node.pk or 0)] = needed
        awaited = {f"jobs.{key}": load_node(pk) for key, pk in running.items()}
        awaited.update({f"others.pk_{pk}": load_node(pk) for pk in others - set(running.values())})
        return ToContext(**awaited)

    def run_one(self, key: str, computer: Computer, make: Make) -> ToContext:
        """Submit a single job as soon as there is a slot, and once again if it dies; to be called until :meth:`ended` has it."""
        existing = self.child(key)
        if existing is not None and not never_began(existing):
            if not (existing.is_terminated and self.deserves_another(key)):
                return ToContext(**{f"jobs.{key}": existing})
            self.report(f"{key}: {existing.process_label}<{existing.pk}> died: {ending(existing)}. Action taken: run once again")

            def again(key: str) -> tuple[type, dict[str, Any], dict[str, Any]] | None:
                made = make(key)
                return made and (made[0], {**made[1], "again": True}, made[2])

            return self.submit_some(computer, [key], again, {})
        return self.submit_some(computer, [key], make, {})

    def ended(self, key: str) -> ProcessNode | None:
        """Return the child with this key if it has ended, and is not to be run again."""
        node = self.child(key)
        return node if node is not None and node.is_terminated and not self.deserves_another(key) else None

    def deserves_another(self, key: str) -> bool:
        """Whether the one child with this key died."""
        made = self.children(key)
        return len(made) == 1 and died(made[0]) and not is_stopping(self.node)

    # ------------------------------------------------------------- what AiiDA's work chain does for all, here for the first

    def _action_awaitables(self) -> None:
        """Listen to each awaited process once, however often it is awaited."""
        heard: set[int] = self.__dict__.setdefault("_heard", set())
        for awaitable in self._awaitables:
            if awaitable.pk not in heard:
                heard.add(awaitable.pk)
                callback = functools.partial(self.call_soon, self._on_one_finished, awaitable.pk)
                self.runner.call_on_process_finish(awaitable.pk, callback)

    def _on_one_finished(self, pk: int) -> None:
        """Go on when all are done that are awaited together, or the first of those awaited as ``jobs`` or ``others``."""
        self.__dict__["_heard"].discard(pk)
        found = [awaitable for awaitable in self._awaitables if awaitable.pk == pk]
        if not found:
            return  # it ended between two steps; whoever awaits it now listens anew, and hears at once
        for awaitable in found:
            self._resolve_awaitable(awaitable, load_node(pk))
        if any(awaitable.key.startswith(FIRST) for awaitable in found):
            self._awaitables = [awaitable for awaitable in self._awaitables if not awaitable.key.startswith(FIRST)]
        if self.state == ProcessState.WAITING and not self._awaitables:
            self.resume()
