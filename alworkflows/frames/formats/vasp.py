"""vasprun.xml, OUTCAR and POSCAR: read by ASE, judged here, where ASE takes unconverged and cut-off steps for good ones."""

from __future__ import annotations

import re
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from ase.data import atomic_numbers

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.formats.with_ase import read_with_ase
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_outcar", "read_poscar", "read_vasprun", "require_species_line"]


#: expat's number for a second document in one file
_SECOND_DOCUMENT = 9


#: what stands for the electronic steps of an ionic step that has none: ASE does not read it without
_NO_STEPS = '<scstep><energy><i name="e_fr_energy">0</i><i name="e_0_energy">0</i></energy></scstep>'


def read_vasprun(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the ionic steps of a vasprun.xml; of energies with PSTRESS, ASE takes the pressure times the volume away.

    Raises
    ------
    InputError
        If something stands after its end, or ASE finds other steps than there are.
    """
    counts, limit, cut = _electronic_steps(path, name)
    if cut and not counts:
        yield Fault(FaultKind.TRUNCATED, name, None, "the file ends before the first ionic step is whole")
        return
    with tempfile.TemporaryDirectory() as folder:
        source = path if all(counts) else _with_electronic_steps(path, Path(folder))
        yield from _judged(read_with_ase(source, name, settings, "vasp-xml"), name, [_of_count(count, limit) for count in counts])
    if cut:
        yield Fault(FaultKind.TRUNCATED, name, len(counts), "the file ends within this ionic step, or after it")


def _electronic_steps(path: Path, name: str) -> tuple[list[int], int | None, str | None]:
    """Return how many electronic steps each whole ionic step has, the most allowed (NELM), and why the file is cut off."""
    counts: list[int] = []
    limit: int | None = None
    try:
        for _, element in ET.iterparse(path):
            if element.tag == "i" and element.get("name") == "NELM":
                # that of <parameters>, which stands after that of <incar>, counts
                limit = int(_number(element.text)) or None
            elif element.tag == "calculation":
                counts.append(len(element.findall("scstep")))
                element.clear()
    except ET.ParseError as error:
        if error.code == _SECOND_DOCUMENT:
            raise InputError(f"{name}: something follows the end of this vasprun.xml; give each as a file of its own") from error
        return counts, limit, str(error)
    return counts, limit, None


def _with_electronic_steps(path: Path, folder: Path) -> Path:
    """Return a copy in which each ionic step has an electronic one."""
    first, *others = re.split(r"(?=<calculation>)", path.read_text(errors="replace"))
    others = [part if "<scstep>" in part else part.replace("</calculation>", f"{_NO_STEPS}</calculation>") for part in others]
    copy = folder / "vasprun.xml"
    copy.write_text("".join([first, *others]))
    return copy


def _number(text: str | None) -> float:
    """Return a number, or 0 where VASP had no room for it and wrote asterisks."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _of_count(count: int, limit: int | None) -> str | None:
    if count == 0:
        return "no electronic steps: of a force field that VASP learnt, or cut out; nothing here is of the electronic structure"
    if limit is not None and count >= limit:
        return f"the self-consistent field was not converged after {count} steps (NELM = {limit})"
    return None


def read_outcar(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the ionic steps of an OUTCAR.

    Raises
    ------
    InputError
        If it holds several runs, or ASE finds other steps than there are.
    """
    reasons: list[str | None] = []
    ended: bool | None = None
    steps = limit = headers = 0
    finished = learnt = False
    with open(path, errors="replace") as handle:
        for line in handle:
            if "aborting loop" in line:
                ended = "EDIFF is reached" in line
            elif " Iteration " in line and "---" in line:
                match = re.search(r"Iteration\s*\d+\(\s*(\d+)\)", line)
                steps = int(match[1]) if match else steps
            elif not limit and (match := re.search(r"\bNELM\s*=\s*(\d+)", line)):
                limit = int(match[1])
            elif "TOTAL-FORCE (eV/Angst)" in line:
                learnt = "(ML)" in line
            elif "free  energy   TOTEN" in line and "ML" not in line:
                # two blanks: of an ionic step, after its forces
                reasons.append(_LEARNT if learnt else _of_loop(ended, steps, limit))
                ended, steps, learnt = None, 0, False
            elif re.match(r"\s*vasp\.\d", line):
                headers += 1
                finished = False
            elif "General timing and accounting informations" in line:
                finished = True
    if headers > 1:
        # ASE takes the species of the first run for all
        raise InputError(f"{name}: {headers} runs of VASP one after the other; give each OUTCAR as a file of its own")
    if not reasons:
        yield Fault(FaultKind.TRUNCATED, name, None, "no ionic step is whole: no forces are there")
        return
    yield from _judged(read_with_ase(path, name, settings, "vasp-out"), name, reasons)
    if not finished:
        yield Fault(FaultKind.TRUNCATED, name, len(reasons), "the file ends within this ionic step: VASP did not come to its end")


_LEARNT = "of a force field that VASP learnt (ML), not of the electronic structure"


def _of_loop(ended: bool | None, steps: int, limit: int) -> str | None:
    if ended is False or (ended is None and limit and steps >= limit):
        return f"the self-consistent field was not converged after {steps} steps (NELM = {limit})"
    if ended is None:
        return f"nothing says that the self-consistent field converged ({steps} steps, NELM = {limit or 'not told'})"
    return None


def _judged(frames: Iterator[RawFrame | Fault], name: str, reasons: list[str | None]) -> Iterator[RawFrame | Fault]:
    """Yield frames, with those that did not converge marked; raise an :class:`InputError` if ASE finds fewer than there are."""
    read = 0
    for frame in frames:
        if isinstance(frame, RawFrame):
            if frame.index >= len(reasons):
                return  # the step that the file ends in
            read += 1
            reason = reasons[frame.index]
            place = f"ionic step {frame.index + 1}"
            fault = None if reason is None else Fault(FaultKind.UNCONVERGED, name, frame.index, reason, place)
            frame = replace(frame, place=place, fault=fault or frame.fault)
        yield frame
    if read < len(reasons):
        raise InputError(f"{name}: {len(reasons)} ionic steps are there, and ASE reads {read}")


def read_poscar(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the structure of a POSCAR or CONTCAR."""
    require_species_line(path, name)
    yield from read_with_ase(path, name, settings, "vasp")
    if (line := _second_header(path)) is not None:
        reason = "another species line: a POSCAR holds one structure, and ASE reads the first; give each as a file of its own"
        yield Fault(FaultKind.UNREAD, name, None, reason, f"line {line}")


def _second_header(path: Path) -> int | None:
    """Return the line in which a second structure names its species, above its numbers of atoms; velocities are none."""
    lines = path.read_text(errors="replace").splitlines()
    for number in range(7, len(lines) - 1):
        words, following = lines[number].split(), lines[number + 1].split()
        named = words and all(word.split("/")[0].split("_")[0] in atomic_numbers for word in words)
        if named and len(words) == len(following) and all(word.isdigit() for word in following):
            return number + 1
    return None


def require_species_line(path: Path, name: str) -> None:
    """Raise an :class:`InputError` if a POSCAR does not name its species; readers then make some up."""
    with open(path, errors="replace") as handle:
        lines = [line for _, line in zip(range(7), handle, strict=False)]
    if len(lines) > 5 and all(word.isdigit() for word in lines[5].split()):
        raise InputError(
            f"{name}: no line with the species above the numbers of atoms (line 6 is '{lines[5].strip()}'): "
            "add one, such as 'Zn O', as VASP 5 and later write it"
        )
    _require_counts(path, name)


def _require_counts(path: Path, name: str) -> None:
    """Raise if a POSCAR has other numbers of species or of rows than it says: readers leave the rest unread."""
    lines = path.read_text(errors="replace").splitlines()
    if len(lines) < 8:
        return  # which the reader says
    symbols, counts = lines[5].split(), lines[6].split("!")[0].split()
    if not counts or not all(word.isdigit() for word in counts):
        return
    if len(symbols) != len(counts):
        raise InputError(
            f"{name}: {len(symbols)} species on line 6 ({lines[5].strip()}) and {len(counts)} numbers of atoms on line 7"
        )
    first = 8 + lines[7].strip().lower().startswith("s")
    rows = sum(1 for _ in takewhile(_is_row, lines[first:]))
    if rows != sum(map(int, counts)):
        raise InputError(f"{name}: expected {sum(map(int, counts))} rows of positions as line 7 says, got {rows}")


def _is_row(line: str) -> bool:
    try:
        return len([float(word) for word in line.split()[:3]]) == 3
    except ValueError:
        return False
