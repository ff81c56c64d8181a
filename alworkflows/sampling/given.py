"""Frames from a user's file: all that a structure names, or a random draw of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.sampling.base import SampleReport, StillKeeper, Task
from alworkflows.settings import FramesSettings

__all__ = ["check", "sample"]


def check(settings: FramesSettings, structure: Atoms | Sequence[Atoms], name: str) -> int:
    """Return how many frames there will be at most."""
    return settings.snapshots if isinstance(structure, Atoms) else min(settings.snapshots, len(structure))


def sample(settings: FramesSettings, structure: Atoms | Sequence[Atoms], task: Task) -> SampleReport:
    """Hand the frames over, in their order.

    Raises
    ------
    InputError
        If there are none.
    """
    frames = [structure] if isinstance(structure, Atoms) else list(structure)
    if not frames:
        raise InputError(f"{task.name}: the sampler 'frames' expected frames, got none")
    chosen = np.arange(len(frames))
    if len(frames) > settings.snapshots:
        chosen = np.sort(np.random.default_rng(task.seed).choice(len(frames), settings.snapshots, replace=False))
    keeper = StillKeeper(task, settings.name)
    for index in chosen.tolist():
        keeper(frames[index], index=index)
    task.say(f"{settings.name} {task.name}: {keeper.frames} of {len(frames)} frames")
    return keeper.report(len(chosen))
