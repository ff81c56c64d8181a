"""Outputs of CP2K: energies, forces and stress of each evaluation, with the positions that were used.

CP2K prints positions once, at the beginning; those of later steps it writes to ``PROJECT-pos-1.xyz``, which is read where it
lies beside the output, and whose frames are found by their energies. Hartree and Bohr, the stress in GPa with the sign of a
pressure; the energy is the free energy where electrons are smeared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.geometry import cellpar_to_cell

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.formats.text_blocks import whole_lines
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_cp2k"]

#: Hartree; energies of an output and of its trajectory that are the same, and how near two of one output are told apart
_SAME = 1.1e-9
#: half of the last digit of printed lattice vectors, A
_ROUNDED = 0.00051
_STRESS = re.compile(r"\s*(?:STRESS\|)?\s*(?:(?:analytical|numerical) )?stress tensor \[(.+)\]\s*$", re.IGNORECASE)
_FLOAT = r"[-+]?\d+\.\d+(?:[Ee][-+]?\d+)?"


@dataclass
class _Evaluation:
    """What is told of one evaluation of energy and forces; ``line``: where its energy stands, from 1."""

    line: int
    energy: float
    converged: bool | None
    cell: np.ndarray | None
    pbc: tuple[bool, ...]
    forces: list[list[float]] = field(default_factory=list)
    stress: list[list[float]] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=lambda: {"energy": "Hartree"})


@dataclass
class _Output:
    """What an output tells."""

    project: str = "PROJECT"
    symbols: list[str] = field(default_factory=list)
    positions: list[list[float]] = field(default_factory=list)
    evaluations: list[_Evaluation] = field(default_factory=list)
    started: int = 0
    ended: bool = False
    last: int = 0
    varying: bool = False


def read_cp2k(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the evaluations in an output of CP2K.

    Raises
    ------
    InputError
        If it holds several runs, or not what a frame needs.
    """
    output = _parse(whole_lines(path))
    if output.started > 1:
        raise InputError(f"{name}: {output.started} runs of CP2K one after the other; give each output as a file of its own")
    trajectory = _trajectory(Path(name).parent / f"{output.project}-pos-1.xyz")
    if output.varying:
        _set_cells(output.evaluations, Path(name).parent / f"{output.project}-1.cell")
    lost: list[int] = []
    for index, evaluation in enumerate(output.evaluations):
        place = f"line {evaluation.line}"
        atoms = _atoms(output, evaluation, index, trajectory)
        if atoms is None:
            lost.append(index)
            continue
        labels = {"energy": evaluation.energy, "free_energy": evaluation.energy}
        raw = RawFrame(atoms, dict(labels), index, place, units=evaluation.units)
        if evaluation.forces:
            raw.labels["forces"] = np.array(evaluation.forces)
        if len(evaluation.stress) == 3:
            # the sign of a pressure there
            raw.labels["stress"] = -np.array(evaluation.stress)
        raw.fault = _fault(evaluation, len(atoms), name, index, place)
        yield raw
    if lost:
        which = f"{len(lost)} of {len(output.evaluations)} steps" if len(lost) > 1 else f"step {lost[0]}"
        beside = f"{output.project}-pos-1.xyz{f' and {output.project}-1.cell' if output.varying else ''}"
        reason = f"the positions of {which} are not in this output: they are looked for in {beside} beside it"
        yield Fault(FaultKind.UNREADABLE, name, lost[0], reason, f"line {output.evaluations[lost[0]].line}")
    if not output.ended:
        index = len(output.evaluations)
        reason = "the file ends within this step, or after the one before: CP2K did not come to its end"
        yield Fault(FaultKind.TRUNCATED, name, index, reason, f"line {output.last}")


def _fault(evaluation: _Evaluation, atoms: int, name: str, index: int, place: str) -> Fault | None:
    if not evaluation.converged:
        reason = (
            "the self-consistent field was not converged" if evaluation.converged is False else "nothing says that it converged"
        )
        return Fault(FaultKind.UNCONVERGED, name, index, reason, place)
    if evaluation.forces and len(evaluation.forces) != atoms:
        reason = f"expected forces of {atoms} atoms, got those of {len(evaluation.forces)}"
        return Fault(FaultKind.TRUNCATED, name, index, reason, place)
    return None


def _parse(lines: list[str]) -> _Output:
    """Return what the lines tell."""
    output = _Output(last=len(lines))
    cell: np.ndarray | None = None
    pbc = (True, True, True)
    converged: bool | None = None
    vectors: list[tuple[list[float], float]] = []
    angles: list[float] = []
    for number, line in enumerate(lines):
        if "PROGRAM STARTED AT" in line:
            output.started += 1
        elif "PROGRAM ENDED AT" in line:
            output.ended = True
        elif "GLOBAL| Project name" in line:
            output.project = line.split()[-1]
        elif re.match(r"\s*MD(_PAR)?\|\s*Ensemble type\s+(NP|MSST|HYDRO)", line, re.IGNORECASE):
            output.varying = True
        elif match := re.match(
            rf"\s*CELL\| Vector ([abc]) .*?({_FLOAT})\s+({_FLOAT})\s+({_FLOAT})\s+\|.\|\s*=\s*({_FLOAT})", line
        ):
            vectors = [] if match[1] == "a" else vectors
            vectors.append(([float(match[axis]) for axis in (2, 3, 4)], float(match[5])))
        elif match := re.match(rf"\s*CELL\| Angle \((b,c|a,c|a,b)\).*?({_FLOAT})\s*$", line):
            angles = [] if match[1] == "b,c" else angles
            angles.append(float(match[2]))
            if len(angles) == 3 and len(vectors) == 3:
                cell = _cell(vectors, angles)
        elif "CELL| Periodicity" in line:
            pbc = tuple(axis in line.split()[-1] for axis in "XYZ")  # type: ignore[assignment]
        elif "ATOMIC COORDINATES IN" in line.upper() and not output.positions:
            _add_positions(output, lines, number + 1, angstrom="ANGSTROM" in line.upper())
        elif "SCF run converged" in line or "outer SCF loop converged" in line:
            converged = True
        elif "SCF run NOT converged" in line or "SCF loop FAILED to converge" in line:
            converged = False
        elif match := re.match(rf"\s*ENERGY\| Total FORCE_EVAL \( (\w+) \) energy.*?({_FLOAT})\s*$", line):
            judged = converged if match[1] == "QS" else True
            output.evaluations.append(_Evaluation(number + 1, float(match[2]), judged, cell, pbc))
            converged = None
        elif not output.evaluations:
            continue
        elif match := re.match(r"\s*(?:FORCES\|)?\s*atomic forces (?:in )?\[(.+)\]\s*$", line, re.IGNORECASE):
            output.evaluations[-1].units["force"] = match[1]
            output.evaluations[-1].forces = _forces(lines, number + 1)
        elif (match := _STRESS.match(line)) and not output.evaluations[-1].stress:
            output.evaluations[-1].units["stress"] = match[1]
            output.evaluations[-1].stress = _stress(lines[number + 1 : number + 6])
    return output


def _add_positions(output: _Output, lines: list[str], first: int, angstrom: bool) -> None:
    """Add the species and positions that CP2K prints at the beginning."""
    from ase.units import Bohr

    for line in lines[first:]:
        words = line.split()
        if len(words) >= 7 and words[0].isdigit() and words[1].isdigit():
            # a kind may have any name; the atomic number is the fourth
            place = 3 if words[3].isdigit() else 2
            output.symbols.append(words[2])
            numbers = [float(word) for word in words[place + 1 : place + 4]]
            output.positions.append([number * (1.0 if angstrom else Bohr) for number in numbers])
            if words[2] not in atomic_numbers and words[3].isdigit():
                from ase.data import chemical_symbols

                output.symbols[-1] = chemical_symbols[int(words[3])]
        elif output.positions:
            return


def _forces(lines: list[str], first: int) -> list[list[float]]:
    """Return the rows of a table of forces."""
    rows: list[list[float]] = []
    for line in lines[first:]:
        words = line.replace("FORCES|", " ").split()
        if len(words) >= 5 and words[0].isdigit():
            rows.append([float(word) for word in words if re.fullmatch(_FLOAT, word)][:3])
        elif rows:
            return rows
    return rows


def _stress(lines: list[str]) -> list[list[float]]:
    """Return the rows of a stress tensor, x, y and z."""
    rows = []
    for line in lines:
        if match := re.match(rf"\s*(?:STRESS\|)?\s*[xyzXYZ]\s+({_FLOAT})\s+({_FLOAT})\s+({_FLOAT})\s*$", line):
            rows.append([float(match[place]) for place in (1, 2, 3)])
    return rows


def _cell(vectors: list[tuple[list[float], float]], angles: list[float]) -> np.ndarray:
    """Return the cell of rounded vectors (3 decimals), lengths and angles (6): that of the latter, turned onto the former."""
    rounded = np.array([vector for vector, _ in vectors])
    exact = np.asarray(cellpar_to_cell([length for _, length in vectors] + angles))
    if np.abs(exact - rounded).max() < _ROUNDED:
        return exact
    left, _, right = np.linalg.svd(exact.T @ rounded)
    turned = exact @ (left @ right)
    # a left-handed cell has the same lengths and angles, and cannot be reached by turning
    return turned if np.abs(turned - rounded).max() < 2 * _ROUNDED else rounded


def _trajectory(path: Path) -> list[tuple[float, list[str], np.ndarray]]:
    """Return energy, species and positions of each frame of a trajectory; nothing if there is none."""
    if not path.is_file():
        return []
    frames = []
    lines = path.read_text(errors="replace").splitlines()
    first = 0
    while first < len(lines) and lines[first].strip().isdigit():
        atoms = int(lines[first])
        rows = [line.split() for line in lines[first + 2 : first + 2 + atoms]]
        match = re.search(rf"\bE\s*=\s*({_FLOAT})", lines[first + 1]) if first + 1 < len(lines) else None
        if match is None or len(rows) < atoms or any(len(row) < 4 for row in rows):
            break
        positions = np.array([[float(word) for word in row[1:4]] for row in rows])
        frames.append((float(match[1]), [row[0] for row in rows], positions))
        first += atoms + 2
    return frames


def _set_cells(evaluations: list[_Evaluation], path: Path) -> None:
    """Give the steps of dynamics with a varying cell the cells that CP2K writes to a file; without it they have none."""
    cells = {}
    for line in path.read_text(errors="replace").splitlines() if path.is_file() else ():
        words = line.split()
        if len(words) >= 11 and words[0].isdigit():
            cells[int(words[0])] = np.array([float(word) for word in words[2:11]]).reshape(3, 3)
    for number, evaluation in enumerate(evaluations[1:], start=1):
        evaluation.cell = cells.get(number)


def _atoms(
    output: _Output, evaluation: _Evaluation, index: int, trajectory: list[tuple[float, list[str], np.ndarray]]
) -> Atoms | None:
    """Return the configuration of an evaluation, or None if nobody says which it was."""
    cell = {"cell": evaluation.cell, "pbc": evaluation.pbc} if evaluation.cell is not None else {}
    if index == 0 and output.positions:
        return Atoms(output.symbols, positions=output.positions, **cell)
    found = [entry for entry in trajectory if abs(entry[0] - evaluation.energy) < _SAME]
    if len(found) != 1 or (output.varying and evaluation.cell is None):
        return None
    _, symbols, positions = found[0]
    if len(output.symbols) == len(symbols):
        symbols = output.symbols  # the trajectory may have the names of kinds
    return Atoms([symbol if symbol in atomic_numbers else "X" for symbol in symbols], positions=positions, **cell)
