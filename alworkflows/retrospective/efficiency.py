"""Error against the number of labels, for any criterion and rule of diversity, on a set whose labels are all known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from alworkflows.errors import InputError
from alworkflows.retrospective.pool import LabelledSet, PoolModel, Refitter
from alworkflows.selection.criteria import CRITERIA, Scores
from alworkflows.selection.select import select
from alworkflows.settings import Criterion, Diversity, SelectionSettings

__all__ = ["ERRORS", "Comparison", "Curve", "compare", "labels_to_reach", "name_of", "rules", "spend"]

#: errors that are held against the number of labels
ERRORS = ("force_rmse", "force_q999")


@dataclass(frozen=True)
class Curve:
    """One run: after each batch ``labels`` (K,), by name the errors (K,) on held-out frames in eV/A, ``terms`` (K,), models."""

    labels: np.ndarray
    errors: dict[str, np.ndarray]
    terms: np.ndarray
    chosen: list[int]
    models: list[PoolModel] = field(default_factory=list, repr=False)

    def evaluated_on(self, held: LabelledSet, indices: Sequence[int] | None = None) -> Curve:
        """Return the same run judged on other frames, or on some of a set."""
        errors_of_models = [model.errors(held, indices) for model in self.models]
        return replace(self, errors={name: np.array([errors[name] for errors in errors_of_models]) for name in ERRORS})


def spend(
    pool: LabelledSet,
    held: LabelledSet,
    settings: SelectionSettings,
    seed: int,
    start: int,
    step: int,
    most: int,
    say: Callable[[str], None] = lambda message: None,
) -> Curve:
    """Choose frames of a pool batch after batch, as a campaign does, and return the errors of the refitted ensembles.

    The pool's unlabelled frames are the candidates of every iteration. There are no trust levels and no test set: what differs
    between two runs is how they choose. The first batch is chosen without an ensemble.

    Parameters
    ----------
    held
        Frames that are never chosen.
    start, step, most
        Labels of the first batch, of each that follows, and where to stop.
    """
    if not 0 < start <= most or step < 1 or most > len(pool):
        raise InputError(
            f"pool of {len(pool)}: expected a start of at least one label, a step of at least one, and at most as many labels as "
            f"frames, got start {start}, step {step}, most {most}"
        )
    settings = settings.model_copy(update={"test_share": 0.0})
    refitter, scores = Refitter(pool, seed), None
    points: list[tuple[int, dict[str, float], PoolModel]] = []
    while True:
        budget = start if scores is None else min(step, most - len(refitter.chosen))
        batch = _choose(pool, refitter.chosen, settings, scores, budget, seed + 1000 * len(points))
        if not batch:
            break
        refitter.add(batch)
        model = refitter.fit()
        points.append((len(refitter.chosen), model.errors(held), model))
        say(f"{points[-1][0]} labels: " + ", ".join(f"{name} {value:.4f}" for name, value in points[-1][1].items()))
        if len(refitter.chosen) >= most:
            break
        scores = model.scores(pool, refitter.chosen, settings.criterion is Criterion.GRADE)
    return Curve(
        np.array([labels for labels, _, _ in points]),
        {name: np.array([errors[name] for _, errors, _ in points]) for name in ERRORS},
        np.array([model.terms for _, _, model in points]),
        refitter.chosen,
        [model for _, _, model in points],
    )


def _choose(
    pool: LabelledSet, chosen: Sequence[int], settings: SelectionSettings, scores: Scores | None, budget: int, seed: int
) -> list[int]:
    """Return the frames of one batch."""
    left = np.setdiff1d(np.arange(len(pool)), chosen)
    outcome = select(
        ids=[pool.ids[index] for index in left],
        scores=None if scores is None else scores.of(left),
        refused=[None] * len(left),
        fingerprints=pool.fingerprints[left],
        known_fingerprints=pool.fingerprints[list(chosen)],
        known_ids=[],
        settings=settings,
        window=None,
        budget=budget,
        seed=seed,
    )
    return [int(left[choice.index]) for choice in outcome.chosen]


def labels_to_reach(curves: Sequence[Curve], name: str, error: float) -> list[float | None]:
    """Return for each run the labels after which its error is at most ``error`` and stays so, between batches by interpolation.

    None if it never is. An error that falls below and rises again was luck, so the last crossing counts.
    """
    needed: list[float | None] = []
    for curve in curves:
        values, labels = curve.errors[name], curve.labels.astype(float)
        above = np.flatnonzero(values > error)
        if not len(above):
            needed.append(float(labels[0]))
        elif above[-1] == len(values) - 1:
            needed.append(None)
        else:
            last = above[-1]
            share = (values[last] - error) / (values[last] - values[last + 1])
            needed.append(float(labels[last] + share * (labels[last + 1] - labels[last])))
    return needed


def rules(criteria: Sequence[Criterion], diversity: Sequence[Diversity]) -> list[tuple[Criterion, Diversity]]:
    """Return each criterion with each rule of diversity; random, the control, once and first, whether asked for or not."""
    pairs = [(one, other) for one in criteria if CRITERIA[one].spread for other in diversity]
    return [(Criterion.RANDOM, Diversity.NONE), *dict.fromkeys(pairs)]


def name_of(criterion: Criterion, diversity: Diversity) -> str:
    """Return a rule's name."""
    return str(criterion) if not CRITERIA[criterion].spread else f"{criterion}, {diversity}"


@dataclass(frozen=True)
class Comparison:
    """Runs of several rules on one set.

    ``curves``: by the rule's name, one for each seed, the control first; ``half``: half of the pool, in labels.
    """

    curves: dict[str, list[Curve]]
    half: int

    def evaluated_on(self, held: LabelledSet, indices: Sequence[int] | None = None) -> Comparison:
        """Return the same runs judged on other frames, or on some of a set."""
        return replace(
            self, curves={rule: [curve.evaluated_on(held, indices) for curve in runs] for rule, runs in self.curves.items()}
        )

    @property
    def targets(self) -> dict[str, float]:
        """Errors (eV/A) that the control has with half the pool, mean over the seeds."""
        errors = {}
        for name in ERRORS:
            values = [np.interp(self.half, curve.labels, curve.errors[name]) for curve in self.curves[str(Criterion.RANDOM)]]
            errors[name] = float(np.mean(values))
        return errors

    def needed(self, rule: str, name: str) -> list[float | None]:
        """Return for each seed the labels with which a rule reaches the control's error at half the pool; None: never."""
        return labels_to_reach(self.curves[rule], name, self.targets[name])

    def control(self, name: str) -> float:
        """Return the labels with which the control's mean over the seeds first reaches that error, at most half the pool.

        Where the curve has become flat these are far fewer than half the pool: the model cannot use more.
        """
        runs = self.curves[str(Criterion.RANDOM)]
        mean = Curve(runs[0].labels, {name: np.mean([curve.errors[name] for curve in runs], axis=0)}, runs[0].terms, [])
        below = mean.errors[name] <= self.targets[name]
        first = int(np.argmax(below)) if below.any() else len(below)
        cut = replace(mean, labels=mean.labels[: first + 1], errors={name: mean.errors[name][: first + 1]})
        (labels,) = labels_to_reach([cut], name, self.targets[name])
        return float(self.half) if labels is None else min(labels, float(self.half))

    def ratio(self, rule: str, name: str) -> float | None:
        """Return the control's labels over the median of a rule's; None where most seeds of the rule never get there."""
        mine = _median(self.needed(rule, name))
        return 1.0 if rule == Criterion.RANDOM else None if mine is None else self.control(name) / mine

    def as_dict(self) -> dict[str, Any]:
        """Return all figures as plain JSON types."""
        return {
            "half": self.half,
            "targets": self.targets,
            "control": {name: self.control(name) for name in ERRORS},
            "rules": {
                rule: {
                    "labels": curves[0].labels.tolist(),
                    **{name: [curve.errors[name].tolist() for curve in curves] for name in ERRORS},
                    "terms": [curve.terms.tolist() for curve in curves],
                    **{f"{name}_labels": self.needed(rule, name) for name in ERRORS},
                    **{f"{name}_ratio": self.ratio(rule, name) for name in ERRORS},
                }
                for rule, curves in self.curves.items()
            },
        }


def _median(values: Sequence[float | None]) -> float | None:
    """Return the median, with those that are None counted as larger than all; None if it is one of them."""
    middle = float(np.median([np.inf if value is None else value for value in values]))
    return middle if np.isfinite(middle) else None


def compare(
    pool: LabelledSet,
    held: LabelledSet,
    pairs: Sequence[tuple[Criterion, Diversity]],
    settings: SelectionSettings,
    seeds: Sequence[int],
    start: int,
    step: int,
    most: int,
    say: Callable[[str], None] = lambda message: None,
) -> Comparison:
    """Return the runs of each rule with each seed; arguments as of :func:`spend`.

    The control goes on to half the pool, whatever ``most`` is, since what it has there is what the others are held against.
    """
    curves: dict[str, list[Curve]] = {}
    half = len(pool) // 2
    for criterion, diversity in pairs:
        rule = name_of(criterion, diversity)
        selection = settings.model_copy(update={"criterion": criterion, "diversity": diversity})
        for seed in seeds:

            def say_of_run(message: str, rule: str = rule, seed: int = seed) -> None:
                say(f"{rule}, seed {seed}: {message}")

            end = max(most, half) if criterion is Criterion.RANDOM else most
            curves.setdefault(rule, []).append(spend(pool, held, selection, seed, start, step, end, say_of_run))
    return Comparison(curves, half)
