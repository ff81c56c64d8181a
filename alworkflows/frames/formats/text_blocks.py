"""Text files whose frames stand between a line that begins and a line that ends each: divided, and told what lies between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alworkflows.frames.faults import Fault, FaultKind

__all__ = ["Block", "divided", "whole_lines"]


@dataclass(frozen=True)
class Block:
    """The lines of one frame without blank ones, apart from the one that begins it (``header``, line ``line``, from 1)."""

    line: int
    header: str
    lines: list[str]
    index: int

    @property
    def place(self) -> str:
        """Where it is, as messages say it."""
        return f"line {self.line}"


def divided(path: Path, name: str, begin: str, end: str) -> Iterator[Block | Fault]:
    """Yield the frames of a file, and a fault for each run of lines between frames and for each frame without an end.

    Parameters
    ----------
    begin, end
        First words of the lines around a frame; lines that begin with ``#`` are comments.
    """
    index = stray = 0
    block: Block | None = None
    number = 0
    with open(path, encoding="utf-8", errors="replace") as handle:
        for number, line in enumerate(handle, start=1):
            words = line.split(None, 1)
            if not words or words[0].startswith("#"):
                continue
            word = words[0]
            if word == begin:
                if block is not None:
                    reason = f"expected '{end}', got the '{begin}' of the next frame in line {number}"
                    yield Fault(FaultKind.TRUNCATED, name, block.index, reason, block.place)
                    index += 1
                block, stray = Block(number, line, [], index), 0
            elif block is None:
                if not stray:
                    yield Fault(FaultKind.UNREAD, name, None, f"expected '{begin}', got '{line.strip()[:60]}'", f"line {number}")
                stray += 1
            elif word == end:
                yield block
                index += 1
                block = None
            else:
                block.lines.append(line)
    if block is not None:
        reason = f"expected '{end}', the file ends in line {number}"
        yield Fault(FaultKind.TRUNCATED, name, block.index, reason, block.place)


def whole_lines(path: Path) -> list[str]:
    """Return the lines of a text, without the last one if it has no end: half a number is a number too."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    return lines[:-1] if lines and not lines[-1].endswith("\n") else lines
