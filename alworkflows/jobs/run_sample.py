"""Verb ``sample``: run one sampler on one structure.

Writes ``candidates.npz``, frame by frame, and ``checkpoint/``, from which the same run goes on if it is there at the start:
``restarts`` says how many times it has, ``out_of_time`` that it must once more.
"""

from __future__ import annotations

from pathlib import Path

from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.deadline import CHECKPOINT, Deadline, count_restarts
from alworkflows.errors import unknown
from alworkflows.jobs.progress import print_progress
from alworkflows.jobs.results import SampleResult
from alworkflows.jobs.specs import SampleSpec

__all__ = ["run"]


def run(spec: SampleSpec, folder: Path) -> SampleResult:
    """Make candidate frames; see the module."""
    from alworkflows.sampling import OUT_OF_TIME, sample

    by_name: dict[str, list[Atoms]] = {}
    for frame in frames_io.load(folder / spec.structures)[0]:
        by_name.setdefault(frame.info["origin"]["structure"], []).append(frame)
    name = spec.structure
    if name not in by_name:
        raise unknown("structure", name, by_name)
    driver = None
    if spec.ensemble:
        from alworkflows.models import Ensemble

        driver = Ensemble.load(folder / spec.ensemble).calculator()
    writer = frames_io.FrameWriter(folder / "candidates.npz")
    with Deadline(spec.max_seconds) as deadline:
        restarts = count_restarts(folder)
        report = sample(
            spec.sampler,
            by_name[name],
            name,
            spec.seed,
            writer.append,
            driver,
            spec.upper,
            print_progress,
            folder / CHECKPOINT,
            deadline,
        )
    ended = deadline.outcome() if report.stopped == OUT_OF_TIME else {}
    summary = {key: value for key, value in report.as_dict().items() if key != "seconds"}  # those of the whole job are told
    return SampleResult.of(structure=name, **summary, restarts=restarts, **ended)
