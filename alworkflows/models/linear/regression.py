"""The regressions of a committee: for each method, the models of all members at any penalty, from their normal equations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from alworkflows.errors import InputError
from alworkflows.models.linear.normal import Normal
from alworkflows.models.linear.path import lasso_path, norms
from alworkflows.models.linear.solvers import Spectrum, coordinate_lasso, refit
from alworkflows.settings import FitMethod, FitSettings

__all__ = ["Candidate", "Regression", "Sums", "regression"]


#: a column whose norm is below this share of the largest is left out: the data hardly touch it, and a coefficient large enough to
#: make it count would rule wherever atoms come closer than in the data
FAINT = 1e-12
#: of a column's norm squared, what a difference of sums may leave where the fold that was left out has all of it
ROUNDING = 1e-12


@dataclass(frozen=True)
class Candidate:
    """Models of the members at one penalty (None where there is none).

    ``weights`` (M, P): what is used; ``penalised`` (M, P): the Lasso's own coefficients where ``weights`` are their refit.
    """

    alpha: float | None
    weights: np.ndarray
    penalised: np.ndarray | None = None

    @property
    def terms(self) -> list[int]:
        """Non-zero weights of each member."""
        return [int(count) for count in np.count_nonzero(self.weights, axis=1)]


@dataclass(frozen=True)
class Sums:
    """Accumulators of each fold that a member leaves out, and of all frames."""

    held: list[Normal]
    total: Normal

    def training(self, member: int, support: np.ndarray) -> Normal:
        """Return what a member is fitted to, of some columns."""
        return self.total.restricted(support) - self.held[member].restricted(support)

    def problem(self, member: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return X^T X, X^T y and the number of rows that a member is fitted to; columns that do not count are zero."""
        normal = self.total - self.held[member]
        xx, xy = normal.reduced()
        whole, left = np.diag(self.total.xx), np.diag(xx)
        absent = (whole <= FAINT**2 * whole.max()) | (left <= ROUNDING * whole)
        if absent.any():
            xx, xy = xx.copy() if xx is normal.xx else xx, xy.copy()
            xx[absent] = xx[:, absent] = xy[absent] = 0.0
        return xx, xy, normal.rows


class Regression(ABC):
    """Models of all members against the penalty."""

    #: penalties, falling, of the models to judge; None stands for no penalty
    alphas: Sequence[float | None]

    @abstractmethod
    def at(self, alpha: float | None) -> Candidate:
        """Return the models at a penalty."""

    def with_terms(self, terms: int) -> Candidate:
        """Return the models with a number of terms, or the most before."""
        raise InputError(f"a number of terms ({terms}) can be asked of the method lasso-lars only")

    def report(self) -> dict[str, object]:
        """Return what is worth knowing about it, as plain JSON types."""
        return {}


def regression(sums: Sums, settings: FitSettings, say: Callable[[str], None]) -> Regression:
    """Return the regression that the settings name."""
    classes: dict[FitMethod, type[LassoLars] | type[Lasso] | type[Ridge] | type[LeastSquares]] = {
        FitMethod.LASSO_LARS: LassoLars,
        FitMethod.LASSO: Lasso,
        FitMethod.RIDGE: Ridge,
        FitMethod.LEAST_SQUARES: LeastSquares,
    }
    return classes[settings.method](sums, settings, say)


class _Sparse(Regression):
    """What the two ways to a Lasso share: the refit."""

    def __init__(self, sums: Sums, settings: FitSettings) -> None:
        self._sums, self._settings = sums, settings

    def _candidate(self, alpha: float | None, penalised: np.ndarray) -> Candidate:
        if not self._settings.refit:
            return Candidate(alpha, penalised)
        weights = np.zeros_like(penalised)
        for member, row in enumerate(penalised):
            weights[member] = self._refit(member, np.flatnonzero(row))
        return Candidate(alpha, weights, penalised)

    def _refit(self, member: int, support: np.ndarray) -> np.ndarray:
        weights = np.zeros(len(self._sums.total.xy))
        if len(support):
            weights[support] = refit(*self._sums.training(member, support).reduced(), self._settings.ridge)
        return weights


class LassoLars(_Sparse):
    """The Lasso's whole path by least angle regression."""

    def __init__(self, sums: Sums, settings: FitSettings, say: Callable[[str], None]) -> None:
        super().__init__(sums, settings)
        self.paths, self._rows = [], []
        for member in range(len(sums.held)):
            xx, xy, rows = sums.problem(member)
            most = max(1, min(settings.max_terms, len(xy), int(rows / settings.rows_per_term)))
            self.paths.append(lasso_path(xx, xy, most))
            self._rows.append(rows)
            say(f"member {member + 1} of {len(sums.held)}: path of {len(self.paths[-1].penalties)} steps")
        # from where the second column joins: above, there is one term, and at the start none
        ends = [(path.penalties[:2][-1], path.penalties[-1]) for path in self.paths]
        first = max(start / rows for (start, _), rows in zip(ends, self._rows, strict=True))
        last = max(max(end, 1e-9 * start) / rows for (start, end), rows in zip(ends, self._rows, strict=True))
        self.alphas = _falling(first, min(last, first), settings.rows)

    def at(self, alpha: float | None) -> Candidate:
        """Return the models at a penalty."""
        penalty = float(alpha or 0.0)
        rows = [path.coefficients(penalty * count) for path, count in zip(self.paths, self._rows, strict=True)]
        return self._candidate(alpha, np.array(rows))

    def with_terms(self, terms: int) -> Candidate:
        """Return the last models of the paths that have at most a number of terms."""
        knots = [path.knot(terms) for path in self.paths]
        penalties = [path.penalties[knot] / rows for path, knot, rows in zip(self.paths, knots, self._rows, strict=True)]
        weights = np.array([path.weights(knot) for path, knot in zip(self.paths, knots, strict=True)])
        return self._candidate(float(np.mean(penalties)), weights)

    def report(self) -> dict[str, object]:
        """Return the steps of each path."""
        return {"steps": [len(path.penalties) - 1 for path in self.paths]}


class Lasso(_Sparse):
    """The Lasso by coordinate descent, at the penalties it is asked for."""

    def __init__(self, sums: Sums, settings: FitSettings, say: Callable[[str], None]) -> None:
        super().__init__(sums, settings)
        largest = _largest_alpha(sums)
        self._grid = _falling(largest, 1e-4 * largest, settings.rows)
        self.alphas = self._grid
        self._models: dict[float, np.ndarray] = {}
        self._solve(self._grid)
        say(f"lasso: {len(self.alphas)} penalties by coordinate descent")

    def _solve(self, alphas: Sequence[float]) -> None:
        members = []
        for member in range(len(self._sums.held)):
            xx, xy, rows = self._sums.problem(member)
            members.append(coordinate_lasso(xx, xy, np.array(alphas) * rows))
        self._models.update({alpha: np.array(rows) for alpha, rows in zip(alphas, zip(*members, strict=True), strict=True)})

    def at(self, alpha: float | None) -> Candidate:
        """Return the models at a penalty; one that is not among ``alphas`` is reached from the larger ones of them."""
        wanted = float(alpha or 0.0)
        if wanted not in self._models:
            self._solve([*(larger for larger in self._grid if larger > wanted), wanted])
        return self._candidate(alpha, self._models[wanted])


class Ridge(Regression):
    """Ridge regression through the eigenvectors of the Gram matrix."""

    def __init__(self, sums: Sums, settings: FitSettings, say: Callable[[str], None]) -> None:
        self.alphas = _falling(1.0, 1e-12, settings.rows)
        self._spectra = []
        for member in range(len(sums.held)):
            self._spectra.append(Spectrum(*sums.problem(member)[:2]))
            say(f"member {member + 1} of {len(sums.held)}: ridge")

    def at(self, alpha: float | None) -> Candidate:
        """Return the models at a penalty, relative to the unit diagonal of the normalised Gram matrix."""
        return Candidate(alpha, np.array([spectrum.ridge(float(alpha or 0.0)) for spectrum in self._spectra]))


class LeastSquares(Regression):
    """Least squares of minimum norm."""

    def __init__(self, sums: Sums, settings: FitSettings, say: Callable[[str], None]) -> None:
        self.alphas = [None]
        solutions = []
        for member in range(len(sums.held)):
            solutions.append(Spectrum(*sums.problem(member)[:2]).least_squares(settings.rank_cutoff))
            say(f"member {member + 1} of {len(sums.held)}: least squares of rank {solutions[-1][1]}")
        self._candidate = Candidate(None, np.array([weights for weights, _ in solutions]))
        self._ranks = [rank for _, rank in solutions]

    def at(self, alpha: float | None) -> Candidate:
        """Return the models.

        Raises
        ------
        InputError
            If a penalty is asked for.
        """
        if alpha is not None:
            raise InputError(f"the method least-squares has no penalty, got alpha {alpha:g}")
        return self._candidate

    def report(self) -> dict[str, object]:
        """Return the rank of each member's normal equations."""
        return {"rank": self._ranks}


def _falling(first: float, last: float, count: int) -> list[float]:
    """Return penalties evenly spaced by logarithm."""
    return [float(alpha) for alpha in np.geomspace(first, last, count)] if first > last else [first]


def _largest_alpha(sums: Sums) -> float:
    """Return the penalty at which the first term of any member joins."""
    penalties = []
    for member in range(len(sums.held)):
        xx, xy, rows = sums.problem(member)
        scale, usable = norms(xx)
        penalties.append(float(np.abs(np.where(usable, xy / scale, 0.0)).max()) / rows)
    return max(penalties)
