"""The Lasso path by least angle regression, on normal equations alone.

Efron, Hastie, Johnstone, Tibshirani, "Least angle regression", Ann. Statist. 32, 407 (2004), with the Lasso modification: a
coefficient that reaches zero leaves. Columns are normalised from the Gram matrix's diagonal; no centring, no intercept.

At every penalty the path minimises |y - X w|^2 / 2 + penalty sum_j s_j |w_j| with s_j the norm of column j. Where a penalty is
given as ``alpha``, it is that of scikit-learn for columns of unit norm: alpha = penalty / rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alworkflows.models.linear.factor import Factor

__all__ = ["Path", "lasso_path", "norms"]

#: a column whose residual norm squared, of one, on the active ones falls below this is a combination of them and left out;
#: its correlation may then be above the penalty by the square root of this times the norm of the residual
COLLINEAR = 1e-14
#: steps after which rounding errors are taken out of the correlations
REFRESH = 32


@dataclass(frozen=True)
class Path:
    """Knots of the path, from the penalty at which the first column joins, down.

    ``penalties`` (K,): the correlation of the residual with every active normalised column; ``supports``: indices of the
    coefficients that are not zero at each knot; ``values``: those coefficients; ``size``: number of columns P.
    """

    penalties: np.ndarray
    supports: list[np.ndarray]
    values: list[np.ndarray]
    size: int

    def support(self, terms: int) -> np.ndarray:
        """Return the last support with at most ``terms`` columns."""
        return self.supports[self.knot(terms)]

    def knot(self, terms: int) -> int:
        """Return the index of the last knot with at most ``terms`` columns."""
        return max(index for index, support in enumerate(self.supports) if len(support) <= terms)

    def weights(self, knot: int) -> np.ndarray:
        """Return the coefficients (P,) at a knot."""
        weights = np.zeros(self.size)
        weights[self.supports[knot]] = self.values[knot]
        return weights

    def coefficients(self, penalty: float) -> np.ndarray:
        """Return the coefficients (P,) at any penalty: linear between knots, zero before the first, constant after the last."""
        after = int(np.searchsorted(-self.penalties, -penalty))
        if after == 0:
            return np.zeros(self.size)
        if after == len(self.penalties):
            return self.weights(after - 1)
        span = self.penalties[after - 1] - self.penalties[after]
        share = (self.penalties[after - 1] - penalty) / span if span > 0 else 1.0
        return (1 - share) * self.weights(after - 1) + share * self.weights(after)


def norms(xx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the norm of each column (P,), one where a column is zero, and which columns are not."""
    scale = np.sqrt(np.maximum(np.diag(xx), 0.0))
    usable = scale > 1e-150  # the product of two norms is a number yet
    return np.where(usable, scale, 1.0), usable


def lasso_path(xx: np.ndarray, xy: np.ndarray, max_terms: int, max_steps: int | None = None) -> Path:
    """Return the path from nothing until more than ``max_terms`` columns would be active, or ``max_steps`` knots were passed.

    Parameters
    ----------
    xx, xy
        Gram matrix (P, P) and X^T y (P,); a step costs O(P k) with k active columns.
    """
    state = _State(xx, xy, min(max_terms, len(xy)))
    state.record()
    if state.penalty == 0:  # nothing to explain
        return Path(np.array(state.penalties), state.supports, state.values, len(xy))
    candidate: int | None = int(np.argmax(np.abs(state.correlation)))
    left = -1  # the column that has just left may not come back with the same sign at once
    for number in range(1, (max_steps or 8 * max_terms + 100) + 1):
        if candidate is not None and not state.join(candidate):
            candidate = None
        direction, change = state.direction()
        step, candidate, leaving = state.next_event(direction, change, left)
        state.advance(step, direction, change)
        left = state.drop(leaving) if leaving is not None else -1
        if number % REFRESH == 0:
            state.refresh()
        state.record()
        if state.penalty <= state.end or (candidate is not None and len(state.active) >= state.most):
            break
    return Path(np.array(state.penalties), state.supports, state.values, len(xy))


class _State:
    """Where the path stands: active columns with their signs, coefficients of normalised columns, correlations, penalty."""

    def __init__(self, xx: np.ndarray, xy: np.ndarray, most: int) -> None:
        self.xx, self.most = xx, most
        self.scale, self.usable = norms(xx)
        self.start = np.where(self.usable, xy / self.scale, 0.0)
        self.correlation = self.start.copy()
        self.penalty = float(np.abs(self.start).max(initial=0.0))
        self.end = 1e-12 * self.penalty
        self.blocked = ~self.usable
        self.inactive = np.ones(len(xy), dtype=bool)
        self.active: list[int] = []
        self.signs = np.zeros(0)
        self.weights = np.zeros(0)
        self.factor = Factor(most)
        # rows of the normalised Gram matrix stay where they are when others leave: `slots` says where that of an active column is
        self.rows = np.empty((most, len(xy)))
        self.slots: list[int] = []
        self.free_slots = list(range(most - 1, -1, -1))
        self.penalties: list[float] = []
        self.supports: list[np.ndarray] = []
        self.values: list[np.ndarray] = []

    def join(self, column: int) -> bool:
        """Make a column active; return False, and leave it out until another leaves, if it is a combination of them."""
        row = self.xx[column] / (self.scale[column] * self.scale)
        if not self.factor.append(row[self.active], 1.0, COLLINEAR):
            self.blocked[column] = True
            return False
        slot = self.free_slots.pop()
        self.rows[slot] = row
        self.slots.append(slot)
        self.active.append(column)
        self.inactive[column] = False
        self.signs = np.append(self.signs, np.sign(self.correlation[column]))
        self.weights = np.append(self.weights, 0.0)
        return True

    def drop(self, position: int) -> int:
        """Make a column inactive and return it; columns that were combinations of the active ones may no longer be so."""
        column = self.active.pop(position)
        self.free_slots.append(self.slots.pop(position))
        self.signs, self.weights = np.delete(self.signs, position), np.delete(self.weights, position)
        self.factor.remove(position)
        self.inactive[column] = True
        self.blocked = ~self.usable
        return column

    def across(self, weights: np.ndarray) -> np.ndarray:
        """Return G[:, active] @ weights (P,)."""
        used = max(self.slots, default=-1) + 1
        spread = np.zeros(used)
        spread[self.slots] = weights
        return spread @ self.rows[:used]

    def direction(self) -> tuple[np.ndarray, np.ndarray]:
        """Return how coefficients (k,) and correlations (P,) change as the penalty falls by one."""
        direction = self.factor.solve(self.signs)
        return direction, self.across(direction)

    def next_event(self, direction: np.ndarray, change: np.ndarray, left: int) -> tuple[float, int | None, int | None]:
        """Return how far the penalty falls until something happens, and which column joins or which position leaves."""
        step, joining, leaving = self.penalty, None, None
        free = self.inactive & ~self.blocked
        for sign in (1.0, -1.0):
            rate = 1.0 - sign * change
            # rounding may leave a column just above the penalty: then it joins at once, if it does not fall faster
            with np.errstate(divide="ignore", invalid="ignore"):
                steps = np.where(free & (rate > 1e-14), np.maximum(self.penalty - sign * self.correlation, 0.0) / rate, np.inf)
            if left >= 0 and sign * self.correlation[left] > 0:
                steps[left] = np.inf
            first = int(np.argmin(steps))
            if steps[first] < step:
                step, joining = float(steps[first]), first
        if len(direction):
            towards = np.where(self.weights == 0.0, self.signs * direction < 0, self.weights * direction < 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                steps = np.where(towards, -self.weights / direction, np.inf)
            first = int(np.argmin(steps))
            if steps[first] < step or (steps[first] <= step and joining is not None):
                step, joining, leaving = float(steps[first]), None, first
        return step, joining, leaving

    def advance(self, step: float, direction: np.ndarray, change: np.ndarray) -> None:
        """Let the penalty fall."""
        self.penalty -= step
        self.weights = self.weights + step * direction
        self.correlation -= step * change

    def refresh(self) -> None:
        """Take accumulated rounding errors out: correlations from the coefficients, and these so that the active ones agree."""
        self.correlation = self.start - self.across(self.weights)
        repair = self.factor.solve(self.correlation[self.active] - self.penalty * self.signs)
        self.weights = self.weights + repair
        self.correlation = self.start - self.across(self.weights)

    def record(self) -> None:
        """Keep this knot."""
        held = np.flatnonzero(self.weights)
        columns = np.array(self.active, dtype=int)[held]
        order = np.argsort(columns)
        self.penalties.append(self.penalty)
        self.supports.append(columns[order])
        self.values.append((self.weights[held] / self.scale[columns])[order])
