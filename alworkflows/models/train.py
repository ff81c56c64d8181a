"""Fit an ensemble: streamed normal equations, a path for each member, a refit on the support that held-out frames ask for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.descriptors import build
from alworkflows.errors import InputError
from alworkflows.frames import check_labelled, frame_id, labels
from alworkflows.models.ensemble import Ensemble
from alworkflows.models.linear import LinearModel
from alworkflows.models.normal import Normal, accumulate, fold_of
from alworkflows.models.path import Path, lasso_path
from alworkflows.models.solvers import refit as _refit
from alworkflows.settings import FitSettings, ModelSettings, TermsRule

__all__ = ["train"]

LADDER = (5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 125, 150, 175, 200, 250, 300, 350, 400, 500, 600, 800, 1000, 1500, 2000)


def train(
    frames: Sequence[Atoms],
    settings: ModelSettings,
    species: Sequence[str],
    seed: int,
    progress: Callable[[str], None] | None = None,
) -> tuple[Ensemble, dict[str, Any]]:
    """Return an ensemble whose member k left out fold k, and a report.

    Raises
    ------
    InputError
        If a frame lacks what is fitted, or there are too few frames for members to differ.
    """
    start = time.perf_counter()
    say = progress or (lambda message: None)
    fit = settings.fit
    check_labelled(frames, fit.quantities, "training frames")
    descriptors = build(settings.descriptors, species)
    folds = {frame_id(frame): fold_of(frame_id(frame), seed, settings.folds) for frame in frames}
    left_out = sorted({fold for fold in folds.values() if fold < settings.members})
    if len(left_out) < 2:
        raise InputError(
            f"expected frames enough that at least two of {settings.members} members leave some out, got {len(frames)} frames: "
            "label more, or use fewer folds"
        )
    groups = settings.members + 1
    parts = accumulate(frames, descriptors, fit, lambda atoms: min(folds[frame_id(atoms)], settings.members), groups, progress)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    accumulated = time.perf_counter()
    training = [total - part for part in parts[: settings.members]]
    paths = []
    for member, normal in enumerate(training):
        paths.append(_path(normal, fit))
        say(f"member {member + 1} of {settings.members}: path of {len(paths[-1].supports)} steps")
    ladder = _ladder(training, parts, paths, fit)
    terms = fit.terms or _choose(ladder, left_out, fit.rule)
    members = []
    for normal, path in zip(training, paths, strict=True):
        xx, xy, _ = normal.reduced()
        weights = refit(xx, xy, path.support(terms), fit.ridge) if fit.refit else _lasso(xx, xy, terms)
        members.append(LinearModel(settings.descriptors, tuple(species), weights, normal.levels(weights)))
    ensemble = Ensemble(members)
    report: dict[str, Any] = {
        "frames": len(frames),
        "rows": total.rows,
        "descriptors": descriptors.size,
        "energies": total.energies,
        "terms": [len(member.support) for member in members],
        "ladder": [{"terms": count, "held_out": errors} for count, errors in ladder.items()],
        **_held_out(ensemble, frames, folds, settings.members),
        "seconds_accumulate": round(accumulated - start, 3),
        "seconds": round(time.perf_counter() - start, 3),
    }
    ensemble.report = {key: report[key] for key in ("frames", "rows", "terms", "reference_disagreement", "held_out_rmse")}
    say(f"{len(frames)} frames, {max(report['terms'])} terms, held-out force error {report['held_out_rmse']:.4f} eV/A")
    return ensemble, report


def _path(normal: Normal, fit: FitSettings) -> Path:
    xx, xy, _ = normal.reduced()
    return lasso_path(xx, xy, min(fit.max_terms, len(xy), max(1, int(normal.rows / fit.rows_per_term))))


def _lasso(xx: np.ndarray, xy: np.ndarray, terms: int) -> np.ndarray:
    path = lasso_path(xx, xy, terms)
    return path.weights(len(path.levels) - 1)


def _ladder(training: list[Normal], parts: list[Normal], paths: list[Path], fit: FitSettings) -> dict[int, list[float | None]]:
    """Return the held-out error of each member for support sizes up to the longest path, from accumulators alone.

    ||y - X w||^2 = y^T y - 2 w . X^T y + w^T X^T X w, with the sums of the fold that the member left out.
    """
    longest = max(len(support) for path in paths for support in path.supports)
    ladder: dict[int, list[float | None]] = {}
    for terms in sorted({*(size for size in LADDER if size < longest), longest}):
        errors: list[float | None] = []
        for normal, held, path in zip(training, parts, paths, strict=False):
            if not held.rows:
                errors.append(None)
                continue
            xx, xy, _ = normal.reduced()
            support = path.support(terms)
            weights = refit(xx, xy, support, fit.ridge)[support]
            held_xx, held_xy, held_yy = held.reduced()
            square = held_yy - 2 * weights @ held_xy[support] + weights @ held_xx[np.ix_(support, support)] @ weights
            errors.append(float(np.sqrt(max(square, 0.0) / held.rows)))
        ladder[terms] = errors
    return ladder


def _choose(ladder: dict[int, list[float | None]], left_out: list[int], rule: TermsRule) -> int:
    """Return the size with the smallest held-out error, or the fewest terms within one standard error of it.

    The standard error is that of the difference from the best size, over members: folds differ in difficulty, but a size that is
    worse is worse on most of them (Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 7.10).
    """
    sizes = list(ladder)
    errors = np.array([[ladder[size][member] for member in left_out] for size in sizes], dtype=float)
    best = int(np.argmin(errors.mean(axis=1)))
    if rule is TermsRule.BEST:
        return sizes[best]
    excess = errors - errors[best]
    spread = excess.std(axis=1, ddof=1) / np.sqrt(len(left_out))
    return next(size for size, mean, error in zip(sizes, excess.mean(axis=1), spread, strict=True) if mean <= error + 1e-12)


def _held_out(ensemble: Ensemble, frames: Sequence[Atoms], folds: dict[str, int], members: int) -> dict[str, Any]:
    """Return force error of members on the frames each left out, and the committee's disagreement on them."""
    errors, disagreement = [], []
    left = [frame for frame in frames if folds[frame_id(frame)] < members and labels(frame).forces is not None]
    for frame, prediction in zip(left, ensemble.predict(left), strict=True):
        errors.append((prediction.members[folds[frame_id(frame)]] - labels(frame).forces).ravel())
        disagreement.append(prediction.deviation.max())
    return {
        "held_out_frames": len(left),
        "held_out_rmse": float(np.sqrt((np.concatenate(errors) ** 2).mean())) if errors else float("nan"),
        "reference_disagreement": float(np.median(disagreement)) if disagreement else None,
        "reference_disagreement_q90": float(np.quantile(disagreement, 0.9)) if disagreement else None,
    }


def refit(xx: np.ndarray, xy: np.ndarray, support: np.ndarray, ridge: float) -> np.ndarray:
    """Return least-squares coefficients (P,) on a support."""
    found = np.zeros(len(xy))
    found[support] = _refit(xx[np.ix_(support, support)], xy[support], ridge)
    return found
