"""Fit an ensemble in one call: each group of members by the trainer of its class."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from alworkflows.deadline import Deadline
from alworkflows.errors import InputError
from alworkflows.models.batches import Batches, FrameSource, Joined
from alworkflows.models.contract import Job, TrainingData
from alworkflows.models.ensemble import Ensemble
from alworkflows.models.fitted import FittedGroup, ensemble_of
from alworkflows.models.registry import MODELS
from alworkflows.models.sample import Checked, Sample
from alworkflows.models.scrutiny import scrutinise
from alworkflows.settings import GroupSettings, LinearSettings, ModelSettings

__all__ = ["train"]


def train(
    frames: FrameSource,
    settings: ModelSettings | GroupSettings | Sequence[GroupSettings],
    species: Sequence[str],
    seed: int,
    progress: Callable[[str], None] | None = None,
    *,
    tests: Mapping[str, FrameSource] | None = None,
    transfers: Mapping[str, FrameSource] | None = None,
    references: Sequence[Atoms] = (),
    cache: Any = "default",
    checkpoint: Path | None = None,
    deadline: Deadline | None = None,
) -> tuple[Ensemble, dict[str, Any]]:
    """Return an ensemble, and a report: that of the ensemble (see :func:`.fitted.ensemble_of`) and how each group's fit went.

    Parameters
    ----------
    frames, tests, transfers, references
        See :class:`.contract.TrainingData`.
    settings
        Of the ensemble, or of its one group, or of its groups.
    species
        Chemical symbols.
    seed
        Of all that is drawn.
    progress, cache, checkpoint, deadline
        See :class:`.contract.Job`; each group has a folder of its own in the checkpoint.

    Raises
    ------
    InputError
        If a frame lacks what is fitted, or there are too few frames for members to differ.
    MissingExtraError
        If a group runs on a package that is not installed.
    TimeIsUp
        If there is a deadline, and it came first.
    """
    if isinstance(settings, GroupSettings):
        settings = [settings]
    groups = settings.groups if isinstance(settings, ModelSettings) else tuple(settings)
    trained = [group for group in groups if group.is_trained]
    if len(trained) > 1 and Batches(frames, "training frames").once:
        raise InputError("training frames: expected frames that can be gone through again, as several groups are fitted")
    say = progress or (lambda line: None)
    data = TrainingData(frames, tests or {}, transfers or {}, references)
    trainers = []
    for number, group in enumerate(groups):
        trainer = MODELS[group.class_].trainer(group, species, seed)
        folder = checkpoint / f"group_{number}" if checkpoint else None
        trainers.append(trainer.fit(data, Job(say, cache, folder, deadline or Deadline())))
    began = time.monotonic()
    seen = scrutinise(trainers, species, *_to_look_at(data), Job(say, deadline=deadline or Deadline()))
    seconds = round(time.monotonic() - began, 3)
    fitted = [
        FittedGroup(group.class_, trainer.models_, trainer.report_, trainer.left_out_)
        for group, trainer in zip(groups, seen.trainers, strict=True)
    ]
    courses = [trainer.course_ for trainer in seen.trainers]
    sample = None
    if trained:
        count = next(group.report["frames"] for group, asked in zip(fitted, groups, strict=True) if asked.is_trained)
    else:
        count, sample = _unseen(frames, seed)
    ensemble = ensemble_of(fitted, count, sample)
    ensemble.report["outliers"] = seen.as_dict()
    groups_report = [{**course, **rest} for course, rest in zip(courses, ensemble.report["groups"], strict=True)]
    report = {**ensemble.report, "groups": groups_report, "seconds_outliers": seconds}
    if progress:
        progress(_summary(report, any(is_weighted(group) for group in groups)))
    return ensemble, report


def _to_look_at(data: TrainingData) -> tuple[Batches, Batches]:
    """Return the training frames, and all test frames one set after the other."""
    tests = [Batches(source, "test frames") for source in data.tests.values()]
    return Batches(data.frames, "training frames"), Joined(tests, "test frames")


def _unseen(frames: FrameSource, seed: int) -> tuple[int, list[Atoms]]:
    """Return the number of frames, and a sample of them: where nothing is fitted, nobody saw any."""
    sample = Sample(seed, folds=1, members=1)
    checked = Checked(Batches(frames, "frames"), ("forces",), sample)
    for _ in checked:
        pass
    if not checked.frames:
        raise InputError("frames: expected at least one frame, got none")
    return checked.frames, sample.frames()


def is_weighted(group: GroupSettings) -> bool:
    """Return whether the held-out error of a group is of weighted rows of several kinds, and not of forces."""
    return isinstance(group, LinearSettings) and group.fit.quantities != ("forces",)


def _summary(report: dict[str, Any], weighted: bool) -> str:
    terms = f" {max(report['terms'])} terms," if "terms" in report else ""
    error, kind = report["held_out_rmse"], "error of the weighted rows" if weighted else "force error"
    return f"{report['frames']} frames,{terms} held-out {kind} " + ("not known" if error is None else f"{error:.4f} eV/A")
