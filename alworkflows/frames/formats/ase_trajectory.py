"""Trajectories of ASE: read by ASE, which of several in one file sees the first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alworkflows.errors import InputError
from alworkflows.frames.faults import Fault
from alworkflows.frames.formats.contract import RawFrame
from alworkflows.frames.formats.with_ase import read_with_ase
from alworkflows.settings.reading import ReadSettings

__all__ = ["read_trajectory"]

#: what each begins with
_MAGIC = b"- of UlmASE-Trajectory"
_BLOCK = 1 << 20


def read_trajectory(path: Path, name: str, settings: ReadSettings) -> Iterator[RawFrame | Fault]:
    """Yield the frames of a trajectory.

    Raises
    ------
    InputError
        If several stand one after the other, or ASE cannot read it.
    """
    if (count := _count(path)) > 1:
        raise InputError(f"{name}: {count} trajectories one after the other; give each as a file of its own")
    yield from read_with_ase(path, name, settings, "traj")


def _count(path: Path) -> int:
    """Return how often what a trajectory begins with stands in a file."""
    count, rest = 0, b""
    with open(path, "rb") as handle:
        while block := handle.read(_BLOCK):
            block = rest + block
            count += block.count(_MAGIC)
            # shorter than the magic, so that nothing is counted twice
            rest = block[-(len(_MAGIC) - 1) :]
    return count
