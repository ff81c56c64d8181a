"""Extended XYZ, and plain XYZ: parsed by ASE frame by frame, once it is known where each begins and that nothing lies between.

ASE itself ends at the first blank line, drops columns that the header does not declare, and takes what is called ``energy`` or
``forces`` for a label whatever it is; so files are divided here, and labels kept from its sight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.extxyz import key_val_str_to_dict, per_atom_properties, per_config_properties, read_xyz

from alworkflows.frames.faults import Fault, FaultKind
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.keys import looks_like_label
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_extended_xyz"]

#: frames parsed at once
CHUNK = 256
#: no frame has more; a number of rows must fit into what counts them
MOST_ATOMS = 10**9
#: what hides a label from ASE
HIDDEN = "_as_in_file_"
#: where the header of a frame lies among its lines
_MATRIX = re.compile(r"(?<![^\s])(stress|virial)(?=\s*=)")
_PAIR = re.compile(r'([A-Za-z][\w-]*)=(?:"([^"\\]*)"|([^\s"\'{}\[\]\\=]+))(?:\s+|$)')
_BOOLEANS = {"T": True, "F": False, **{word: word[0] in "tT" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}}
#: names of kinds are texts, whatever they look like; a backslash stands before a quote or backslash within quotes
_KIND = re.compile(r"(?<!\S)config_type=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\"]+))(?!\S)")
#: how lattice vectors are called that no reader takes for such
_CELLS = ("lattice", "cell", "unit_cell", "unitcell", "box", "lattice_vectors")
_NUMBER = re.compile(r"^\s*\d+\s*$")
_OF_ATOMS = frozenset(per_atom_properties)
_OF_FRAMES = frozenset(per_config_properties)


@dataclass(frozen=True)
class _Block:
    """The lines of one frame; ``line``: number of the first, from 1."""

    line: int
    lines: list[str]
    index: int


def read_extended_xyz(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the frames of an extended XYZ file; blank lines between frames are passed over."""
    with open(path, encoding="utf-8-sig", errors="replace") as handle:
        blocks: list[_Block] = []
        for block in _divided(handle, name):
            if isinstance(block, _Block):
                blocks.append(block)
                if len(blocks) < CHUNK:
                    continue
            yield from _parsed(blocks, name)
            blocks = []
            if isinstance(block, Fault):
                yield block
        yield from _parsed(blocks, name)


def _divided(lines: Iterator[str], name: str) -> Iterator[_Block | Fault]:
    """Yield the lines of each frame, and what lies between frames."""
    number = index = 0
    for line in lines:
        number += 1
        if not line.strip():
            continue
        if not _NUMBER.match(line):
            stray = [line, *islice(_until_header(lines), 10**9)]
            following = stray.pop() if _NUMBER.match(stray[-1]) else None
            text = line.strip()[:60]
            reason = f"expected the number of atoms of the next frame, got '{text}'"
            reason += f"; {len(stray)} lines belong to no frame" if len(stray) > 1 else ""
            yield Fault(FaultKind.UNREAD, name, None, reason, f"line {number}")
            number += len(stray) - 1
            if following is None:
                return
            line, number = following, number + 1
        first, atoms = number, int(line)
        rows = [line, *islice(lines, min(atoms, MOST_ATOMS) + 1)]
        number += len(rows) - 1
        if len(rows) < atoms + 2:
            yield Fault(
                FaultKind.TRUNCATED,
                name,
                index,
                f"expected {atoms} atoms, the file ends after {max(len(rows) - 2, 0)}",
                f"line {first}",
            )
            return
        yield _Block(first, rows, index)
        index += 1


def _until_header(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if _NUMBER.match(line):
            return


def _parsed(blocks: list[_Block], name: str) -> Iterator[RawFrame | Fault]:
    """Yield the frames of some blocks; where one is broken, each is parsed alone to tell which."""
    if not blocks:
        return
    texts = ["".join(block.lines) if block.lines[-1].endswith("\n") else "".join(block.lines) + "\n" for block in blocks]
    try:
        frames = list(read_xyz(StringIO("".join(texts)), index=slice(None), properties_parser=_header))
        if len(frames) != len(blocks):
            raise ValueError(f"{len(frames)} frames of {len(blocks)}")
    except Exception as error:  # whatever ASE's parser stumbles over is a fault of one frame
        if len(blocks) > 1:
            for block in blocks:
                yield from _parsed([block], name)
            return
        block = blocks[0]
        yield Fault(FaultKind.UNREADABLE, name, block.index, _reason(block, error), f"line {block.line}")
        return
    for block, text, atoms in zip(blocks, texts, frames, strict=True):
        yield _frame(block, text, atoms, name)


def _reason(block: _Block, error: Exception) -> str:
    """Return what is wrong with a frame that ASE does not read: the first row that does not fit, if there is one."""
    columns = _columns(block.lines[1])
    if columns:
        for number, row in enumerate(block.lines[2:], start=2):
            if len(row.split()) != columns:
                line = block.line + number
                got = f"{len(row.split())}: '{row.strip()[:60]}'"
                return f"line {line}: expected {columns} columns as the header declares, got {got}"
    return f"cannot be read ({type(error).__name__}: {error})"


def _columns(header: str) -> int:
    match = re.search(r"Properties=\"?([^\s\"]+)", header)
    if match is None:
        return 0
    counts = match[1].split(":")[2::3]
    return sum(map(int, counts)) if all(count.isdigit() for count in counts) else 0


def _header(line: str) -> dict[str, Any]:
    """Return what the header of a frame says, its labels hidden from ASE, which would refuse or reshape them."""
    values = _plain_header(line)
    if values is None:
        values = key_val_str_to_dict(_MATRIX.sub(rf"{HIDDEN}\1", line))
    for key in _OF_FRAMES.intersection(values):
        values[HIDDEN + key] = values.pop(key)
    if match := _KIND.search(line):
        values["config_type"] = match[2] if match[1] is None else re.sub(r"\\(.)", r"\1", match[1])
    if "Properties" in values:
        fields = str(values["Properties"]).split(":")
        fields[::3] = [HIDDEN + field if field in _OF_ATOMS else field for field in fields[::3]]
        values["Properties"] = ":".join(fields)
    return values


def _plain_header(line: str) -> dict[str, Any] | None:
    """Return what a header of nothing but ``key=value`` and ``key="value"`` says, as ASE does; None if there is more to it.

    ASE goes through it letter by letter, which is a third of the time a file takes.
    """
    values: dict[str, Any] = {}
    place, end = 0, len(line)
    while place < end:
        match = _PAIR.match(line, place)
        if match is None:
            return None
        key, quoted, bare = match.groups()
        value = _plain_value(quoted if bare is None else bare)
        if value is None or key.lower() == "uid":
            return None
        if key == "Lattice":
            if np.shape(value) != (9,):
                return None
            value = value.reshape((3, 3), order="F")
        values[HIDDEN + key if key in ("stress", "virial") else key] = value
        place = match.end()
    return values


def _plain_value(text: str) -> Any:
    """Return a number, numbers, booleans or a text, as ASE would; None if that takes more."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    words = text.replace(",", " ").split()
    if not words or text.startswith("_JSON"):
        return None
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError:
        return [_BOOLEANS[word] for word in words] if all(word in _BOOLEANS for word in words) else text
    if "_" in text:
        return None  # a number to Python, a word to numpy
    if all(word.lstrip("+-").isdigit() for word in words):
        numbers = numbers.astype(int)
    return numbers[0] if len(words) == 1 else numbers


def _frame(block: _Block, text: str, atoms: Atoms, name: str) -> RawFrame:
    """Return a frame as the file has it."""
    labels: dict[str, Any] = {}
    for store in (atoms.info, atoms.arrays):
        for key in [key for key in store if key.startswith(HIDDEN) or looks_like_label(key)]:
            labels[key.removeprefix(HIDDEN)] = store.pop(key)
    raw = RawFrame(atoms, labels, block.index, f"line {block.line}")
    if not atoms.cell.any() and (other := next((key for key in atoms.info if key.lower() in _CELLS), None)) is not None:
        reason = f"expected the lattice vectors as Lattice=\"...\", got '{other}', which readers of extended XYZ pass over"
        raw.fault = Fault(FaultKind.CELL, name, block.index, reason, raw.place)
    columns = _columns(block.lines[1]) or 4
    header = block.lines[1]
    words = len(text.split()) - 1 - len(header.split())
    if words != columns * len(atoms):
        declared = "the header declares" if "Properties" in header else "plain XYZ has"
        reason = f"expected {columns} columns in each of {len(atoms)} rows as {declared}, got {words} words in all"
        raw.fault = Fault(FaultKind.SHAPE, name, block.index, reason, raw.place)
    return raw
