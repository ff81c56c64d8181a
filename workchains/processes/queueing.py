"""Jobs in flight: work chains that wait for the first of their jobs, and a cap on a computer that all campaigns share.

AiiDA knows neither: a work chain waits for all that it awaits, and submits as much as it likes. Here a work chain keeps a list of
what waits, submits as much as there are free slots on the computer (and cores, where no scheduler counts them), and is woken by
whichever job ends first, its own or that of another campaign whose slot becomes free. What is in flight is asked of the database,
where each process that takes a slot carries an extra; a lock on a file makes asking and taking one act, since a profile's daemon
workers are all on one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ToContext
from aiida.orm import Computer, ProcessNode, QueryBuilder, WorkChainNode, load_node
from plumpy import ProcessState

from workchains.machines import core_cap, job_cap
from workchains.machines.cores import cores_of_inputs
from workchains.processes.aiida_private import AwaitsFirst
from workchains.processes.keyed import KeyedWorkChain, ending
from workchains.processes.locks import profile_lock
from workchains.processes.retries import Decision, Folder, Tries, decide, died, end_of
from workchains.processes.revival import never_began

__all__ = ["MARK", "QueueingWorkChain", "ask_to_stop", "cores_in_flight", "in_flight", "is_stopping", "load_process"]

#: extra of a process that takes a slot: ``queue`` (UUID of the computer), ``cores`` and what it works on
MARK = "alworkflows"
#: extra of a work chain that was asked to begin nothing new
STOP = "alworkflows_stop"

#: returns process class, inputs, and what the process works on (it goes into its extra), for a key; None: not wanted any more
Make = Callable[[str], tuple[type, dict[str, Any], dict[str, Any]] | None]
ENDED = [state.value for state in (ProcessState.FINISHED, ProcessState.EXCEPTED, ProcessState.KILLED)]


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
    return any(process.base.extras.get(STOP, False) for process in _with_callers(node))


@lru_cache(maxsize=256)
def _with_callers(node: ProcessNode) -> tuple[ProcessNode, ...]:
    """Return a process and all above it, which stay the same: they are asked for at each step of each work chain."""
    chain = [node]
    while (caller := chain[-1].caller) is not None:
        chain.append(caller)
    return tuple(chain)


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


class QueueingWorkChain(AwaitsFirst, KeyedWorkChain):
    """A work chain with more jobs than may be in flight: submit what fits, go on when the first of them ends.

    A subclass's outline holds ``while_(has_work)(run_jobs, inspect_jobs)``; ``run_jobs`` returns what :meth:`submit_some` does.
    """

    first_of = ("jobs.", "others.")

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
                job = make(key)
                if job is None:
                    continue
                process, inputs, about = job
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
        return self.await_any(
            [load_process(pk) for pk in others - set(running.values())],
            {key: load_process(pk) for key, pk in running.items()},
        )

    def await_any(self, others: Iterable[ProcessNode], jobs: Mapping[str, ProcessNode] | None = None) -> ToContext:
        """Wait for the first end of any of these processes; those that were awaited before are forgotten."""
        # the context is written at each step, and a node in it read from the database again
        for name in ("jobs", "others"):
            self.ctx.pop(name, None)
        named = {f"jobs.{key}": node for key, node in (jobs or {}).items()}
        return ToContext(**named, **{f"others.pk_{node.pk}": node for node in others})

    def run_each(self, keys: Iterable[str], computer: Computer, make: Make) -> ToContext:
        """Submit single jobs as there are slots, and once again one that dies; to be called until :meth:`ended` has all."""
        waiting: list[str] = []
        running: dict[str, int] = {}
        dead: set[str] = set()
        for key in keys:
            existing = self.child(key)
            if existing is None or never_began(existing):
                waiting.append(key)
            elif not existing.is_terminated:
                running[key] = int(existing.pk or 0)
            elif (decision := self.next_try(key)).again:
                self.report(f"{key}: {existing.process_label}<{existing.pk}> died: {ending(existing)}. {decision.action}")
                waiting.append(key)
                dead.add(key)

        def make_or_again(key: str) -> tuple[type, dict[str, Any], dict[str, Any]] | None:
            task = make(key)
            return (task[0], {**task[1], "again": True}, task[2]) if task and key in dead else task

        return self.submit_some(computer, waiting, make_or_again, running)

    def ended(self, key: str) -> ProcessNode | None:
        """Return the child with this key if it has ended, and is not to be run again."""
        node = self.child(key)
        return node if node is not None and node.is_terminated and not self.next_try(key).again else None

    def next_try(self, key: str) -> Decision:
        """Return whether the job with this key is run again: it has no checkpoint, so only a death is worth that."""
        runs = self.children(key)
        if not runs or not runs[-1].is_terminated or is_stopping(self.node):
            return Decision()
        tries = Tries(restarts=len(runs) - 1, deaths=sum(map(died, runs)))
        return decide(end_of(runs[-1]), tries, allowed=None, folder=Folder.GONE)
