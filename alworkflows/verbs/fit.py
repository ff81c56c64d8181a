"""Verb ``fit``: fit an ensemble to labelled batches and judge it on the test frames there are.

Input: ``batches`` and ``tests`` (files), ``model`` (settings), ``species``, ``seed``.
Output: ``ensemble.npz``; the fit's report, errors on the test frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.settings import ModelSettings, parse
from alworkflows.verbs.sample import print_progress

__all__ = ["read_batches", "run"]


def run(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Fit an ensemble; see the module."""
    from alworkflows.models import force_errors, train

    batches = read_batches(folder, [*spec["batches"], *spec.get("tests", [])])
    training = [frame for batch in batches[: len(spec["batches"])] for frame in batch]
    tests = [frame for batch in batches[len(spec["batches"]) :] for frame in batch]
    ensemble, report = train(
        training, parse(ModelSettings, spec["model"], "model"), tuple(spec["species"]), int(spec["seed"]), print_progress
    )
    ensemble.save(folder / "ensemble.npz")
    errors = force_errors(ensemble, tests)["summary"] if tests else None
    return {"fit": report, "test": errors, "training_frames": len(training), "test_frames": len(tests)}


def read_batches(folder: Path, names: Sequence[str]) -> list[list[Atoms]]:
    """Return the frames of each batch.

    Raises
    ------
    InputError
        If two batches were labelled by different engines or settings, or share a frame.
    """
    batches: list[list[Atoms]] = []
    engine: Any = None
    first = ""
    seen: dict[str, str] = {}
    for name in names:
        frames, header = frames_io.load(folder / name)
        found = header.get("engine")
        if batches and found != engine:
            raise InputError(f"labels of two engines in one data set: {first} has {engine}, {name} has {found}")
        if not batches:
            engine, first = found, name
        for frame in frames:
            identity = frames_io.frame_id(frame)
            if identity in seen:
                raise InputError(
                    f"frame {identity} stands in {seen[identity]} and again in {name}; each frame belongs to one batch"
                )
            seen[identity] = name
        batches.append(frames)
    return batches
