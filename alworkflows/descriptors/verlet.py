"""A neighbour list with a skin, which serves many steps of dynamics."""

from __future__ import annotations

import numpy as np

from alworkflows.descriptors.neighbours import Neighbours, neighbours

__all__ = ["VerletList"]


class VerletList:
    """Pairs within the cutoff plus a skin, remade when a pair outside the list may have come within the cutoff.

    Let the cell have been deformed by F since the list was made, and an atom have moved by d besides. A pair that was at least
    r_c + skin apart is at least sigma_min(F) (r_c + skin) - 2 max |d| apart now, with sigma_min the smallest singular value.

    Parameters
    ----------
    cutoff, skin : float
        A.
    """

    def __init__(self, cutoff: float, skin: float) -> None:
        self.cutoff, self.skin = cutoff, skin
        self.builds = 0
        self._pairs: Neighbours | None = None
        self._positions = np.zeros((0, 3))
        self._cell = np.zeros((3, 3))
        self._inverse: np.ndarray | None = None
        self._pbc = np.zeros(3, dtype=bool)

    def update(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> tuple[Neighbours, np.ndarray]:
        """Return the list, and the deformation F (3, 3) of the cell since it was made.

        ``vectors`` of the list are sums of lattice vectors at that time: a pair is x_j - x_i + vector @ F apart.
        """
        deform = self._deformation(cell)
        if self._pairs is None or deform is None or not np.array_equal(pbc, self._pbc) or self._stale(positions, deform):
            deform = np.eye(3)
            return self._build(positions, cell, pbc), deform
        return self._pairs, deform

    def _build(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> Neighbours:
        self._pairs = neighbours(positions, cell, pbc, self.cutoff + self.skin, offsets=True)
        self._positions, self._cell, self._pbc = positions.copy(), np.array(cell), np.array(pbc)
        self._inverse = np.linalg.inv(self._cell) if self._pbc.all() else None
        self.builds += 1
        return self._pairs

    def state(self) -> dict[str, np.ndarray]:
        """Return what the list was made of: the order of its pairs, and with it the last bits of a sum over them, follow."""
        return {} if self._pairs is None else {"positions": self._positions, "cell": self._cell, "pbc": self._pbc}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Make the list again that had this state."""
        if state:
            self._build(state["positions"], state["cell"], state["pbc"])

    def _deformation(self, cell: np.ndarray) -> np.ndarray | None:
        if np.array_equal(cell, self._cell):
            return np.eye(3)
        return None if self._inverse is None else self._inverse @ cell

    def _stale(self, positions: np.ndarray, deform: np.ndarray) -> bool:
        if len(positions) != len(self._positions) or not np.isfinite(deform).all():
            return True
        identity = (deform == np.eye(3)).all()
        moved = positions - (self._positions if identity else self._positions @ deform)
        smallest = 1.0 if identity else np.linalg.svd(deform, compute_uv=False)[2]
        reach = smallest * (self.cutoff + self.skin) - 2.0 * np.sqrt(np.einsum("ij,ij->i", moved, moved).max(initial=0.0))
        return not reach > self.cutoff  # also where a position is not a number
