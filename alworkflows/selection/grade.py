r"""Extrapolation grade of linear models: how far an atom lies outside what the training atoms span.

For a model linear in descriptors b (P,), the atoms of one species that were trained on are rows of a tall matrix. Of these, an
active set of P rows is chosen whose square matrix A has (locally) the largest determinant. Then each training row is a
combination of active rows with coefficients of at most one, and for any atom

    gamma = max_j |(b A^{-1})_j|

is one or less where the model interpolates, and grows where it extrapolates; it does not depend on the labels, nor on the scale
or any invertible mixture of the descriptors. A frame's grade is the largest of its atoms.

MaxVol: from the rows that a pivoted QR takes first, and C = B A^{-1}, the largest |C_ij| above one says which active row j to
exchange for which row i; the determinant grows by that factor, and C follows by a change of rank one.

Cost for N training atoms of a species and P terms: N P^2 for the start and N P for each exchange, of which there are about P; the
grade of an atom costs P^2.

References
----------
Goreinov et al., "How to find a good submatrix", in Matrix Methods, World Scientific (2010), p. 247; Podryabinkin and Shapeev,
Comput. Mater. Sci. 140, 171 (2017); by species for linear expansions: Lysogorskiy et al., Phys. Rev. Materials 7, 043801 (2023).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alworkflows.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

    from alworkflows.descriptors import Descriptors
    from alworkflows.models import Ensemble

__all__ = ["ActiveSet", "maxvol"]

#: singular values, of columns of unit norm, below this share of the largest are no direction of the training atoms but rounding
RANK = 1e-6
#: an exchange has to make the determinant larger by this
GAIN = 1e-3


@dataclass(frozen=True)
class ActiveSet:
    """The atoms that span what a linear model was trained on, and the grade of others by them.

    ``columns`` (Q,): the descriptors that count; ``inverses``: for each species present (Q, R), so that gamma of a row b (Q,) is
    max |b inverse|, with R directions that its training atoms reach.
    """

    descriptors: Descriptors
    columns: np.ndarray
    inverses: dict[str, np.ndarray]

    @classmethod
    def of_ensemble(cls, ensemble: Ensemble, frames: Iterable[Atoms]) -> ActiveSet:
        """Return the active set of what an ensemble was trained on, by the terms that any of its linear members uses.

        Raises
        ------
        InputError
            If no member is linear in descriptors.
        """
        # choosing by another criterion imports no models
        from alworkflows.models.capabilities import LinearTerms

        linear, _ = ensemble.having(LinearTerms, "extrapolation grade")
        return cls.of_frames(linear.descriptors, frames, linear.columns)

    @classmethod
    def of_frames(cls, descriptors: Descriptors, frames: Iterable[Atoms], columns: np.ndarray) -> ActiveSet:
        """Return the active set of frames.

        Raises
        ------
        InputError
            If there are no frames, or no columns.
        """
        if not len(columns):
            raise InputError("extrapolation grade: expected a model with at least one term, got none")
        rows: dict[str, list[np.ndarray]] = {}
        for frame in frames:
            values, symbols = descriptors.values(frame)[:, columns], np.array(frame.get_chemical_symbols())
            for symbol in set(symbols.tolist()):
                rows.setdefault(symbol, []).append(values[symbols == symbol])
        if not rows:
            raise InputError("extrapolation grade: expected the frames that were trained on, got none")
        return cls(descriptors, columns, {symbol: inverse_of(np.concatenate(parts)) for symbol, parts in rows.items()})

    def atoms(self, frame: Atoms) -> np.ndarray:
        """Return the grade of each atom (N,); infinite for a species that was never trained on."""
        values, symbols = self.descriptors.values(frame)[:, self.columns], np.array(frame.get_chemical_symbols())
        grades = np.full(len(frame), np.inf)
        for symbol, inverse in self.inverses.items():
            mask = symbols == symbol
            grades[mask] = np.abs(values[mask] @ inverse).max(axis=1, initial=0.0)
        return grades

    def grades(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Return the grade of each frame (F,): the largest of its atoms."""
        return np.array([self.atoms(frame).max() for frame in frames])


def inverse_of(rows: np.ndarray) -> np.ndarray:
    """Return T A^{-1} (P, R) of the active rows A (R, R) of ``rows`` (N, P), in coordinates rows @ T (N, R) that they span."""
    norm = np.sqrt((rows**2).sum(axis=0))
    scale = np.where(norm > 0, 1 / np.where(norm > 0, norm, 1.0), 0.0)
    values, vectors = np.linalg.eigh((rows * scale).T @ (rows * scale))
    kept = values > RANK**2 * values[-1]
    turn = scale[:, None] * (vectors[:, kept] / np.sqrt(values[kept]))
    turned = rows @ turn
    return np.asarray(turn @ np.linalg.inv(turned[maxvol(turned)]))


def maxvol(rows: np.ndarray) -> np.ndarray:
    """Return the indices (R,) of rows of ``rows`` (N, R), of full rank, whose determinant no single exchange makes larger.

    Raises
    ------
    InputError
        If there are fewer rows than columns.
    """
    from scipy.linalg import qr

    count, size = rows.shape
    if count < size:
        raise InputError(f"active set: expected at least as many rows as columns ({size}), got {count}")
    active = qr(rows.T, mode="r", pivoting=True)[1][:size].copy()
    shares = np.linalg.solve(rows[active].T, rows.T).T
    for _ in range(20 * size + 100):
        row, column = np.unravel_index(int(np.argmax(np.abs(shares))), shares.shape)
        pivot = shares[row, column]
        if abs(pivot) <= 1 + GAIN:
            break
        active[column] = row
        # Sherman and Morrison: the exchanged row becomes a unit vector
        step = shares[row].copy()
        step[column] -= 1.0
        shares -= np.outer(shares[:, column] / pivot, step)
    return active
