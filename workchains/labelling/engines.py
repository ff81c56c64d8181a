"""The labelling contract, and the engines that keep it."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import Any

from aiida.orm import Dict, InstalledCode, ProcessNode

from alworkflows.errors import unknown
from workchains.data.frames import FramesData

__all__ = ["ENGINES", "LabelEngine", "engine"]

#: one line an engine: name in the campaign file -> "module:class"
ENGINES = {"ase": "workchains.labelling.ase:AseEngine"}


class LabelEngine(ABC):
    """How one program labels frames: which processes, and what they made.

    Labels are energy (eV), forces (eV/A) and stress (eV/A^3, ASE's sign); every output names its engine, settings and versions
    in ``FramesData.engine``.
    """

    @abstractmethod
    def jobs(
        self, frames: FramesData, settings: dict[str, Any], code: InstalledCode, options: dict[str, Any]
    ) -> dict[str, tuple[type, dict[str, Any]]]:
        """Return the processes to submit, by key: process class and inputs."""

    @abstractmethod
    def labelled(self, node: ProcessNode) -> FramesData | None:
        """Return the labelled frames that a process left, whatever its end."""

    @abstractmethod
    def failures(self, node: ProcessNode, frames: FramesData) -> Dict:
        """Return a node whose key ``failures`` lists the frames without a label: ``id`` and ``reason``.

        The process's own output if it finished; for one that died, a new node that says so.
        """


def engine(name: str) -> LabelEngine:
    """Return an engine by name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in ENGINES:
        raise unknown("label engine", name, ENGINES)
    module, attribute = ENGINES[name].split(":")
    return getattr(importlib.import_module(module), attribute)()
