"""The whole decision about one iteration's candidates, as one pure function of stored inputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from alworkflows.errors import InputError
from alworkflows.selection.criteria import Known, Scores
from alworkflows.selection.duplicates import DUPLICATE, distances, distinct, standardise
from alworkflows.selection.ranking import rank
from alworkflows.selection.trust_levels import Level, classify, count
from alworkflows.settings import Criterion, Diversity, SelectionSettings

__all__ = ["Choice", "Selection", "select"]


@dataclass(frozen=True)
class Choice:
    """One frame to label, and why: the note it carries into its lineage.

    Attributes
    ----------
    index
        Position among the candidates.
    use
        ``train`` or ``test``.
    criterion
        What ranked it: the name of the criterion, ``diversity`` before there is an ensemble to ask, ``random`` for test frames.
    score
        What the criterion gave it; None where nothing was asked.
    rank
        Its place by score among the frames that could be chosen, from 1; None where nothing was asked.
    diversity
        The rule that picked it among those of the highest rank; ``none`` if the rank alone did.
    level
        Accurate, candidate or failed.
    disagreement
        In eV/A; None without an ensemble.
    window
        Lower and upper trust level in eV/A; None without levels.
    reason
        The same as a sentence.

    """

    index: int
    use: str
    criterion: str
    score: float | None
    rank: int | None
    diversity: str
    level: str
    disagreement: float | None
    window: tuple[float, float] | None
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return the note as plain JSON types, without the index, which means nothing outside the list of candidates."""
        note = {key: value for key, value in asdict(self).items() if key != "index"}
        return {**note, "window": list(self.window) if self.window else None}


@dataclass(frozen=True)
class Selection:
    """What was decided, and why.

    Attributes
    ----------
    chosen
        Frames to label and train on, in the order they were picked.
    test
        Frames to label and never train on, in the order of the candidates.
    levels
        (F,) names: accurate, candidate, failed or refused.
    counts
        Frames of each level; ``valid`` are those not refused; ``known`` those left out because the data set, or an earlier
        candidate, is the same; ``chosen`` and ``test``.
    window
        Lower and upper trust level in eV/A; None without levels.
    criterion, diversity
        What ranked, and what picked among those of the highest rank.

    """

    chosen: list[Choice]
    test: list[Choice]
    levels: list[str]
    counts: dict[str, int]
    window: tuple[float, float] | None
    criterion: str
    diversity: str

    @property
    def strategy(self) -> str:
        """Both as one text."""
        return ", ".join(dict.fromkeys(name for name in (self.criterion, self.diversity) if name != Diversity.NONE))

    @property
    def accurate_share(self) -> float:
        """Share of the geometry-valid frames on which the ensemble agrees; 0 if there are none."""
        return self.counts[Level.ACCURATE] / self.counts["valid"] if self.counts["valid"] else 0.0

    def summary(self) -> dict[str, Any]:
        """Return the decision as plain JSON types."""
        return {
            "strategy": self.strategy,
            "criterion": self.criterion,
            "diversity": self.diversity,
            "window": list(self.window) if self.window else None,
            "counts": self.counts,
            "accurate_share": self.accurate_share,
            "levels": self.levels,
            "chosen": [{"index": choice.index, "reason": choice.reason} for choice in self.chosen],
            "test": [{"index": choice.index, "reason": choice.reason} for choice in self.test],
        }


def select(
    ids: Sequence[str],
    scores: Scores | None,
    refused: Sequence[str | None],
    fingerprints: np.ndarray,
    known_fingerprints: np.ndarray,
    known_ids: Collection[str],
    settings: SelectionSettings,
    window: tuple[float, float] | None,
    budget: int,
    seed: int,
) -> Selection:
    """Choose which candidates are labelled.

    1. Every frame gets its level: refused for its geometry, else by its disagreement and the window.
    2. Frames the data set knows (by id, or by a fingerprint that is the same), and repeats among the candidates, are left out.
    3. The test set is drawn first: ``test_share`` of all that is left, accurate and failed frames included, because a test set is
       honest only if it follows the sampler's own distribution and not the ensemble's opinion. Never trained on.
    4. Of the remaining frames within the window, none the same as a test frame or another, the criterion ranks, and the rule of
       diversity picks the ``budget`` among ``pool`` times as many of the highest rank. While there is no ensemble, a criterion
       that needs one ranks none, and the rule picks among all.

    The result depends on the seed and on the set of candidates, not on the order they come in.

    Parameters
    ----------
    ids, known_ids
        Identities of the candidates, and of all frames labelled already (trained on or not).
    scores
        What the ensemble makes of the candidates, NaN allowed for refused frames; None if there is no ensemble yet.
    refused
        (F,) why the geometry filter refused a frame; None or empty for a valid one.
    fingerprints, known_fingerprints
        (F, D) of the candidates, and (K, D) of the frames labelled already, from :func:`~alworkflows.selection.fingerprints`.
    window
        Lower and upper trust level, disagreements in eV/A; None: every valid frame may be chosen.
    budget
        Most frames to choose; zero: a test set alone.

    Raises
    ------
    InputError
        If the lengths differ, the levels are the wrong way round, or a valid frame lacks a number that the criterion ranks by.

    """
    bad = np.array([bool(reason) for reason in refused], dtype=bool)
    disagreement = None if scores is None else np.asarray(scores.disagreement, dtype=float)
    fingerprints, known = _checked(ids, disagreement, bad, fingerprints, known_fingerprints, budget)
    if window is not None and not 0 <= window[0] < window[1]:
        raise InputError(f"selection: expected a lower trust level below the upper one, got {window[0]:g} and {window[1]:g} eV/A")
    levels = classify(disagreement, bad, window)

    # candidates in an order that follows from the seed and the ids alone
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.argsort(np.asarray(ids, dtype=str), kind="stable"))
    valid = order[~bad[order]]
    points, known = standardise(fingerprints[valid], known)
    fresh = _fresh([ids[index] for index in valid], set(known_ids), points, known)

    test, rest = _draw_test(fresh, settings.test_share)
    inside = np.array([i for i in rest if levels[valid[i]] is Level.CANDIDATE], dtype=int)
    # a pick that equals a test frame would leak it into training
    inside = inside[distances(points[inside], points[test]) > DUPLICATE]
    inside = inside[distinct(points[inside])]
    ranked = rank(Known(None if scores is None else scores.of(valid[inside]), points[inside], known), settings, budget)

    def fate(index: int) -> dict[str, Any]:
        value = None if disagreement is None else float(disagreement[index])
        return {"index": index, "level": str(levels[index]), "disagreement": value, "window": window}

    chosen = []
    for place in range(len(ranked.picked)):
        facts = fate(int(valid[inside[ranked.index(place)]]))
        chosen.append(Choice(use="train", **facts, **ranked.why(place, facts["disagreement"], window)))
    drawn: dict[str, Any] = {
        "criterion": str(Criterion.RANDOM),
        "score": None,
        "rank": None,
        "diversity": str(Diversity.NONE),
        "reason": f"test set: random share {settings.test_share:g} of {len(fresh)} valid candidates",
    }
    tests = [Choice(use="test", **fate(index), **drawn) for index in sorted(valid[test].tolist())]
    counts = {
        **count(levels),
        "valid": len(valid),
        "known": len(valid) - len(fresh),
        "chosen": len(chosen),
        "test": len(tests),
    }
    return Selection(chosen, tests, [str(level) for level in levels], counts, window, ranked.criterion, ranked.diversity)


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
    lengths = {"refused": len(refused), "fingerprints": len(fingerprints)}
    if disagreement is not None:
        lengths["disagreement"] = len(disagreement)
    for name, length in lengths.items():
        if length != total:
            raise InputError(f"selection: expected {name} of {total} candidates, got {length}")
    if budget < 0:
        raise InputError(f"selection: expected a budget of zero frames or more, got {budget}")
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
