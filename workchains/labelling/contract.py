"""The labelling contract, and the programs that keep it."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from aiida.orm import Dict, InstalledCode, ProcessNode
from ase import Atoms

from alworkflows.errors import unknown
from alworkflows.settings import LabelSettings
from workchains.data.frames import FramesData

__all__ = ["LABEL_PROGRAMS", "Call", "LabelProgram", "Outcome", "Task", "label_program"]

#: one line a program: what ``label.engine`` of a campaign file says -> "module:class"
LABEL_PROGRAMS = {
    "ase": "workchains.labelling.programs.ase:AseProgram",
    "quantum-espresso": "workchains.labelling.programs.espresso.program:EspressoProgram",
    "vasp": "workchains.labelling.programs.vasp.program:VaspProgram",
}

#: ``call(key, calcfunction, **inputs)``: run a calcfunction once under a key of the work chain, and return its node
Call = Callable[..., ProcessNode]


@dataclass(frozen=True)
class Task:
    """Frames that go into one process together.

    Attributes
    ----------
    indices
        Into the frames to label.
    remedies
        Names of the remedies used so far, the last of which is in force.
    restarts
        How many jobs before were interrupted in the middle of its first frame.
    parent
        PK of the process whose folder holds the state to go on from.
    deaths
        How many jobs before died on its frames: one may have died of something else, of more the frame is to blame.
    """

    indices: tuple[int, ...]
    remedies: tuple[str, ...] = ()
    restarts: int = 0
    parent: int | None = None
    deaths: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the task as plain values, as a work chain's context keeps them."""
        return {**asdict(self), "indices": list(self.indices), "remedies": list(self.remedies)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Task:
        """Return the task that :meth:`as_dict` gave."""
        return cls(tuple(values["indices"]), tuple(values["remedies"]), values["restarts"], values["parent"], values["deaths"])


@dataclass
class Outcome:
    """What became of a task's frames; each of them is in one of the four.

    Attributes
    ----------
    labelled
        The labelled frames, whatever the process's end.
    failures
        ``index`` (into the frames to label), ``id``, ``kind`` (see :class:`alworkflows.calculators.failures.FailureKind`) and
        ``reason`` of each frame that was tried and failed.
    unreached
        Indices of frames that were not begun, because time ran out or the process died on an earlier one.
    interrupted
        Index of the frame that the walltime stopped.
    died
        Indices among those of the failures that only tell that the process died, on these frames or for no reason of theirs.
    """

    labelled: FramesData | None = None
    failures: list[dict[str, Any]] = field(default_factory=list)
    unreached: list[int] = field(default_factory=list)
    interrupted: int | None = None
    died: list[int] = field(default_factory=list)


class LabelProgram(ABC):
    """How one program labels frames: which processes, and what they made.

    Labels are energy (eV), forces (eV/A) and stress (eV/A^3, ASE's sign), in the order of the frame's atoms; every output names
    in ``FramesData.engine`` what defines its labels: engine, program version, settings, potentials, which energy it is.
    """

    def __init__(self, settings: LabelSettings) -> None:
        self.settings = settings

    @property
    @abstractmethod
    def code_name(self) -> str:
        """Name of the program, as a machine's folder ``codes/`` has it."""

    @abstractmethod
    def check(self, frames: Sequence[Atoms], code: InstalledCode | None = None) -> None:
        """Raise an ``InputError`` if settings contradict each other, the frames, or what the profile holds.

        ``code`` None: only what needs no database.
        """

    @abstractmethod
    def describe(self, code: InstalledCode) -> dict[str, Any] | None:
        """Return what will define the labels, as ``FramesData.engine`` will hold it; None if only a job can tell."""

    @abstractmethod
    def split(self, indices: Sequence[int]) -> list[list[int]]:
        """Return the frames, most wanted first, as they go into processes together."""

    @abstractmethod
    def process(
        self, frames: FramesData, task: Task, settings: Dict, code: InstalledCode, options: dict[str, Any], call: Call
    ) -> tuple[type, dict[str, Any]]:
        """Return process class and inputs for a task.

        ``options`` are ``metadata.options`` of its jobs; what is made of the frames is made by calcfunctions, run by ``call``.
        """

    @abstractmethod
    def outcome(self, node: ProcessNode, frames: FramesData, task: Task, call: Call) -> Outcome:
        """Return what a process that ended made of its task; conversions are calcfunctions, run by ``call``."""

    def remedy(self, kind: str, used: Sequence[str]) -> str | None:
        """Return the next remedy for a failure of this kind, or None if there is none left."""
        return None


def label_program(name: str) -> type[LabelProgram]:
    """Return how a program labels, by what ``label.engine`` says.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in LABEL_PROGRAMS:
        raise unknown("label engine", name, LABEL_PROGRAMS)
    module, attribute = LABEL_PROGRAMS[name].split(":")
    program: type[LabelProgram] = getattr(importlib.import_module(module), attribute)
    return program
