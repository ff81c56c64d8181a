"""What a campaign has on machines right now: jobs in flight against the cap, paused ones, folders that stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alworkflows.cli.files import count

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from workchains.provenance import Disk, Step

__all__ = ["Folders", "Paused", "Queue", "disks", "folders", "paused", "queues"]


@dataclass(frozen=True)
class Queue:
    """Jobs in flight on one machine.

    Attributes
    ----------
    machine
        Its name.
    own, all
        Of this campaign, and of all campaigns of the profile.
    cap
        Most that may be in flight at once, over all campaigns; None: any number.
    cores
        That they share; None: they are not counted.
    """

    machine: str
    own: int
    all: int
    cap: int | None
    cores: int | None = None

    @property
    def line(self) -> str:
        """What a person reads."""
        caps = [f"at most {self.cap}"] if self.cap is not None else []
        caps += [f"as many as fit on {count(self.cores, 'core')}"] if self.cores is not None else []
        cap = ", ".join(caps) or "no cap"
        others = f", {self.all - self.own} of others" if self.all > self.own else ""
        return f"On {self.machine}: {count(self.own, 'job')} of this campaign in flight{others} ({cap})."


@dataclass(frozen=True)
class Paused:
    """A process that does nothing until it is played: which, what it is, and why."""

    pk: int
    what: str
    why: str


@dataclass(frozen=True)
class Folders:
    """Folders that jobs left on a machine; ``disk`` is what they take, if that was asked for."""

    machine: str
    count: int
    disk: Disk | None = None


def queues(node: ProcessNode, steps: Sequence[Step]) -> tuple[Queue, ...]:
    """Return the jobs in flight on each machine of a campaign."""
    from workchains.machines import core_cap, job_cap, machine_of
    from workchains.processes.queueing import in_flight
    from workchains.provenance.tree import input_of

    own = {step.pk for step in steps if not step.ended}
    codes = [code for name in ("code", "label_code") if (code := input_of(node, name)) is not None]
    computers = {code.computer.pk: code.computer for code in codes}
    per_machine = []
    for computer in computers.values():
        taken = in_flight(computer)
        name = machine_of(computer) or computer.label
        per_machine.append(Queue(name, sum(pk in own for pk in taken), len(taken), job_cap(computer), core_cap(computer)))
    return tuple(per_machine)


def paused(steps: Sequence[Step]) -> tuple[Paused, ...]:
    """Return the processes below a campaign that wait to be played."""
    return tuple(
        Paused(step.pk, step.label or step.process, step.process_status or "no reason given")
        for step in steps
        if step.paused and not step.ended
    )


def folders(steps: Sequence[Step]) -> tuple[Folders, ...]:
    """Return how many folders the jobs of a campaign left on each machine."""
    paths_by_computer = _left(steps)
    return tuple(Folders(_machine(label), len(paths)) for label, paths in paths_by_computer.items())


def disks(steps: Sequence[Step]) -> tuple[Folders, ...]:
    """Return the same with what they take and what is free, asked of the machines.

    Raises
    ------
    InputError
        If one cannot be reached.
    """
    from workchains.provenance import disk

    return tuple(Folders(_machine(label), len(paths), disk(label, paths)) for label, paths in _left(steps).items())


def _left(steps: Sequence[Step]) -> dict[str, list[str]]:
    from workchains.provenance import folders_left

    return folders_left([step.pk for step in steps if step.kind == "job"])


def _machine(label: str) -> Any:
    from aiida.orm import Computer

    from workchains.machines import machine_of

    return machine_of(Computer.collection.get(label=label)) or label
