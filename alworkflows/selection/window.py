"""The trust window of one iteration: two disagreements, and the errors they stand for.

Levels of kind *calibrated* are errors, turned into disagreements by what the random test frames show (see
:mod:`~alworkflows.selection.calibration`). The two are asked different questions:

lower
    A frame below it is called accurate, and nobody looks again: the error must be small with near certainty. It is the largest
    disagreement whose *bound* (``coverage`` of frames) is the lower error; by default ``SHARE`` of the RMS force component of the
    stage.
upper
    A frame above it is thrown away, and a run ends there: the error must be expected to be that large. It is the disagreement
    whose *expected* error is the upper error; by default the largest force on the stage's test frames. A prediction that wrong
    holds no information: that of no force at all would be as good. Until the stage has test frames of its own, the largest force
    on those of all stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from alworkflows.errors import InputError
from alworkflows.frame_errors import FrameErrors
from alworkflows.selection.calibration import Calibration, Points, Quality, calibrate, describe, quality
from alworkflows.settings import LevelKind, TrustLevels
from alworkflows.settings.selection import DEFAULTS

__all__ = ["TestBatch", "Window", "find_window"]

#: the lower error over the RMS force component: the largest error of some fifty atoms is three to four times their RMS error
SHARE = 0.25
#: test frames of its own from which a stage knows its forces, and from which it has a calibration of its own
KNOWN, OWN = 2, 8
#: points on the curve that is handed over, and how far it goes beyond the frames and levels (ratio)
CURVE, BEYOND = 48, 1.5
#: significant digits of what is handed over to be looked at
DIGITS = 4


@dataclass(frozen=True)
class TestBatch:
    """The test frames of one iteration.

    ``stage``: whose sampler made them; ``errors``: as a fit's report holds them.
    """

    __test__ = False  # pytest takes its name for a test's

    stage: str
    errors: FrameErrors

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.errors)


@dataclass(frozen=True)
class Window:
    """The trust window of one iteration.

    Attributes
    ----------
    kind
        ``calibrated``, ``relative`` or ``absolute``: how the levels came about, which need not be what was asked for.
    lower, upper
        Disagreements, eV/A.
    lower_error, upper_error
        The errors they stand for, eV/A: the bound at the lower, the expected error at the upper; None without a calibration.
    calibration
        What the test frames show: see :func:`find_window`.
    sentence
        What the levels are, and why.
    """

    kind: str
    lower: float
    upper: float
    lower_error: float | None
    upper_error: float | None
    calibration: dict[str, Any]
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)


def find_window(levels: TrustLevels, reference: float | None, batches: Sequence[TestBatch], stage: str) -> Window:
    """Return the trust window for a stage.

    ``calibration`` of the result: ``n`` frames it rests on, ``scope`` (``stage``, ``all`` or ``none``), ``rank_correlation``,
    ``coverage`` found on ``coverage_n`` frames (``checked_on``: ``newest`` or ``cross-validation``) against ``stated_coverage``,
    ``factor``, ``points`` ([disagreement, error, stage] of all test frames), ``curve`` ([disagreement, expected, bound]),
    ``sentence``.

    Parameters
    ----------
    levels
        As the campaign gives them.
    reference
        The ensemble's reference disagreement (median over held-out frames), eV/A; for relative levels, also where calibrated ones
        have no test frame to rest on.
    batches
        Test frames of all iterations, the newest last, judged by the ensemble the window is for.
    stage
        Whose candidates are to be judged.

    Raises
    ------
    InputError
        If the levels are the wrong way round, or relative levels meet an ensemble without a usable reference.
    """
    used, is_own = _used(batches, stage)
    calibration = calibrate(*_points(used), levels.coverage)
    scope = "none" if calibration is None else "stage" if is_own else "all"
    errors = _errors(levels, batches, stage) if levels.kind is LevelKind.CALIBRATED and calibration is not None else None
    if errors is not None and calibration is not None:
        kind = LevelKind.CALIBRATED
        lower, upper = calibration.level(errors[0]), calibration.level_expected(errors[1])
        where = "of this stage" if is_own else "of all stages"
        sentence = (
            f"from {calibration.n} test frames {where}: below a disagreement of {lower:.3g} eV/A, {levels.coverage:.0%} of "
            f"frames have no force error above {errors[0]:.3g} eV/A ({errors[2]}); above {upper:.3g} eV/A an error of "
            f"{errors[1]:.3g} eV/A is to be expected ({errors[3]})"
        )
        if errors[0] >= errors[1] or lower >= upper:
            raise InputError(
                f"trust levels the wrong way round: the lower, an error of {errors[0]:.3g} eV/A ({errors[2]}) that "
                f"{levels.coverage:.0%} of frames stay below, is a disagreement of {lower:.3g} eV/A, and the upper, an expected "
                f"error of {errors[1]:.3g} eV/A ({errors[3]}), one of {upper:.3g} eV/A; lower 'lower' or raise 'upper' under "
                "selection.levels"
            )
        if sum(len(batch) for batch in batches if batch.stage == stage) < KNOWN:
            # what other stages show may be wrong by far here, and a frame that counts as accurate is not looked at again
            lower = 0.0
            sentence = (
                f"no frame counts as accurate before this stage has {KNOWN} test frames; from {calibration.n} of other stages: "
                f"above {upper:.3g} eV/A an error of {errors[1]:.3g} eV/A is to be expected ({errors[3]})"
            )
    else:
        kind, lower, upper, sentence = _plain(levels, reference)
    return Window(
        kind=str(kind),
        lower=lower,
        upper=upper,
        lower_error=None if calibration is None else float(calibration.bound(lower)),
        upper_error=None if calibration is None else float(calibration.expected(upper)),
        calibration=_record(
            calibration, scope, _judge(batches, stage, levels.coverage), batches, (lower, upper), levels.coverage
        ),
        sentence=sentence,
    )


def _used(batches: Sequence[TestBatch], stage: str) -> tuple[list[TestBatch], bool]:
    """Return the batches to calibrate on, and whether they are the stage's own."""
    of_stage = [batch for batch in batches if batch.stage == stage]
    is_own = sum(map(len, of_stage)) >= OWN
    return (of_stage if is_own else list(batches)), is_own


def _points(batches: Sequence[TestBatch]) -> Points:
    """Return disagreements and errors of all frames."""
    return _column(batches, "disagreement"), _column(batches, "largest_error")


def _column(batches: Sequence[TestBatch], name: str) -> np.ndarray:
    """Return a column of :class:`FrameErrors` over all batches (F,)."""
    return np.concatenate([np.zeros(0), *(batch.errors.column(name) for batch in batches)])


def _judge(batches: Sequence[TestBatch], stage: str, coverage: float) -> Quality:
    """Return how good the calibration is: what the batches before the newest would have said of it, where there are any."""
    used, _ = _used(batches, stage)
    newest = next((batch for batch in reversed(used) if len(batch)), None)
    if newest is None:
        return quality(_points([]), coverage)
    earlier, _ = _used([batch for batch in batches if batch is not newest], newest.stage)
    return quality(_points(used), coverage, _points(earlier), _points([newest]))


def _errors(levels: TrustLevels, batches: Sequence[TestBatch], stage: str) -> tuple[float, float, str, str] | None:
    """Return both errors (eV/A), and where each is from; None if one is to follow from forces that vanish."""
    by_stage = {name: [b for b in batches if b.stage == name and len(b)] for name in {b.stage for b in batches if len(b)}}
    has_enough = sum(map(len, by_stage.get(stage, []))) >= KNOWN
    others = [by_stage[stage]] if has_enough else list(by_stage.values())
    rms = min(float(np.sqrt(np.average(_column(b, "force_rms") ** 2, weights=_column(b, "atoms")))) for b in others)
    largest = max(float(_column(b, "largest_force").max()) for b in others)
    lower, upper = levels.lower, levels.upper
    if (lower is None and not rms > 0) or (upper is None and not largest > 0):
        return None
    quiet, loud = ("the stage's test frames",) * 2 if has_enough else ("the test frames of the quietest stage", "all test frames")
    return (
        SHARE * rms if lower is None else lower,
        largest if upper is None else upper,
        f"{SHARE:g} of the RMS force on {quiet}" if lower is None else "as stated",
        f"the largest force on {loud}" if upper is None else "as stated",
    )


def _plain(levels: TrustLevels, reference: float | None) -> tuple[LevelKind, float, float, str]:
    """Return kind, levels (eV/A) and a sentence without a calibration."""
    if levels.kind is LevelKind.ABSOLUTE:
        lower, upper = levels.numbers()
        assert lower is not None  # this kind has defaults for both
        assert upper is not None
        return levels.kind, lower, upper, f"disagreements as stated: {lower:.3g} and {upper:.3g} eV/A"
    if reference is None or not np.isfinite(reference) or reference <= 0:
        wanted = (
            "relative trust levels need" if levels.kind is LevelKind.RELATIVE else "no test frame to calibrate on: levels need"
        )
        raise InputError(
            f"{wanted} the ensemble's reference disagreement, a number above zero in eV/A, got {reference}; "
            "give levels of kind 'absolute' instead"
        )
    is_asked = levels.kind is LevelKind.RELATIVE
    low, high = levels.numbers() if is_asked else DEFAULTS[LevelKind.RELATIVE]
    assert low is not None  # this kind has defaults for both
    assert high is not None
    sentence = f"{low:g} and {high:g} times the median disagreement on held-out frames, {reference:.3g} eV/A"
    if not is_asked:
        stated = ", although errors were stated" if levels.lower is not None or levels.upper is not None else ""
        sentence = f"no test frame with a force and an error to calibrate on, so relative levels{stated}: {sentence}"
    return LevelKind.RELATIVE, low * reference, high * reference, sentence


def _record(
    calibration: Calibration | None,
    scope: str,
    quality: Quality,
    batches: Sequence[TestBatch],
    window: tuple[float, float],
    coverage: float,
) -> dict[str, Any]:
    """Return what the test frames show, as plain JSON types."""
    disagreement, error = _points(batches)
    sound = np.isfinite(disagreement) & np.isfinite(error)
    stages = [batch.stage for batch in batches for _ in range(len(batch))]
    at = np.zeros(0)
    if calibration is not None:
        seen = np.array([*disagreement[sound], *window])
        at = np.geomspace(seen[seen > 0].min() / BEYOND, seen.max() * BEYOND, CURVE)
    return {
        "n": 0 if calibration is None else calibration.n,
        "scope": scope,
        "rank_correlation": quality.rank_correlation,
        "coverage": quality.coverage,
        "coverage_n": quality.coverage_n,
        "checked_on": quality.checked_on,
        "stated_coverage": coverage,
        "factor": quality.factor,
        "points": {
            "disagreement": _short(disagreement[sound]),
            "error": _short(error[sound]),
            "stage": [stage for stage, usable in zip(stages, sound, strict=True) if usable],
        },
        "curve": {
            "disagreement": _short(at),
            "expected": _short(at if calibration is None else calibration.expected(at)),
            "bound": _short(at if calibration is None else calibration.bound(at)),
        },
        "sentence": describe(calibration, quality),
    }


def _short(values: np.ndarray) -> list[float]:
    """Return numbers to be looked at."""
    return [float(f"{value:.{DIGITS}g}") for value in values]
