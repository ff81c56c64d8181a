"""Verb ``label``: energy, forces and stress of frames with an ASE calculator.

Input: ``frames`` (file), ``start`` and ``stop`` (the slice this job does), ``label`` (settings).
Output: ``labelled.npz``, written frame by frame, whose header names the engine; failures with their reasons.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alworkflows import frames as frames_io
from alworkflows.settings import LabelSettings, parse
from alworkflows.verbs.sample import print_progress

__all__ = ["run"]


def run(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Label frames; see the module."""
    from alworkflows.calculators import describe, label

    settings = parse(LabelSettings, spec["label"], "label")
    frames = frames_io.load(folder / spec["frames"])[0][int(spec["start"]) : int(spec["stop"])]
    writer = frames_io.FrameWriter(folder / "labelled.npz", {"engine": describe(settings.calculator)})
    failures = label(frames, settings, writer.append, print_progress)
    return {"labelled": len(writer.frames), "failures": failures}
