"""Fit an ensemble in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from alworkflows.models.batches import FrameSource
from alworkflows.models.ensemble import Ensemble
from alworkflows.models.linear.fitting import Fit
from alworkflows.settings import ModelSettings

__all__ = ["train"]


def train(
    frames: FrameSource,
    settings: ModelSettings,
    species: Sequence[str],
    seed: int,
    progress: Callable[[str], None] | None = None,
    **more: Any,
) -> tuple[Ensemble, dict[str, Any]]:
    """Return an ensemble whose member k left out fold k, and a report; further arguments are those of :class:`Fit`.

    Raises
    ------
    InputError
        If a frame lacks what is fitted, or there are too few frames for members to differ.
    TimeIsUp
        If there is a deadline, and it came first.
    """
    fit = Fit(frames, settings, species, seed, progress=progress, **more)
    ensemble = fit.ensemble()
    report = {**fit.report, **ensemble.report}
    if progress:
        progress(
            f"{report['frames']} frames, {max(report['terms'])} terms, held-out force error {report['held_out_rmse']:.4f} eV/A"
        )
    return ensemble, report
