"""Verb ``sample``: run one sampler on one structure.

Input: ``sampler`` (settings), ``structures`` (file), ``structure`` (name), ``seed``, optional ``ensemble``
(file), ``upper`` (eV/A) and ``max_seconds`` (walltime).
Output: ``candidates.npz``, written frame by frame; the sampler's report; ``checkpoint/``, from which the same run goes on if it
is there at the start: ``restarts`` says how many times it has, ``out_of_time`` that it must once more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.deadline import CHECKPOINT, Deadline, count_restarts
from alworkflows.errors import unknown

__all__ = ["run"]


def run(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make candidate frames; see the module."""
    from alworkflows.sampling import OUT_OF_TIME, parse_sampler, sample

    settings = parse_sampler(spec["sampler"])
    by_name: dict[str, list[Atoms]] = {}
    for frame in frames_io.load(folder / spec["structures"])[0]:
        by_name.setdefault(frame.info["origin"]["structure"], []).append(frame)
    name = spec["structure"]
    if name not in by_name:
        raise unknown("structure", name, by_name)
    driver = None
    if spec.get("ensemble"):
        from alworkflows.models import Ensemble

        driver = Ensemble.load(folder / spec["ensemble"]).calculator()
    writer = frames_io.FrameWriter(folder / "candidates.npz")
    with Deadline(spec.get("max_seconds")) as deadline:
        restarts = count_restarts(folder)
        report = sample(
            settings,
            by_name[name],
            name,
            int(spec["seed"]),
            writer.append,
            driver,
            spec.get("upper"),
            print_progress,
            folder / CHECKPOINT,
            deadline,
        )
    ended = deadline.outcome() if report.stopped == OUT_OF_TIME else {}
    return {"structure": name, **report.as_dict(), "restarts": restarts, **ended}


def print_progress(message: str) -> None:
    """Write one line that a person looking into the job's folder can read at once."""
    print(message, flush=True)
