r"""Calibration: what error a disagreement stands for, learnt on test frames, which were drawn at random and never trained on.

A committee orders frames by error well, and is far too sure of itself. With d the disagreement of a frame and e the largest
norm of an atom's force error in it, a monotone function is fitted by isotonic regression [1] in logarithms,

.. math:: \ln e \approx f(\ln d), \qquad
   f = \arg\min_{g\ \text{not falling}} \sum_k \big(\ln e_k - g(\ln d_k)\big)^2 ,

the outermost points at either end taken as one, read linearly between its knots. Below them it goes on with slope one, the error
in proportion to the disagreement. Above them the expected error has slope one half, but is not less than the disagreement: where
members part, disagreement grows faster than the error (seen in driven runs of zinc oxide: from 0.05 to 2 eV/A, with errors from
0.5 to 5), and members that are d apart are that far from the truth. The bound that a share c of frames stays below, which has
slope one there too, is split conformal prediction with cross-fitted residuals [2, 3]:

.. math:: \ln b(d) = f(\ln d) + r_{(k)}, \qquad k = \lceil (n + 1)\, c \rceil,

with :math:`r_{(k)}` the k-th smallest of the n residuals, each against a fit that did not see its fold. Fewer than ten points
carry no shape: one factor is used, :math:`f = \ln d + \mathrm{median}(\ln e_k / d_k)`.

=================  =====================================================
symbol             here
=================  =====================================================
d, e               ``disagreement``, ``error`` (eV/A)
c, n               ``coverage``, ``n``
exp f, b           :meth:`Calibration.expected`, :meth:`Calibration.bound`
=================  =====================================================

1. R. E. Barlow, D. J. Bartholomew, J. M. Bremner, H. D. Brunk, *Statistical Inference under Order Restrictions*, Wiley (1972).
2. J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, J. Am. Stat. Assoc. 113, 1094 (2018),
   doi:10.1080/01621459.2017.1307116.
3. R. F. Barber, E. J. Candes, A. Ramdas, R. J. Tibshirani, Ann. Statist. 49, 486 (2021), doi:10.1214/20-AOS1965.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["FEW", "Calibration", "Points", "Quality", "calibrate", "describe", "quality", "rank_correlation"]

#: disagreements and errors of frames, each (F,) in eV/A
Points = tuple[np.ndarray, np.ndarray]

#: fewer points than this carry no shape, only a factor
FEW = 10
#: folds of the residuals, and of the cross-validation
FOLDS = 10
#: points taken as one at either end: so many, and one in so many more
LEAST_END, ONE_IN = 3, 20
#: slope of the expected error above the points, in logarithms
ABOVE = 0.5
#: disagreements and errors below this share of their medians, such as of crystals whose forces vanish by symmetry, count as equal
LEAST = 1e-4


@dataclass(frozen=True)
class Calibration:
    """A monotone relation between disagreement and error, both in eV/A.

    Attributes
    ----------
    n
        Points it was learnt from.
    coverage
        Share of frames whose error is to lie below the bound.
    knots
        (K, 2) ln disagreement and ln expected error, both rising; between them linear.
    margin
        ln of the bound over the expected error.
    """

    n: int
    coverage: float
    knots: np.ndarray
    margin: float

    @property
    def is_factor(self) -> bool:
        """Whether there were too few points for a shape."""
        return self.n < FEW

    def expected(self, disagreement: np.ndarray | float) -> np.ndarray:
        """Return the error to expect, eV/A; zero at zero."""
        x, (far, top) = _log(disagreement), self.knots[-1]
        return np.exp(np.where(x > far, self._above(x - far, top, far), _continued(x, self.knots[:, 0], self.knots[:, 1])))

    @staticmethod
    def _above(further: np.ndarray, top: float, far: float) -> np.ndarray:
        """Return ln of the expected error ``further`` than the last knot (far, top): joined to it, and at least ln d."""
        return np.maximum(top + ABOVE * further, np.minimum(top + further, far + further))

    def bound(self, disagreement: np.ndarray | float) -> np.ndarray:
        """Return the error that a share ``coverage`` of frames stays below, eV/A; zero at zero."""
        return np.exp(_continued(_log(disagreement), self.knots[:, 0], self.knots[:, 1]) + self.margin)

    def level(self, error: float) -> float:
        """Return the largest disagreement whose bound is at most ``error``, eV/A."""
        return self._largest(np.log(error) - self.margin) if error > 0 else 0.0

    def level_expected(self, error: float) -> float:
        """Return the largest disagreement at which an error of at most ``error`` is to be expected, eV/A."""
        if not error > 0:
            return 0.0
        height, (far, top) = float(np.log(error)), self.knots[-1]
        if height <= top:
            return self._largest(height)
        return float(np.exp(min(far + (height - top) / ABOVE, max(height, far + height - top))))

    def _largest(self, height: float) -> float:
        """Return exp of the largest x with f(x) <= height, of slope one beyond the knots."""
        x, y = self.knots.T
        after = int(np.searchsorted(y, height, side="right"))
        if after == 0:
            return float(np.exp(x[0] + height - y[0]))
        if after == len(y):
            return float(np.exp(x[-1] + height - y[-1]))
        share = (height - y[after - 1]) / (y[after] - y[after - 1])
        return float(np.exp(x[after - 1] + share * (x[after] - x[after - 1])))


@dataclass(frozen=True)
class Quality:
    """How far a calibration is to be believed.

    Attributes
    ----------
    rank_correlation
        Spearman's, of disagreement and error; None for fewer than three points or a constant.
    coverage, coverage_n
        Share of the ``coverage_n`` frames it was checked on, none of which that calibration had seen, whose error lay below the
        bound; None if there were none to check on.
    checked_on
        ``newest``: the newest batch by a calibration on all before it; ``cross-validation``: each fold by one on the others.
    factor
        Median of error over disagreement: how many times the committee is too sure of itself.
    """

    rank_correlation: float | None
    coverage: float | None
    coverage_n: int
    checked_on: str
    factor: float | None


def calibrate(disagreement: np.ndarray, error: np.ndarray, coverage: float) -> Calibration | None:
    """Return the calibration on frames, or None if there is none with a finite error and disagreement above zero.

    The order of the points does not count. Points that are not finite are left out.

    Parameters
    ----------
    disagreement, error
        (F,) of each frame, eV/A.
    coverage
        Share of frames whose error is to lie below the bound.
    """
    x, y = _logarithms(disagreement, error)
    if not len(x):
        return None
    if len(x) < FEW:
        ratio = float(np.median(y - x))
        ends = np.unique([x[0], x[-1]])
        return Calibration(len(x), coverage, np.column_stack([ends, ends + ratio]), _quantile(y - x - ratio, coverage))
    residuals = np.empty(len(x))
    for held in _folds(len(x)):
        residuals[held] = y[held] - _continued(x[held], *_isotonic(x[~held], y[~held]).T)
    return Calibration(len(x), coverage, _isotonic(x, y), _quantile(residuals, coverage))


def quality(points: Points, coverage: float, earlier: Points | None = None, newest: Points | None = None) -> Quality:
    """Return how good the calibration on ``points`` is.

    Parameters
    ----------
    points
        (disagreements, errors) of the frames it rests on, eV/A.
    coverage
        As of :func:`calibrate`.
    earlier, newest
        Frames to calibrate on and frames to check that calibration on; without usable ones: cross-validation over ``points``.
    """
    d, e = _sound(*points)
    positive = (d > 0) & (e > 0)
    factor = float(np.median(e[positive] / d[positive])) if positive.any() else None
    rank = rank_correlation(d, e)
    if earlier is not None and newest is not None:
        before, (later, truth) = calibrate(*earlier, coverage), _sound(*newest)
        if before is not None and len(later):
            return Quality(rank, float((truth <= before.bound(later)).mean()), len(later), "newest", factor)
    order = np.lexsort((e, d))
    d, e = d[order], e[order]
    inside = np.zeros(len(d), dtype=bool)
    for held in _folds(len(d)) if len(d) > 1 else []:
        others = calibrate(d[~held], e[~held], coverage)
        inside[held] = others is not None and e[held] <= others.bound(d[held])
    checked = len(d) if len(d) > 1 else 0
    return Quality(rank, float(inside.mean()) if checked else None, checked, "cross-validation", factor)


def describe(calibration: Calibration | None, quality: Quality) -> str:
    """Return the quality of a calibration in words."""
    if calibration is None:
        return "no frame with a finite disagreement and error"
    said = f"{calibration.n} frames"
    if calibration.is_factor:
        said += ", too few for a shape: one factor"
    if quality.rank_correlation is not None:
        said += f"; rank correlation {quality.rank_correlation:.2f}"
    if quality.coverage is not None:
        whose = "of the newest batch" if quality.checked_on == "newest" else "left out in turn"
        said += (
            f"; of {quality.coverage_n} frames {whose}, {quality.coverage:.0%} lie below the bound for {calibration.coverage:.0%}"
        )
    if quality.factor is not None:
        said += f"; the largest error is {quality.factor:.3g} times the disagreement (median)"
    return said


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return Spearman's rank correlation; None for fewer than three pairs or a constant."""
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks, those of equal values their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - 0.5 * (counts - 1))[place]


def _sound(disagreement: np.ndarray, error: np.ndarray) -> Points:
    """Return the points that are finite."""
    d, e = np.asarray(disagreement, dtype=float), np.asarray(error, dtype=float)
    sound = np.isfinite(d) & np.isfinite(e) & (d >= 0) & (e >= 0)
    return d[sound], e[sound]


def _logarithms(disagreement: np.ndarray, error: np.ndarray) -> Points:
    """Return ln d and ln e of the finite points, in the order of d, then e; what is next to nothing is raised to a floor."""
    d, e = _sound(disagreement, error)
    if not ((d > 0) & (e > 0)).any():
        return np.zeros(0), np.zeros(0)
    d, e = (np.maximum(values, LEAST * np.median(values[values > 0])) for values in (d, e))
    order = np.lexsort((e, d))
    return np.log(d[order]), np.log(e[order])


def _isotonic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the knots (K, 2) of the isotonic regression of y on rising x, a few points at either end taken as one.

    At its ends isotonic regression follows single points, and what lies beyond them would follow too.
    """
    from sklearn.isotonic import IsotonicRegression

    few = LEAST_END + len(x) // ONE_IN
    weights = np.concatenate([[few], np.ones(len(x) - 2 * few), [few]])
    x, y = (np.concatenate([[v[:few].mean()], v[few:-few], [v[-few:].mean()]]) for v in (x, y))
    fitted = IsotonicRegression().fit(x, y, weights)
    return np.column_stack([fitted.X_thresholds_, fitted.y_thresholds_])


def _continued(at: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return y at ``at``: linear between the knots, of slope one beyond them."""
    return np.interp(at, x, y) + np.minimum(at - x[0], 0.0) + np.maximum(at - x[-1], 0.0)


def _log(values: np.ndarray | float) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(values, dtype=float))


def _folds(count: int) -> list[np.ndarray]:
    """Return masks (count,) of each fold: of sorted points every tenth, so that each fold spans the range."""
    fold = np.arange(count) % min(FOLDS, count)
    return [fold == index for index in range(min(FOLDS, count))]


def _quantile(residuals: np.ndarray, coverage: float) -> float:
    """Return the ceil((n + 1) coverage)-th smallest residual; the largest, if there are too few for that."""
    place = min(int(np.ceil((len(residuals) + 1) * coverage - 1e-9)), len(residuals))
    return float(np.sort(residuals)[max(place, 1) - 1])
