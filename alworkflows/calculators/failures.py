"""Why a frame has no label: kinds of failure, and the kind of whatever a calculator raises."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from ase import Atoms

from alworkflows.atomic import write_text
from alworkflows.errors import InputError, MissingExtraError
from alworkflows.frames import frame_id

__all__ = ["FailureKind", "LabelError", "classify", "record", "write_failures"]


class FailureKind(StrEnum):
    """Why a frame has no label. What is done about it depends on the kind, never on the wording of the reason."""

    #: atoms too close, or out of the box: no setting helps
    GEOMETRY = "geometry"
    #: the same configuration as an earlier frame of the batch
    DUPLICATE = "duplicate"
    #: the self-consistent field did not converge
    UNCONVERGED = "unconverged"
    #: a force, energy or stress that is absurdly large or not finite
    FORCE = "force"
    #: a result for other atoms, or for the same in another order
    SPECIES = "species"
    #: a magnetic moment far from the one it was started with
    SPIN = "spin"
    #: the frame was begun and its time ran out
    WALLTIME = "walltime"
    #: no memory left
    MEMORY = "memory"
    #: the program died
    CRASH = "crash"
    #: the program or its interface refuses the input
    REFUSED = "refused"
    #: the output is incomplete
    TRUNCATED = "truncated"
    #: the job is gone without a word
    LOST = "lost"
    #: not begun, because a person said so
    CANCELLED = "cancelled"


class LabelError(RuntimeError):
    """A label that did not come, or came and is not to be believed; the kind says which way."""

    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


#: Exceptions by the name of their class, so that no program has to be imported to know its errors; the nearest ancestor counts.
_BY_NAME = {
    "AtomsTooClose": FailureKind.GEOMETRY,
    "GridBoundsError": FailureKind.GEOMETRY,
    "KohnShamConvergenceError": FailureKind.UNCONVERGED,
    "ConvergenceError": FailureKind.UNCONVERGED,
    "SCFError": FailureKind.UNCONVERGED,
    "OutOfMemoryError": FailureKind.MEMORY,
    "ReadError": FailureKind.TRUNCATED,
    "PropertyNotPresent": FailureKind.TRUNCATED,
    "LinAlgError": FailureKind.CRASH,  # a matrix that is not what it must be; as a ValueError it would count as refused
    "CalculationFailed": FailureKind.CRASH,
    "CalculatorSetupError": FailureKind.REFUSED,
    "InputError": FailureKind.REFUSED,
    "BadConfiguration": FailureKind.REFUSED,
    "EnvironmentError": FailureKind.REFUSED,
}

_BY_CLASS: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (MemoryError, FailureKind.MEMORY),
    (InputError, FailureKind.REFUSED),
    (MissingExtraError, FailureKind.REFUSED),
    (EOFError, FailureKind.TRUNCATED),
    (FileNotFoundError, FailureKind.TRUNCATED),
    (ConnectionError, FailureKind.CRASH),  # a pipe to a program that is no longer there
    (subprocess.SubprocessError, FailureKind.CRASH),
    (NotImplementedError, FailureKind.REFUSED),
    (ValueError, FailureKind.REFUSED),
    (TypeError, FailureKind.REFUSED),
    (KeyError, FailureKind.REFUSED),
)

#: What programs say that their interface passes on as a plain error.
_BY_WORDS = (
    (("out of memory", "cannot allocate memory", "not enough memory"), FailureKind.MEMORY),
    (("not converge", "n't converge", "convergence failure", "unconverged"), FailureKind.UNCONVERGED),
    (("atoms too close", "atoms are too close"), FailureKind.GEOMETRY),
)

#: Ends of a process that a machine short of memory gives: SIGKILL, and a shell's word for it.
_KILLED = (-9, 137)


def classify(error: BaseException) -> tuple[FailureKind, str]:
    """Return the kind of failure that an exception from a calculator stands for, and the reason in words."""
    if isinstance(error, LabelError):
        return error.kind, str(error)
    return _kind(error), f"{type(error).__name__}: {error}".rstrip(": ")


def _kind(error: BaseException) -> FailureKind:
    if isinstance(error, subprocess.CalledProcessError) and error.returncode in _KILLED:
        return FailureKind.MEMORY
    text = str(error).lower()
    for words, kind in _BY_WORDS:
        if any(word in text for word in words):
            return kind
    for ancestor in type(error).__mro__:
        if ancestor.__module__ != "builtins" and ancestor.__name__ in _BY_NAME:
            return _BY_NAME[ancestor.__name__]
    for cls, kind in _BY_CLASS:
        if isinstance(error, cls):
            return kind
    return FailureKind.CRASH


def record(frame: Atoms, index: int, kind: FailureKind, reason: str, **more: Any) -> dict[str, Any]:
    """Return the record of one frame without a label: ``id``, ``index`` (in the file of frames), ``kind``, ``reason``."""
    return {"id": frame_id(frame), "index": index, "kind": str(kind), "reason": reason, **more}


def write_failures(path: Path, failures: Sequence[dict[str, Any]]) -> None:
    """Write the records as a JSON list, whole or not at all."""
    write_text(path, json.dumps(list(failures), indent=1))
