"""Regressions on normal equations: least squares on a support, ridge, minimum-norm least squares, and the Lasso by coordinates.

All work on columns of unit norm, taken from the diagonal of the Gram matrix, and return coefficients of the columns as they are.
"""

from __future__ import annotations

import warnings
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from alworkflows.models.linear.path import norms

__all__ = ["Spectrum", "coordinate_lasso", "refit"]


def refit(xx: np.ndarray, xy: np.ndarray, ridge: float) -> np.ndarray:
    """Return least-squares coefficients (k,) of all columns, with ``ridge`` added to the normalised Gram matrix's diagonal."""
    scale, usable = norms(xx)
    gram = xx / np.outer(scale, scale)
    gram[np.diag_indices_from(gram)] += ridge + ~usable
    try:
        factor = cho_factor(gram, lower=True, check_finite=False)
    except np.linalg.LinAlgError:  # columns that are copies of one another to the last digits
        return Spectrum(xx, xy).least_squares(None)[0]
    return np.asarray(cho_solve(factor, xy / scale, check_finite=False)) / scale


class Spectrum:
    """Eigenvalues of a normalised Gram matrix: squares of the singular values of the normalised design matrix.

    Parameters
    ----------
    xx, xy
        Gram matrix (P, P) and X^T y (P,).
    """

    def __init__(self, xx: np.ndarray, xy: np.ndarray) -> None:
        self._xx = xx
        self._scale, self._usable = norms(xx)
        self._xy = np.where(self._usable, xy / self._scale, 0.0)

    @cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Eigenvalues, eigenvectors, X^T y along them."""
        gram = self._xx / np.outer(self._scale, self._scale)
        gram[~self._usable] = gram[:, ~self._usable] = 0.0
        values, vectors = np.linalg.eigh(gram)
        return values, vectors, vectors.T @ self._xy

    def ridge(self, alpha: float) -> np.ndarray:
        """Return the coefficients (P,) that minimise |y - X w|^2 + alpha sum_j s_j^2 w_j^2, with s_j the norm of column j."""
        values, vectors, along = self._parts
        return np.asarray(vectors @ (along / (np.maximum(values, 0.0) + alpha))) / self._scale

    def least_squares(self, cutoff: float | None) -> tuple[np.ndarray, int]:
        """Return the least-squares coefficients (P,) of least norm (of normalised columns), and the rank.

        Parameters
        ----------
        cutoff
            Eigenvalues below this share of the largest count as zero; None: P times the rounding of a double (a Gram matrix
            carries no more digits: singular values below the root of it are noise).
        """
        values, vectors, along = self._parts
        share = len(values) * np.finfo(float).eps if cutoff is None else cutoff
        kept = values > share * values[-1]
        return np.asarray(vectors[:, kept] @ (along[kept] / values[kept])) / self._scale, int(kept.sum())

    def root(self) -> tuple[np.ndarray, np.ndarray]:
        """Return R (r, P) and z (r,) with R^T R the normalised Gram matrix and R^T z the normalised X^T y."""
        values, vectors, along = self._parts
        kept = values > len(values) * np.finfo(float).eps * values[-1]
        size = np.sqrt(values[kept])
        return size[:, None] * vectors[:, kept].T, along[kept] / size


def coordinate_lasso(xx: np.ndarray, xy: np.ndarray, penalties: np.ndarray, steps: int = 1000) -> list[np.ndarray]:
    """Return the Lasso's coefficients (P,) at each of the falling penalties by coordinate descent (scikit-learn).

    Each begins from the last. With columns nearly parallel the descent is slow, and what it returns after ``steps`` sweeps is
    only near the minimum.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lasso_path

    scale, _ = norms(xx)
    root, target = Spectrum(xx, xy).root()
    gram = root.T @ root
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, coefficients, _ = lasso_path(
            np.asfortranarray(root),
            target,
            alphas=np.asarray(penalties) / len(target),
            precompute=gram,
            Xy=root.T @ target,
            max_iter=steps,
            tol=1e-8,
        )
    return [column / scale for column in coefficients.T]
