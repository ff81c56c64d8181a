"""Cholesky factor of a growing and shrinking Gram matrix, packed so that no triangle is ever copied to be solved with."""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import dtpsv
from scipy.linalg.lapack import dtpqrt, dtpttr, dtrttp

__all__ = ["Factor"]


class Factor:
    """Upper factor R of a positive definite matrix, R^T R = G, one packed column after another.

    Appending a row and column of G, and solving with G, cost O(k^2); so does leaving one out, by a QR factorisation
    of the triangle behind it together with the row that is left over (LAPACK ``tpqrt``): stable, as it adds to that triangle.

    Parameters
    ----------
    capacity
        Rows it may grow to.
    """

    def __init__(self, capacity: int) -> None:
        self._packed = np.empty(capacity * (capacity + 1) // 2)
        self.count = 0

    @property
    def _used(self) -> np.ndarray:
        return self._packed[: self.count * (self.count + 1) // 2]

    def half(self, side: np.ndarray) -> np.ndarray:
        """Return R^-T ``side`` (k,)."""
        return dtpsv(self.count, self._used, side, trans=1) if self.count else np.zeros(0)

    def solve(self, side: np.ndarray) -> np.ndarray:
        """Return G^-1 ``side`` (k,)."""
        return dtpsv(self.count, self._used, self.half(side), overwrite_x=1) if self.count else np.zeros(0)

    def append(self, column: np.ndarray, diagonal: float, tolerance: float) -> bool:
        """Grow by a row and column of G, unless what it adds is, relative to the diagonal, not above ``tolerance``."""
        side = self.half(column)
        rest = diagonal - float(side @ side)
        if rest <= tolerance * diagonal:
            return False
        start, count = len(self._used), self.count
        self._packed[start : start + count] = side
        self._packed[start + count] = np.sqrt(rest)
        self.count += 1
        return True

    def remove(self, index: int) -> None:
        """Leave out a row and column of G."""
        count = self.count - 1
        full, _ = dtpttr(self.count, self._used)
        kept = np.empty((count, count), order="F")
        kept[:, :index] = full[:count, :index]
        kept[:, index:] = full[:count, index + 1 :]
        if index < count:
            # behind the column that left, the rows below moved up by one are a triangle again, and the row at its place is over
            triangle = np.asfortranarray(full[index + 1 :, index + 1 :])
            over = np.asfortranarray(full[index : index + 1, index + 1 :])
            triangle, _, _, _ = dtpqrt(0, min(32, len(triangle)), triangle, over, overwrite_a=1, overwrite_b=1)
            kept[index:, index:] = triangle
        self.count = count
        if count:
            self._used[:] = dtrttp(kept)[0]
