"""Verb ``fit``: fit an ensemble to labelled batches and judge it on the test frames there are.

Writes ``ensemble.npz``; if the walltime is too short, ``checkpoint/``, from which the same fit goes on if it is there at the
start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.deadline import CHECKPOINT, Deadline, TimeIsUp, count_restarts
from alworkflows.frame_errors import FrameErrors
from alworkflows.jobs.labelled_batches import read_batches
from alworkflows.jobs.progress import print_progress
from alworkflows.jobs.results import FitResult, UnfinishedFit
from alworkflows.jobs.specs import FitSpec

__all__ = ["run"]


def run(spec: FitSpec, folder: Path) -> FitResult | UnfinishedFit:
    """Fit an ensemble; see the module."""
    with Deadline(spec.max_seconds) as deadline:
        restarts = count_restarts(folder)
        try:
            return _fit(spec, folder, deadline, restarts)
        except TimeIsUp as reason:
            print_progress(str(reason))
            return UnfinishedFit.of(restarts=restarts, message=str(reason), **deadline.outcome())


def _fit(spec: FitSpec, folder: Path, deadline: Deadline, restarts: int) -> FitResult:
    from alworkflows.models import force_errors, train
    from alworkflows.models.telling import error_without, located

    names = [*spec.batches, *spec.tests, *(name for files in spec.transfers.values() for name in files)]
    batches = dict(zip(names, read_batches(folder, names), strict=True))
    testing = [frame for name in spec.tests for frame in batches[name]]
    ensemble, report = train(
        [batches[name] for name in spec.batches],
        spec.model,
        spec.species,
        spec.seed,
        print_progress,
        tests={"test": [batches[name] for name in spec.tests]} if testing else {},
        transfers={group: [batches[name] for name in files] for group, files in spec.transfers.items()},
        references=[frame for name in spec.references for frame in frames_io.load(folder / name)[0]],
        checkpoint=folder / CHECKPOINT,
        deadline=deadline,
    )
    outliers = located(report["outliers"], lambda kind, item: (_batch(spec, kind, item["batch"]), item["index"]))
    report["outliers"] = ensemble.report["outliers"] = outliers
    ensemble.save(folder / "ensemble.npz")
    on_tests = force_errors(ensemble, testing) if testing else None
    return FitResult.of(
        fit=report,
        test=on_tests["summary"] if on_tests else None,
        test_force_rmse_without_outliers=error_without(on_tests, testing, outliers) if on_tests else None,
        test_points=_by_batch({Path(name).stem: batches[name] for name in spec.tests}, on_tests) if on_tests else {},
        training_frames=report["frames"],
        test_frames=len(testing),
        restarts=restarts,
    )


def _batch(spec: FitSpec, kind: str, number: int) -> str:
    """Return the name of a batch of training or test frames."""
    return Path((spec.tests if kind == "tests" else spec.batches)[number]).stem


def _by_batch(tests: dict[str, list[Atoms]], on_tests: dict[str, Any]) -> dict[str, FrameErrors]:
    """Return the errors on the test frames, which stand one after the other in ``on_tests``, batch by batch."""
    columns, first = ("disagreement", "largest_error", "rms_error", "largest_force", "force_rms"), 0
    by_batch: dict[str, FrameErrors] = {}
    for batch, frames in tests.items():
        part = slice(first, first + len(frames))
        by_batch[batch] = FrameErrors(
            id=tuple(map(frames_io.frame_id, frames)),
            atoms=tuple(map(len, frames)),
            **{name: on_tests[name][part].tolist() for name in columns},
        )
        first = part.stop
    return by_batch
