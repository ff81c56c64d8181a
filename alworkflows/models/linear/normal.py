"""Normal equations: the design matrix is never held, a fold is left out by subtraction, errors follow from the sums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from alworkflows.models.linear.blas import add_gram
from alworkflows.models.linear.rows import Rows

__all__ = ["Gatherer", "Normal"]

#: rows gathered before one update of a Gram matrix: enough for the full speed of matrix products
BLOCK = 1536


@dataclass
class Normal:
    """Accumulators of weighted rows x with targets y, and of the atoms of each species that an energy counts.

    ``xx`` (P, P), ``xy`` (P,), ``yy``; ``nx`` (S, P), ``nn`` (S, S), ``ny`` (S,): the same for species counts, over all energies
    there are with the weights they have or would have; ``fitted`` (0 or more): energies that are among the rows, with
    reference energies of the species that are free.
    """

    xx: np.ndarray
    xy: np.ndarray
    yy: float
    nx: np.ndarray
    nn: np.ndarray
    ny: np.ndarray
    rows: int = 0
    frames: int = 0
    energies: int = 0
    fitted: int = 0

    @classmethod
    def empty(cls, size: int, species: int) -> Normal:
        """Return accumulators of nothing."""
        return cls(
            np.zeros((size, size)),
            np.zeros(size),
            0.0,
            np.zeros((species, size)),
            np.zeros((species, species)),
            np.zeros(species),
        )

    def __add__(self, other: Normal) -> Normal:
        return Normal(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    def __sub__(self, other: Normal) -> Normal:
        return Normal(*(getattr(self, item.name) - getattr(other, item.name) for item in fields(self)))

    def restricted(self, support: np.ndarray) -> Normal:
        """Return the accumulators of some columns alone."""
        if len(support) == len(self.xy):
            return self
        counts = (self.rows, self.frames, self.energies, self.fitted)
        columns = (self.xx[np.ix_(support, support)], self.xy[support], self.yy, self.nx[:, support])
        return Normal(*columns, self.nn, self.ny, *counts)

    def reduced(self) -> tuple[np.ndarray, np.ndarray]:
        """Return X^T X and X^T y with the reference energy of each species projected out where energies are fitted."""
        if not self.fitted:
            return self.xx, self.xy
        back = self.nx.T @ np.linalg.pinv(self.nn, hermitian=True)
        return self.xx - back @ self.nx, self.xy - back @ self.ny

    def reference_energies(self, weights: np.ndarray) -> np.ndarray:
        """Return the energy of each species (eV) that fits the energies best, given weights; minimum norm where undetermined."""
        return np.linalg.pinv(self.nn, hermitian=True) @ (self.ny - self.nx @ weights)

    def error(self, weights: np.ndarray, reference_energies: np.ndarray) -> float | None:
        """Return the root mean square residual of the rows, None if there are none.

        |y - X w|^2 = y^T y - 2 w . X^T y + w^T X^T X w, and the same for the reference energies where energies are
        fitted.
        """
        if not self.rows:
            return None
        square = self.yy - 2 * weights @ self.xy + weights @ self.xx @ weights
        if self.fitted:
            square += reference_energies @ (2 * self.nx @ weights - 2 * self.ny + self.nn @ reference_energies)
        return float(np.sqrt(max(square, 0.0) / self.rows))


class Gatherer:
    """Add rows to accumulators, many at a time.

    Parameters
    ----------
    total
        Accumulators to add to, in place; of ``xx`` the upper triangle alone.
    buffer
        (BLOCK, P) room for rows, which gatherers that work one after another may share.
    energies_fitted
        Whether energies are among the rows, with reference energies that follow from the data.
    """

    def __init__(self, total: Normal, buffer: np.ndarray, energies_fitted: bool) -> None:
        self.total, self._buffer, self._energies_fitted = total, buffer, energies_fitted
        self._used = 0

    def add(self, rows: Rows) -> None:
        """Add the rows of one frame."""
        total = self.total
        for part in _pieces(rows.x, len(self._buffer)):
            if self._used + len(part) > len(self._buffer):
                self.flush()
            self._buffer[self._used : self._used + len(part)] = part
            self._used += len(part)
        start = 0
        for block in rows.x:
            total.xy += rows.y[start : start + len(block)] @ block
            start += len(block)
        total.yy += float(rows.y @ rows.y)
        total.rows += len(rows.y)
        total.frames += 1
        if rows.energy is not None:
            scaled = rows.energy_scale * rows.counts
            total.nx += np.outer(scaled, rows.energy_scale * rows.energy_row)
            total.nn += np.outer(scaled, scaled)
            total.ny += scaled * rows.energy_scale * rows.energy
            total.energies += 1
            total.fitted += self._energies_fitted

    def flush(self) -> None:
        """Bring the Gram matrix up to date."""
        if self._used:
            add_gram(self._buffer[: self._used], self.total.xx)
            self._used = 0


def _pieces(blocks: Iterable[np.ndarray], most: int) -> Iterable[np.ndarray]:
    for block in blocks:
        for start in range(0, len(block), most):
            yield block[start : start + most]
