"""Outputs of pw.x: its text is read by ASE and judged here, its XML is read here.

The energy is that of which the forces are the derivative: with smearing pw.x prints the free energy as total energy.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import create_units

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.formats.with_ase import raw_frame
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_espresso_output", "read_espresso_xml"]

#: constants as ASE takes them for pw.x
_RYDBERG = create_units("2006")["Ry"]
#: lines after which ASE reads bands and points, which nobody needs here and which it often stumbles over
_NOT_WANTED = ("End of self-consistent calculation", "End of band structure calculation", "number of k points=")
_UNITS = {"length": "Bohr", "energy": "Hartree", "force": "Hartree/Bohr"}


@dataclass
class _Step:
    """What is told of one configuration; ``line``: of its positions, from 1; ``run``: which run of pw.x it belongs to."""

    line: int
    run: int
    energy: float | None = None
    begun: bool = False
    converged: bool | None = None
    iterations: str = ""


def read_espresso_output(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the configurations of pw.x's text output that have labels; the one that is only printed at the end is none."""
    lines = path.read_text(errors="replace").splitlines(keepends=True)
    steps, ended = _steps(lines, name)
    cut = steps and steps[-1].run not in ended
    if cut:
        # what ASE reads must be whole; the lattice may stand just above the positions
        lines = lines[: max(steps[-1].line - 6, 0)]
    frames = _read(lines, name) if len(steps) > bool(cut) else []
    index = 0
    if len(frames) < len(steps) - bool(cut):
        raise InputError(
            f"{name}: {len(steps)} configurations are there, and ASE reads {len(frames)} of them; --format names another"
        )
    for step, atoms in zip(steps, frames, strict=False):
        if not step.begun:
            continue  # a configuration for which nothing was computed
        place = f"line {step.line}"
        raw = raw_frame(atoms, index, name, place)
        for key in ("energy", "free_energy"):
            raw.labels.pop(key, None)
            if step.energy is not None:
                raw.labels[key] = step.energy * _RYDBERG
        if not step.converged:
            raw.fault = Fault(FaultKind.UNCONVERGED, name, index, _why(step), place)
        yield raw
        index += 1
    if cut:
        reason = "the file ends within this step, or pw.x stopped in it: it did not come to its end ('JOB DONE')"
        yield Fault(FaultKind.TRUNCATED, name, index, reason, f"line {steps[-1].line}")


def _why(step: _Step) -> str:
    if step.converged is False:
        return f"the self-consistent field was not converged{step.iterations}"
    return "nothing says that the self-consistent field converged"


def _steps(lines: list[str], name: str) -> tuple[list[_Step], set[int]]:
    """Return what the lines tell of each configuration, in ASE's order, and which runs came to their end."""
    steps: list[_Step] = []
    ended: set[int] = set()
    run = 0
    for number, line in enumerate(lines, start=1):
        if "Program PWSCF" in line:
            run += 1
            steps.append(_Step(number, run))
        elif "ATOMIC_POSITIONS" in line:
            if not steps:
                raise InputError(f"{name}: the beginning of pw.x's output is not there ('Program PWSCF')")
            steps.append(_Step(number, run))
        elif not steps:
            continue
        elif "iteration #" in line:
            steps[-1].begun = True
        elif "convergence has been achieved" in line:
            steps[-1].converged = True
        elif "convergence NOT achieved" in line:
            steps[-1].converged = False
            _, _, rest = line.partition("achieved")
            steps[-1].iterations = " " + " ".join(rest.split(":")[0].split())
        elif line.startswith("!") and "total energy" in line and "=" in line:
            # hybrids print one a cycle, the last with two marks
            steps[-1].energy = float(line.split("=")[1].split()[0])
        elif "JOB DONE" in line:
            ended.add(run)
    return steps, ended


def _read(lines: list[str], name: str) -> list[Atoms]:
    from ase.io.espresso import read_espresso_out

    wanted = "".join(line for line in lines if not any(text in line for text in _NOT_WANTED))
    try:
        return list(read_espresso_out.__wrapped__(StringIO(wanted), index=slice(None), results_required=False))
    except Exception as error:  # ASE's reader raises anything
        raise InputError(f"{name}: ASE cannot read this output of pw.x ({type(error).__name__}: {error})") from error


def read_espresso_xml(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the steps in pw.x's XML (``data-file-schema.xml``), all in Hartree's units there."""
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        # pw.x writes it at the end, at one go
        yield Fault(FaultKind.TRUNCATED, name, None, f"the XML is not whole: {error}")
        return
    entries = list(root.iter("step"))
    output = root.find("output")
    if output is not None:
        if entries and _same_energy(entries[-1], output):
            # results of the last step, here with the stress, beside positions that dynamics has moved on
            entries[-1].extend(output.findall("stress"))
        else:
            entries.append(output)
    index = 0
    for entry in entries:
        if entry.find("total_energy") is None:
            continue
        try:
            yield _xml_frame(entry, index, name)
        except (ValueError, AttributeError, TypeError) as error:
            yield Fault(FaultKind.UNREADABLE, name, index, f"cannot be read: {error}", f"step {index + 1}")
        index += 1


def _xml_frame(entry: ET.Element, index: int, name: str) -> RawFrame:
    from ase.io.espresso import label_to_symbol

    place = f"step {index + 1}"
    named = entry.findall("atomic_structure/atomic_positions/atom")
    cell = np.array([_floats(entry.find(f"atomic_structure/cell/a{axis}")) for axis in (1, 2, 3)])
    positions = np.reshape([_floats(atom) for atom in named], (-1, 3))
    atoms = Atoms([label_to_symbol(atom.get("name", "")) for atom in named], positions=positions, cell=cell, pbc=True)
    energy = _floats(entry.find("total_energy/etot"))[0]
    labels: dict[str, Any] = {"energy": energy, "free_energy": energy}
    units = dict(_UNITS)
    if (forces := entry.find("forces")) is not None:
        labels["forces"] = np.reshape(_floats(forces), (-1, 3))
    if (stress := entry.find("stress")) is not None:
        # the sign of a pressure there
        labels["stress"] = -np.reshape(_floats(stress), (3, 3))
        units["stress"] = "Hartree/Bohr^3"
    raw = RawFrame(atoms, labels, index, place, units=units)
    told = entry.find(".//scf_conv/convergence_achieved")
    if told is None or (told.text or "").strip() != "true":
        steps = entry.findtext(".//scf_conv/n_scf_steps")
        reason = f"the self-consistent field was not converged{f' after {steps} steps' if steps else ''}"
        raw.fault = Fault(FaultKind.UNCONVERGED, name, index, reason, place)
    return raw


def _same_energy(first: ET.Element, second: ET.Element) -> bool:
    """Return whether two elements hold the results of one calculation."""
    path = "total_energy/etot"
    return first.findtext(path) is not None and _floats(first.find(path)) == _floats(second.find(path))


def _floats(element: ET.Element | None) -> list[float]:
    if element is None or not element.text:
        raise ValueError("expected numbers, got nothing")
    return [float(word) for word in element.text.split()]
