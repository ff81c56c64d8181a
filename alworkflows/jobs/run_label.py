"""Verb ``label``: energy, forces and stress of frames with an ASE calculator.

Writes files, each there as soon as there is something in it:

``labelled.npz``
    Frame by frame; its header names the engine.
``failures.json``
    A list of ``id``, ``index``, ``kind``, ``reason`` and ``seconds``, rewritten after each failure.
``current.json``
    ``index`` and ``id`` of the frame at work; a job that died with it there died on that frame, unless the frame is in one of
    the other two files. It is gone once the job has ended in order.
``checkpoint/``
    ``<frame id>.*``: states to restart a label from. What is there at the start, copied from an earlier job, is used, and those
    frames come first.

The result says ``out_of_time`` or ``terminated`` if there are frames left.
"""

from __future__ import annotations

import json
from pathlib import Path

from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.atomic import write_text
from alworkflows.jobs.progress import print_progress
from alworkflows.jobs.results import LabelResult
from alworkflows.jobs.specs import LabelSpec

__all__ = ["run"]

LABELLED, FAILURES, CURRENT = "labelled.npz", "failures.json", "current.json"


def run(spec: LabelSpec, folder: Path) -> LabelResult:
    """Label frames; see the module."""
    from alworkflows.calculators import configured, describe
    from alworkflows.calculators.failures import write_failures
    from alworkflows.labelling import LabelDeadline, run_labels

    deadline, settings = LabelDeadline(spec.max_seconds), spec.label
    parameters = configured(settings, spec.remedy)
    frames = frames_io.load(folder / spec.frames)[0]
    writer = frames_io.FrameWriter(folder / LABELLED, {"engine": describe(settings.calculator, settings.moments)})

    def begin(index: int, frame: Atoms) -> None:
        write_text(folder / CURRENT, json.dumps({"index": index, "id": frames_io.frame_id(frame)}))

    with deadline.guard():
        report = run_labels(
            frames,
            settings,
            writer.append,
            indices=spec.indices,
            remedy=spec.remedy,
            deadline=deadline,
            folder=folder,
            begin=begin,
            failed=lambda failures: write_failures(folder / FAILURES, failures),
            progress=print_progress,
        )
    (folder / CURRENT).unlink(missing_ok=True)
    ended = deadline.outcome() if report.left else {}
    about = {"energy": parameters.which_energy(), "remedy": spec.remedy, "cores": parameters.cores()}
    return LabelResult.of(**report.as_dict(), **about, **ended)
