"""Verb ``label``: energy, forces and stress of frames with an ASE calculator.

Input: ``frames`` (file), ``label`` (settings); optional ``indices`` (list of int into that file; none: all), ``remedy`` (name of
one that the calculator has) and ``max_seconds`` (the job's walltime).

Files, each there as soon as there is something in it:

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

Output: ``labelled`` (count), ``failures`` (as the file), ``unreached`` (indices of frames not begun for want of time),
``interrupted`` (index of the frame that was begun and stopped for time, or null), ``seconds_per_frame``, ``energy`` (which one),
``remedy``, ``cores``; ``out_of_time`` or ``terminated`` if there are frames left.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.jobs.run_sample import print_progress
from alworkflows.settings import LabelSettings, parse

__all__ = ["run"]

LABELLED, FAILURES, CURRENT = "labelled.npz", "failures.json", "current.json"


def run(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Label frames; see the module."""
    from alworkflows.calculators import configured, describe
    from alworkflows.calculators.failures import write_failures
    from alworkflows.labelling import LabelDeadline, run_labels

    limit = spec.get("max_seconds")
    deadline = LabelDeadline(None if limit is None else float(limit))
    settings = parse(LabelSettings, spec["label"], "label")
    remedy = spec.get("remedy")
    engine = configured(settings, remedy)
    frames = frames_io.load(folder / spec["frames"])[0]
    writer = frames_io.FrameWriter(folder / LABELLED, {"engine": describe(settings.calculator, settings.moments)})

    def begin(index: int, frame: Atoms) -> None:
        partial = folder / f"{CURRENT}.part"
        partial.write_text(json.dumps({"index": index, "id": frames_io.frame_id(frame)}))
        os.replace(partial, folder / CURRENT)

    with deadline.guard():
        report = run_labels(
            frames,
            settings,
            writer.append,
            indices=spec.get("indices"),
            remedy=remedy,
            deadline=deadline,
            folder=folder,
            begin=begin,
            failed=lambda failures: write_failures(folder / FAILURES, failures),
            progress=print_progress,
        )
    (folder / CURRENT).unlink(missing_ok=True)
    ended = deadline.outcome() if report.left else {}
    return {**report.as_dict(), "energy": engine.which_energy(), "remedy": remedy, "cores": engine.cores(), **ended}
