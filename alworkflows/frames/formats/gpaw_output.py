"""Text output of GPAW in both layouts, tables with bars and without: eV, A, and ASE's sign of the stress.

ASE's reader knows the layout without bars only, takes the energy extrapolated to zero width for that of which the forces are the
derivative, and does not look whether a calculation converged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.formats.text_blocks import whole_lines
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_gpaw_output"]

_BEGINS = re.compile(r"\s*(positions:|atoms\s+#)", re.IGNORECASE)
_TABLES = {
    "cell": re.compile(r"\s*unit cell\s*(:|#)", re.IGNORECASE),
    "forces": re.compile(r"\s*forces\s*(in ev/ang:|#)", re.IGNORECASE),
    "stress": re.compile(r"\s*stress tensor\s*(:|#)", re.IGNORECASE),
}
_ENERGIES = {"free energy": "free_energy", "extrapolated": "energy", "zero kelvin": "energy"}
_NUMBER = re.compile(r"[-+]?\d+\.\d*(?:e[-+]?\d+)?", re.IGNORECASE)


@dataclass
class _Step:
    """What is told of one configuration; ``line``: where, from 1."""

    line: int
    symbols: list[str] = field(default_factory=list)
    positions: list[list[float]] = field(default_factory=list)
    cell: list[list[float]] = field(default_factory=list)
    pbc: list[bool] = field(default_factory=list)
    labels: dict[str, Any] = field(default_factory=dict)
    converged: bool | None = None
    iterations: int = 0
    most: int = 0
    corrected: bool = False


def read_gpaw_output(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the configurations in GPAW's text output.

    Raises
    ------
    InputError
        If there is none.
    """
    lines = whole_lines(path)
    try:
        steps = _steps(lines)
    except (ValueError, IndexError) as error:
        raise InputError(f"{name}: expected GPAW's text output: {error}") from error
    if not steps:
        raise InputError(f"{name}: expected GPAW's text output with positions, got none")
    ended = any(line.lower().startswith("timing:") for line in lines[steps[-1].line :])
    if not ended and _lacks(steps):
        # the file ends within the last one
        steps[-1].converged = None
    cell, pbc = steps[0].cell, steps[0].pbc
    for index, step in enumerate(steps):
        # printed again only where it changes
        cell, pbc = (step.cell, step.pbc) if step.cell else (cell, pbc)
        place = f"line {step.line}"
        fault = _fault(step, index, name, place, last=index == len(steps) - 1)
        if not step.symbols or len(cell) != 3:
            yield fault or Fault(FaultKind.UNREADABLE, name, index, "expected positions and a unit cell", place)
            continue
        atoms = Atoms(step.symbols, positions=step.positions, cell=cell, pbc=pbc)
        yield RawFrame(atoms, step.labels, index, place, fault=fault)
    if not ended and fault is None:
        reason = "the file ends after the last configuration without timings: GPAW did not come to its end"
        yield Fault(FaultKind.TRUNCATED, name, len(steps), reason, f"line {len(lines)}")


def _lacks(steps: list[_Step]) -> bool:
    """Return whether the last configuration has not all labels: forces, and what those before it have."""
    return bool({"forces", *steps[0].labels} - steps[-1].labels.keys()) and steps[-1].converged is not False


def _fault(step: _Step, index: int, name: str, place: str, last: bool) -> Fault | None:
    """Return why a configuration cannot be used, if so."""
    if step.corrected:
        reason = "a correction (vdW) was added after the calculation; give the trajectory of the corrected one"
        return Fault(FaultKind.UNREADABLE, name, index, reason, place)
    if step.converged is False or (step.converged is None and 0 < step.most <= step.iterations):
        return Fault(FaultKind.UNCONVERGED, name, index, f"did not converge in {step.iterations} iterations", place)
    if step.converged is None:
        if last:
            return Fault(FaultKind.TRUNCATED, name, index, "the file ends within this configuration", place)
        return Fault(FaultKind.UNCONVERGED, name, index, f"nothing says that it converged ({step.iterations} iterations)", place)
    if not step.labels:
        return Fault(FaultKind.TRUNCATED, name, index, "the output ends before the energy", place)
    return None


def _steps(lines: list[str]) -> list[_Step]:
    """Return what the lines tell of each configuration."""
    steps: list[_Step] = []
    for number, line in enumerate(lines):
        if _BEGINS.match(line):
            steps.append(_Step(number + 1))
            for words in _rows(lines, number + 1):
                if len(words) >= 5 and words[0].isdigit():
                    steps[-1].symbols.append(words[1].split(".")[0].capitalize())
                    steps[-1].positions.append([float(word) for word in words[2:5]])
            continue
        if not steps:
            continue
        step, lowered = steps[-1], line.strip().lower()
        if table := next((key for key, pattern in _TABLES.items() if pattern.match(line)), None):
            _add_table(step, table, lines, number + 1)
        elif lowered.startswith("converged "):
            step.converged = True
        elif lowered.startswith(("did not converge", "convergence failed")):
            step.converged = False
        elif match := re.match(r"maximum number of (?:scf )?(?:iterations|\[iter\]ations):\s*(\d+)", lowered):
            step.most = int(match[1])
        elif lowered.startswith(("iter:", "|iter:")):
            step.iterations += 1
        elif lowered.startswith("vdw correction"):
            step.corrected = True
        else:
            key = _ENERGIES.get(lowered.partition(":")[0])
            if key is not None and (value := _NUMBER.search(line)):
                step.labels.setdefault(key, float(value[0]))
    return steps


def _add_table(step: _Step, table: str, lines: list[str], first: int) -> None:
    """Add a table of a configuration: its cell, forces or stress."""
    rows = list(_rows(lines, first))
    if table == "cell":
        periodic = [[word for word in words if word in ("yes", "no")] for words in rows]
        vectors = [_numbers(" ".join(words))[:3] for words in rows]
        chosen = [place for place, words in enumerate(periodic) if words and len(vectors[place]) == 3]
        step.cell, step.pbc = [vectors[place] for place in chosen], [periodic[place] == ["yes"] for place in chosen]
        return
    values = [numbers[:3] for words in rows if len(numbers := _numbers(" ".join(words))) >= 3]
    expected = len(step.symbols) if table == "forces" else 3
    if len(values) < expected:
        return  # the file ends in it
    step.labels.setdefault(table, np.array(values[:expected]))


def _rows(lines: list[str], first: int) -> Iterator[list[str]]:
    """Yield the words of a table's rows, up to the first blank line."""
    for line in lines[first:]:
        if not line.strip():
            return
        yield line.split("#")[0].replace("|", " ").replace("(", " ").replace(")", " ").replace(",", " ").split()


def _numbers(text: str) -> list[float]:
    return [float(match) for match in _NUMBER.findall(text)]
