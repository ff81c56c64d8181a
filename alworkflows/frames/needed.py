"""Labels that every frame has to have: which lack one, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.frame_file import FrameFile
from alworkflows.frames.keys import candidates
from alworkflows.frames.labels import labels
from alworkflows.frames.report import ReadReport
from alworkflows.settings.reading import ReadSettings

__all__ = ["require_labels"]

#: what is done with an atom whose force nobody wrote
ONE_ATOM = "forces of a single atom in its cell taken as zero, as symmetry has it"


def require_labels(file: FrameFile, report: ReadReport, needed: Sequence[str], settings: ReadSettings) -> None:
    """Report frames that lack a label; raise if none has it, and say what is there instead."""
    if "stress" in needed and file.frames and not any(frame.pbc.all() for frame in file.frames):
        raise InputError(f"{file.path}: expected stress, and no frame repeats along all three directions, so none has any")
    if "forces" in needed:
        _complete_single_atoms(file.frames, report)
    for quantity in needed:
        lacking = [position for position, frame in enumerate(file.frames) if _lacks(frame, quantity)]
        if not lacking:
            continue
        hint = _hint(quantity, report, settings)
        if len(lacking) == len(file.frames):
            raise InputError(f"{file.path}: {len(lacking)} of {len(file.frames)} frames have no {quantity}{hint}")
        report.faults += [
            Fault(FaultKind.MISSING, file.path, file.numbers[position], f"expected {quantity}, got none{hint}")
            for position in lacking
        ]
        for position in reversed(lacking):
            del file.frames[position], file.numbers[position]


def _complete_single_atoms(frames: Sequence[Atoms], report: ReadReport) -> None:
    """Give frames of one atom the force that nobody writes: what displaces all atoms alike changes nothing."""
    for frame in frames:
        if len(frame) == 1 and frame.calc is not None and frame.calc.results.get("forces") is None:
            frame.calc.results["forces"] = np.zeros((1, 3))
            report.converted[ONE_ATOM] += 1


def _lacks(frame: Atoms, quantity: str) -> bool:
    if quantity == "stress" and not frame.pbc.all():
        return False
    return getattr(labels(frame), quantity) is None


def _hint(quantity: str, report: ReadReport, settings: ReadSettings) -> str:
    """Return what a person can do about a missing label."""
    option = f"--{quantity}-key"
    named = getattr(settings, f"{quantity}_key", None) or (settings.virial_key if quantity == "stress" else None)
    there = candidates(quantity, report.unused)
    if named is not None:
        return f"; there is no '{named}'" + (f", but {', '.join(there)}" if there else "")
    return f"; the file has {', '.join(there)}: if that is it, {option} {there[0]}" if there else ""
