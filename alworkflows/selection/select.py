"""The whole decision about one iteration's candidates, as one pure function of stored inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from alworkflows.errors import InputError
from alworkflows.selection.diversity import DUPLICATE, distances, standardise
from alworkflows.selection.levels import Level, classify, count, resolve
from alworkflows.selection.strategies import STRATEGIES, Pool
from alworkflows.settings import SelectionSettings

__all__ = ["Selection", "select"]


@dataclass(frozen=True)
class Selection:
    """What was decided, and why.

    Attributes
    ----------
    chosen
        Indices of the frames to label and train on, in the order they were picked.
    chosen_reasons
        Why, one a chosen frame: criterion, level, value.
    test
        Indices of the frames to label and never train on, ascending.
    test_reasons
        One a test frame.
    levels
        (F,) names: accurate, candidate, failed or refused.
    counts
        Frames of each level; ``known`` counts those left out because the data set, or an earlier candidate, is the same.
    window
        Lower and upper trust level in eV/A; None without an ensemble.
    strategy
        Name of the strategy that picked.

    """

    chosen: list[int]
    chosen_reasons: list[str]
    test: list[int]
    test_reasons: list[str]
    levels: list[str]
    counts: dict[str, int]
    window: tuple[float, float] | None
    strategy: str

    def to_dict(self) -> dict[str, Any]:
        """Return the selection as plain JSON types."""
        stored = asdict(self)
        stored["window"] = list(self.window) if self.window else None
        return stored

    @property
    def accurate_share(self) -> float:
        """Share of the geometry-valid frames on which the ensemble agrees; 0 if there are none."""
        valid = len(self.levels) - self.counts[Level.REFUSED]
        return self.counts[Level.ACCURATE] / valid if valid else 0.0


def select(
    ids: Sequence[str],
    disagreement: np.ndarray | None,
    reasons: Sequence[str | None],
    fingerprints: np.ndarray,
    known: np.ndarray,
    known_ids: Sequence[str],
    settings: SelectionSettings,
    budget: int,
    reference: float | None,
    seed: int,
) -> Selection:
    """Choose which candidates are labelled.

    1. Every frame gets its level: refused for its geometry, else by its disagreement.
    2. Frames the data set knows (by id, or by a fingerprint that is the same), and repeats among the candidates, are left out.
    3. The test set is drawn first: ``test_share`` of all that is left, accurate and failed frames included, because a test set is
       honest only if it follows the sampler's own distribution and not the ensemble's opinion. Never trained on.
    4. Of the remaining frames within the trust window a strategy picks the ``budget``: diversity alone while there is no
       ensemble, afterwards diversity among the most uncertain.

    The result depends on the seed and on the set of candidates, not on the order they come in.

    Parameters
    ----------
    ids, known_ids
        Identities of the candidates, and of all frames labelled already (trained on or not).
    disagreement
        (F,) in eV/A, NaN allowed for refused frames only; None if there is no ensemble yet.
    reasons
        (F,) why the geometry filter refused a frame; None or empty for a valid one.
    fingerprints, known
        (F, D) of the candidates, and (K, D) of the frames trained on, from :func:`~alworkflows.selection.fingerprints`.
    budget
        Most frames to choose.
    reference
        The ensemble's reference disagreement in eV/A, for relative trust levels.

    Raises
    ------
    InputError
        If the lengths differ, a valid frame has no finite number, or relative levels have no reference.

    """
    refused = np.array([bool(reason) for reason in reasons], dtype=bool)
    fingerprints, known = _checked(ids, disagreement, refused, fingerprints, known, budget)
    window = None if disagreement is None else resolve(settings.levels, reference)
    levels = classify(disagreement, refused, window)

    # candidates in an order that follows from the seed and the ids alone
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.argsort(np.asarray(ids, dtype=str), kind="stable"))
    valid = np.array([index for index in order if not refused[index]], dtype=int)
    points, known = standardise(fingerprints[valid], known)
    fresh = _fresh([ids[index] for index in valid], set(known_ids), points, known)
    repeated = len(valid) - len(fresh)

    test, rest = _draw_test(fresh, settings.test_share)
    window_members = np.array([i for i in rest if levels[valid[i]] is Level.CANDIDATE], dtype=int)
    # a pick that equals a test frame would leak it into training
    window_members = window_members[distances(points[window_members], points[test]) > DUPLICATE]
    strategy = "diverse" if disagreement is None else "diverse-among-uncertain"
    pool = Pool(
        fingerprints=points[window_members],
        known=known,
        disagreement=None if disagreement is None else np.asarray(disagreement, dtype=float)[valid[window_members]],
        window=window,
        widen=settings.pool,
    )
    picks = STRATEGIES[strategy](pool, budget)
    drawn = sorted(int(valid[i]) for i in test)
    return Selection(
        chosen=[int(valid[window_members[pick.index]]) for pick in picks],
        chosen_reasons=[pick.reason for pick in picks],
        test=drawn,
        test_reasons=[f"test set: random share {settings.test_share:g} of {len(fresh)} valid candidates"] * len(drawn),
        levels=[str(level) for level in levels],
        counts={**count(levels), "known": repeated},
        window=window,
        strategy=strategy,
    )


def _checked(
    ids: Sequence[str],
    disagreement: np.ndarray | None,
    refused: np.ndarray,
    fingerprints: np.ndarray,
    known: np.ndarray,
    budget: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return both fingerprints as two-dimensional floats of one width, after every check of the inputs."""
    fingerprints, known = np.asarray(fingerprints, dtype=float), np.asarray(known, dtype=float)
    total = len(ids)
    lengths = {"geometry reasons": len(refused), "fingerprints": len(fingerprints)}
    if disagreement is not None:
        lengths["disagreement"] = len(disagreement)
    for name, length in lengths.items():
        if length != total:
            raise InputError(f"selection: expected {name} of {total} candidates, got {length}")
    if budget < 1:
        raise InputError(f"selection: expected a budget of one frame or more, got {budget}")
    if total and fingerprints.ndim != 2:
        raise InputError(f"selection: expected fingerprints of shape (F, D), got {fingerprints.shape}")
    fingerprints = fingerprints.reshape(total, -1) if total else fingerprints.reshape(0, known.shape[1] if known.ndim == 2 else 0)
    if not known.size:
        known = np.zeros((0, fingerprints.shape[1]))
    if known.ndim != 2 or known.shape[1] != fingerprints.shape[1]:
        raise InputError(f"selection: expected known fingerprints of {fingerprints.shape[1]} columns, got shape {known.shape}")
    if not np.isfinite(known).all():
        raise InputError("selection: expected finite known fingerprints, got NaN or infinity")
    valid = ~refused
    bad = np.flatnonzero(valid & ~np.isfinite(fingerprints).all(axis=1))
    if len(bad):
        raise InputError(
            f"selection: expected finite fingerprints, got NaN or infinity in {len(bad)} frames (first: {ids[bad[0]]})"
        )
    if disagreement is not None:
        values = np.asarray(disagreement, dtype=float)
        bad = np.flatnonzero(valid & (np.isnan(values) | (values < 0)))
        if len(bad):
            raise InputError(f"selection: expected disagreements of zero or more, got {values[bad[0]]} for frame {ids[bad[0]]}")
    return fingerprints, known


def _fresh(ids: list[str], known_ids: set[str], points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the indices of frames that are not in the data set, and not the repeat of an earlier candidate's id."""
    distinct = distances(points, known) > DUPLICATE
    seen = set(known_ids)
    fresh = []
    for index, identity in enumerate(ids):
        if distinct[index] and identity not in seen:
            fresh.append(index)
        seen.add(identity)
    return np.array(fresh, dtype=int)


def _draw_test(fresh: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Split frames that come in random order into the test set and the rest; a share above zero draws at least one of two."""
    size = round(share * len(fresh))
    if share > 0 and len(fresh) > 1:
        size = max(size, 1)
    return fresh[:size], fresh[size:]
