"""Criteria: what makes a frame worth a label. A new one is one function and one entry.

Contract: a criterion gets what is known of the frames (:class:`Known`) and returns one score for each, finite, the highest the
first to be labelled. Equal scores are ranked by the frames' order, which is a seeded one; so a criterion draws no random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from alworkflows.errors import InputError
from alworkflows.selection.duplicates import distances
from alworkflows.settings import Criterion

__all__ = ["CRITERIA", "Known", "Ranking", "Scores"]


@dataclass(frozen=True)
class Scores:
    """What the verb ``describe`` found of F candidates, from an ensemble of species S.

    ``disagreement`` (F,), eV/A: largest over the atoms; ``element_disagreement`` (F, S), eV/A: over the atoms of each species,
    NaN where there are none; ``grade`` (F,): largest extrapolation grade of an atom. None: not asked for.
    """

    disagreement: np.ndarray
    element_disagreement: np.ndarray | None = None
    grade: np.ndarray | None = None

    def of(self, indices: np.ndarray) -> Scores:
        """Return those of some candidates."""
        values = (getattr(self, item.name) for item in fields(self))
        return Scores(*(None if value is None else value[indices] for value in values))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Known:
    """What is known of the frames to rank.

    ``scores``: by the ensemble, None without one; ``points`` (F, D) and ``known`` (K, D): standardised fingerprints of the frames
    and of the data set.
    """

    scores: Scores | None
    points: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class Ranking:
    """A criterion.

    ``score``: the function; ``told``: how a score is told (``{score}``); ``needs_ensemble``: without one it has nothing to say;
    ``spread``: whether a rule of diversity follows - not for the control, which is to be as random as it says.
    """

    score: Callable[[Known], np.ndarray]
    told: str
    needs_ensemble: bool = True
    spread: bool = True


def disagreement(known: Known) -> np.ndarray:
    """Return the largest disagreement over the atoms, eV/A."""
    assert known.scores is not None  # criteria that need an ensemble are not asked without one
    return np.asarray(known.scores.disagreement)


def element_disagreement(known: Known) -> np.ndarray:
    """Return the disagreement of each species over its median among the frames, the largest over the species.

    Without a scale of its own, a species with stiff bonds and large forces would decide alone.
    """
    assert known.scores is not None
    values = _given(known.scores.element_disagreement, "element-disagreement")
    scale = np.array([np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 1.0 for column in values.T])
    scaled = values / np.where(scale > 0, scale, 1.0)
    return np.where(np.isfinite(scaled), scaled, 0.0).max(axis=1, initial=0.0)


def grade(known: Known) -> np.ndarray:
    """Return the extrapolation grade: above one, an atom lies outside what the training atoms span."""
    assert known.scores is not None
    return _given(known.scores.grade, "grade")


def distance(known: Known) -> np.ndarray:
    """Return the distance to the nearest frame of the data set, in standard deviations of the fingerprint; zero without one."""
    return distances(known.points, known.known) if len(known.known) else np.zeros(len(known.points))


def random(known: Known) -> np.ndarray:
    """Return the same score for all: the seeded order decides."""
    return np.zeros(len(known.points))


def _given(values: np.ndarray | None, name: str) -> np.ndarray:
    if values is None or (len(values) and np.isnan(values).reshape(len(values), -1).all(axis=1).any()):
        raise InputError(f"selection: the criterion '{name}' expects a number for each candidate with a valid geometry, got NaN")
    return np.asarray(values)


CRITERIA: dict[Criterion, Ranking] = {
    Criterion.DISAGREEMENT: Ranking(disagreement, "disagreement {score:.3g} eV/A"),
    Criterion.ELEMENT_DISAGREEMENT: Ranking(element_disagreement, "disagreement of a species {score:.3g} times its median"),
    Criterion.GRADE: Ranking(grade, "extrapolation grade {score:.3g}"),
    Criterion.DISTANCE: Ranking(distance, "distance {score:.3g} from the data set", needs_ensemble=False),
    Criterion.RANDOM: Ranking(random, "at random", needs_ensemble=False, spread=False),
}
