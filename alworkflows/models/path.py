"""The Lasso path by least angle regression, on normal equations alone.

Efron, Hastie, Johnstone, Tibshirani, "Least angle regression", Ann. Statist. 32, 407 (2004), with the Lasso modification: a
coefficient that reaches zero leaves. Columns are normalised from the Gram matrix's diagonal; no centring, no intercept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

__all__ = ["Path", "lasso_path", "refit"]

#: a column whose residual norm squared, of one, on the active ones falls below this is a copy of them
COLLINEAR = 1e-10


@dataclass(frozen=True)
class Path:
    """Knots of the path: ``levels`` (K,), the correlation that all active columns share, and the active columns after each."""

    levels: np.ndarray
    supports: list[np.ndarray]

    def support(self, terms: int) -> np.ndarray:
        """Return the last support with at most ``terms`` columns."""
        best = self.supports[0]
        for support in self.supports:
            if len(support) <= terms:
                best = support
        return best


def lasso_path(xx: np.ndarray, xy: np.ndarray, max_terms: int) -> tuple[Path, np.ndarray]:
    """Return the path from nothing to ``max_terms`` columns, and the coefficients at its end.

    Parameters
    ----------
    xx, xy
        Gram matrix (P, P) and X^T y (P,); a step costs O(P k) with k active columns.
    """
    scale = np.sqrt(np.maximum(np.diag(xx), 0.0))
    usable = scale > 1e-12 * scale.max(initial=1e-300)
    scale = np.where(usable, scale, 1.0)
    size = len(xy)
    correlation = np.where(usable, xy / scale, 0.0)
    start = float(np.abs(correlation).max(initial=0.0))
    columns = np.empty((max_terms + 2, size))  # normalised Gram rows of the active columns
    factor = np.zeros((max_terms + 2, max_terms + 2))
    active: list[int] = []
    weights = np.zeros(size)
    blocked = ~usable
    levels, supports = [], []
    dropped = -1
    for _ in range(8 * max_terms):
        free = ~blocked
        free[active] = False
        if dropped >= 0:
            free[dropped] = False
        level = float(np.abs(correlation[active]).mean()) if active else start
        if len(active) < max_terms and free.any() and dropped < 0:
            candidate = int(np.argmax(np.where(free, np.abs(correlation), -1.0)))
            count = len(active)
            row = xx[candidate] / (scale[candidate] * scale)
            side = solve_triangular(factor[:count, :count], row[active], lower=True, check_finite=False) if count else np.zeros(0)
            rest = 1.0 - side @ side
            if rest < COLLINEAR:
                blocked[candidate] = True
                continue
            factor[count, :count], factor[count, count] = side, np.sqrt(rest)
            columns[count] = row
            active.append(candidate)
            free[candidate] = False
            level = abs(float(correlation[candidate]))
        elif len(active) >= max_terms:
            break
        dropped = -1
        count = len(active)
        if not count or level < 1e-12 * start:
            break
        signs = np.sign(correlation[active])
        lower = factor[:count, :count]
        half = solve_triangular(lower, signs, lower=True, check_finite=False)
        direction = solve_triangular(lower, half, lower=True, trans=1, check_finite=False)
        change = direction @ columns[:count]
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.concatenate([(level - correlation) / (1 - change), (level + correlation) / (1 + change)])
        steps = np.where(np.concatenate([free, free]) & (steps > 1e-14 * start), steps, np.inf)
        step = min(float(steps.min(initial=np.inf)), level)
        with np.errstate(divide="ignore", invalid="ignore"):
            zero = -weights[active] / direction
        zero = np.where(zero > 1e-14 * start, zero, np.inf)
        leaving = int(np.argmin(zero))
        leaves = bool(zero[leaving] < step)
        if leaves:
            step = float(zero[leaving])
        weights[active] += step * direction
        correlation -= step * change
        if leaves:
            dropped = active.pop(leaving)
            weights[dropped] = 0.0
            columns[leaving : count - 1] = columns[leaving + 1 : count].copy()
            count -= 1
            if count:
                factor[:count, :count] = np.linalg.cholesky(columns[:count][:, active])
        levels.append(level - step)
        supports.append(np.array(sorted(active)))
        if step >= level:
            break
    return Path(np.array(levels), supports), weights / scale


def refit(xx: np.ndarray, xy: np.ndarray, support: np.ndarray, ridge: float) -> np.ndarray:
    """Return least-squares coefficients (P,) on a support, with ``ridge`` added to the normalised Gram matrix's unit diagonal."""
    scale = np.sqrt(np.diag(xx)[support])
    gram = xx[np.ix_(support, support)] / np.outer(scale, scale)
    gram[np.diag_indices_from(gram)] += ridge
    found = np.zeros(len(xy))
    found[support] = cho_solve(cho_factor(gram, lower=True, check_finite=False), xy[support] / scale, check_finite=False) / scale
    return found
