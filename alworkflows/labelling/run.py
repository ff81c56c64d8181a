"""Label frames one by one, so that one frame's failure is one frame's loss and a job's end loses at most the frame it was at.

Batches are no faster: CHGNet on one thread took as long for sixteen frames of 64 atoms in one batch as for sixteen alone.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator

from alworkflows.calculators.contract import CalculatorParameters, Work
from alworkflows.calculators.factory import bare, check_frames, configured, make
from alworkflows.calculators.failures import LabelError, classify, record
from alworkflows.deadline import CHECKPOINT, OutOfTime
from alworkflows.errors import InputError, unknown
from alworkflows.frames import frame_id
from alworkflows.labelling.acceptance import label_frame
from alworkflows.labelling.label_deadline import LabelDeadline
from alworkflows.settings import LabelSettings

__all__ = ["LabelReport", "label", "run_labels"]


@dataclass
class LabelReport:
    """What became of the frames of one run."""

    labelled: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    #: Frames not begun because time ran out.
    unreached: list[int] = field(default_factory=list)
    #: The frame that was begun and stopped for time.
    interrupted: int | None = None
    #: Seconds of each frame that was labelled or failed.
    seconds: list[float] = field(default_factory=list)

    @property
    def left(self) -> bool:
        """Whether frames are left for want of time."""
        return bool(self.unreached) or self.interrupted is not None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON takes it."""
        took = self.seconds
        spread = {"mean": sum(took) / len(took), "fastest": min(took), "slowest": max(took)} if took else {}
        return {
            "labelled": self.labelled,
            "failures": self.failures,
            "unreached": self.unreached,
            "interrupted": self.interrupted,
            "seconds_per_frame": {name: round(value, 3) for name, value in spread.items()},
        }


def label(
    frames: Sequence[Atoms],
    settings: LabelSettings,
    keep: Callable[[Atoms], None],
    progress: Callable[[str], None] | None = None,
    calculator: Calculator | None = None,
) -> list[dict[str, Any]]:
    """Label frames with energy, forces and, where the calculator has it and the cell is periodic, stress.

    Parameters
    ----------
    keep : callable
        Gets every labelled frame, with the origin it came with, as soon as it is made.
    progress : callable, optional
        Gets a line of text after every frame.
    calculator : Calculator, optional
        In place of the one that ``settings`` names.

    Returns
    -------
    failures : list of dict
        ``id``, ``index``, ``kind`` and ``reason`` of every frame that could not be labelled.

    Raises
    ------
    InputError, MissingExtraError
        If there is no frame, no such engine or calculator, or settings contradict a frame; never because a label failed.
    """
    return run_labels(frames, settings, keep, progress=progress, calculator=calculator).failures


def run_labels(
    frames: Sequence[Atoms],
    settings: LabelSettings,
    keep: Callable[[Atoms], None],
    *,
    indices: Sequence[int] | None = None,
    remedy: str | None = None,
    deadline: LabelDeadline | None = None,
    folder: Path | None = None,
    begin: Callable[[int, Atoms], None] | None = None,
    failed: Callable[[list[dict[str, Any]]], None] | None = None,
    progress: Callable[[str], None] | None = None,
    calculator: Calculator | None = None,
) -> LabelReport:
    """Label frames until they are done or time runs out.

    Parameters
    ----------
    frames, settings, keep, progress, calculator
        As :func:`label`.
    indices : sequence of int, optional
        Which of the frames, in this order; but those that have a checkpoint come first.
    remedy : str, optional
        Name of a remedy of the calculator to label with.
    deadline : LabelDeadline, optional
        When to stop.
    folder : Path, optional
        Where the program's files go, and checkpoints are; a temporary folder if it is not given.
    begin : callable, optional
        Gets index and frame before a frame is begun.
    failed : callable, optional
        Gets all records of failures after each new one.

    Raises
    ------
    InputError, MissingExtraError
        As :func:`label`; and if an index or the remedy does not exist.
    """
    indices = _indices(indices, len(frames))
    if settings.engine != "ase":
        raise unknown("label engine", settings.engine, ["ase"])
    parameters = configured(settings, remedy)
    check_frames(parameters, [frames[index] for index in indices], settings, indices)
    deadline = deadline or LabelDeadline()
    report = LabelReport()
    with contextlib.ExitStack() as stack:
        folder = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        indices = sorted(indices, key=lambda index: not list((folder / CHECKPOINT).glob(f"{frame_id(frames[index])}.*")))
        maker = _Maker(parameters, calculator)
        stack.callback(maker.close)
        position = 0
        try:
            for position, index in enumerate(indices):
                frame = frames[index]
                if not deadline.fits(len(frame)):
                    report.unreached = list(indices[position:])
                    break
                report.interrupted = index
                with deadline.undisturbed():
                    if begin:
                        begin(index, frame)
                work = Work(folder, frame_id(frame), folder / CHECKPOINT, deadline)
                _one(frame, index, maker, settings, work, report, keep, failed, remedy)
                if progress:
                    count = f"{position + 1}/{len(indices)} frames, {len(report.failures)} failed"
                    progress(f"label: {count}, {report.seconds[-1]:.2f} s")
        except OutOfTime:
            begun = position + (report.interrupted is not None or report.labelled + len(report.failures) > position)
            report.unreached = list(indices[begun:])
    return report


def _one(
    frame: Atoms,
    index: int,
    maker: _Maker,
    settings: LabelSettings,
    work: Work,
    report: LabelReport,
    keep: Callable[[Atoms], None],
    failed: Callable[[list[dict[str, Any]]], None] | None,
    remedy: str | None,
) -> None:
    """Label one frame, and keep what came of it."""
    assert work.deadline is not None
    began = time.perf_counter()
    failure, labelled = None, None
    try:
        labelled = label_frame(
            frame,
            maker.get(frame, settings, work),
            settings.largest_force,
            parameters=maker.parameters if maker.ours else None,
            moments=settings.moments,
            largest_moment_change=settings.largest_moment_change,
        )
    except Exception as error:  # whatever an engine raises is this frame's failure, kept with its kind and reason
        failure = error
    seconds = time.perf_counter() - began
    with work.deadline.undisturbed():
        report.interrupted = None
        work.deadline.took(len(frame), seconds)
        report.seconds.append(seconds)
        if labelled is not None:
            how = {"remedy": remedy, "seconds": round(seconds, 3), "cores": maker.parameters.cores(), **work.notes}
            labelled.info["origin"] = {**labelled.info.get("origin", {}), "label": how}
            report.labelled += 1
            keep(labelled)
        else:
            assert failure is not None
            kind, reason = classify(failure)
            report.failures.append(record(frame, index, kind, reason, seconds=round(seconds, 3)))
            if failed:
                failed(report.failures)
        maker.after(isinstance(failure, LabelError) or failure is None)
        for path in work.checkpoint.glob(f"{work.name}.*") if work.checkpoint else ():
            path.unlink()


class _Maker:
    """Hands out the calculator: one for all frames, or one for each."""

    def __init__(self, parameters: CalculatorParameters, calculator: Calculator | None) -> None:
        self.parameters, self.ours = parameters, calculator is None
        self._current = calculator

    def get(self, frame: Atoms, settings: LabelSettings, work: Work) -> Calculator:
        """Return the calculator for a frame."""
        if self._current is None:
            self._current = make(self.parameters, bare(frame, settings.moments), work)
        return self._current

    def after(self, sound: bool) -> None:
        """Forget what must not reach the next frame: all of it if the calculator is not reusable or has failed."""
        if self._current is None:
            return
        if not self.ours:
            if not sound:
                self._current.reset()
        elif not (self.parameters.reusable and sound):
            self.close()

    def close(self) -> None:
        """End what the calculator holds open."""
        if self.ours and self._current is not None:
            self.parameters.close(self._current)
            self._current = None


def _indices(indices: Sequence[int] | None, count: int) -> list[int]:
    if not count or (indices is not None and not len(indices)):
        raise InputError("label: expected at least one frame, got none")
    wanted = list(range(count)) if indices is None else [int(index) for index in indices]
    wrong = [index for index in wanted if not 0 <= index < count]
    if wrong:
        raise InputError(f"label: indices: expected 0 to {count - 1}, got {wrong[0]}")
    if len(set(wanted)) < len(wanted):
        raise InputError("label: indices: expected each index once")
    return wanted
