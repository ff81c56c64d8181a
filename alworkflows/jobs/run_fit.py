"""Verb ``fit``: fit an ensemble to labelled batches and judge it on the test frames there are.

Input: ``batches`` and ``tests`` (files), ``model`` (settings), ``species``, ``seed``; optional ``transfers`` (mapping of the
name of a set to files), ``references`` (files whose energies the energies of the species are shifted to meet) and
``max_seconds`` (walltime).
Output: ``ensemble.npz``; the fit's report with the errors of each model along the path, errors on the test frames, and
``test_points``, by the name of each test batch: a row a frame of its id, disagreement, largest force error, RMS of the components
of the reference forces (eV/A), number of atoms, largest reference force, RMS of the components of the force error; what is not
finite is None. If the walltime is too short, ``out_of_time`` and ``checkpoint/``, from which the same fit goes on if it is there
at the start.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.deadline import CHECKPOINT, Deadline, TimeIsUp, count_restarts
from alworkflows.errors import InputError
from alworkflows.jobs.run_sample import print_progress
from alworkflows.settings import ModelSettings, parse

__all__ = ["read_batches", "run"]


def run(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Fit an ensemble; see the module."""
    with Deadline(spec.get("max_seconds")) as deadline:
        restarts = count_restarts(folder)
        try:
            return {**_fit(spec, folder, deadline), "restarts": restarts}
        except TimeIsUp as reason:
            print_progress(str(reason))
            return {"restarts": restarts, "message": str(reason), **deadline.outcome()}


def _fit(spec: dict[str, Any], folder: Path, deadline: Deadline) -> dict[str, Any]:
    from alworkflows.models import force_errors, train

    transfers: dict[str, list[str]] = spec.get("transfers") or {}
    tests: list[str] = spec.get("tests") or []
    names = [*spec["batches"], *tests, *(name for files in transfers.values() for name in files)]
    batches = dict(zip(names, read_batches(folder, names), strict=True))
    testing = [frame for name in tests for frame in batches[name]]
    ensemble, report = train(
        [batches[name] for name in spec["batches"]],
        parse(ModelSettings, spec["model"], "model"),
        tuple(spec["species"]),
        int(spec["seed"]),
        print_progress,
        tests={"test": [batches[name] for name in tests]} if testing else {},
        transfers={group: [batches[name] for name in files] for group, files in transfers.items()},
        references=[frame for name in spec.get("references") or [] for frame in frames_io.load(folder / name)[0]],
        checkpoint=folder / CHECKPOINT,
        deadline=deadline,
    )
    ensemble.save(folder / "ensemble.npz")
    judged = force_errors(ensemble, testing) if testing else None
    return {
        "fit": report,
        "test": judged["summary"] if judged else None,
        "test_points": _points({Path(name).stem: batches[name] for name in tests}, judged) if judged else {},
        "training_frames": report["frames"],
        "test_frames": len(testing),
    }


def _points(tests: dict[str, list[Atoms]], judged: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """Return a row for each test frame, by batch: what trust levels are calibrated on."""
    names = ("disagreement", "largest_error", "force_rms", "largest_force", "rms_error")
    columns = iter(zip(*(judged[name].tolist() for name in names), strict=True))
    found: dict[str, list[list[Any]]] = {}
    for name, frames in tests.items():
        found[name] = []
        for frame in frames:
            *numbers, largest, rms = (value if math.isfinite(value) else None for value in next(columns))
            found[name].append([frames_io.frame_id(frame), *numbers, len(frame), largest, rms])
    return found


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
        if batches and not frames_io.same_engine(found, engine):
            raise InputError(f"labels of two engines in one data set: {first} has {engine}, {name} has {found}")
        if not batches or frames_io.is_given(engine):
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
