"""Who is near whom: full neighbour lists from a kernel, and the species of atoms as numbers."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.descriptors.library import library
from alworkflows.errors import InputError

__all__ = ["Neighbours", "kinds_of", "list_kernel", "neighbours", "pointer"]

_A, _D, _I, _L = ctypes.c_void_p, ctypes.c_double, ctypes.c_int, ctypes.c_long
#: as in ``neighbours.c``; its number of arguments is checked at each call
list_kernel = library.alw_neighbours
list_kernel.restype = _L
list_kernel.argtypes = [_L, _A, _A, _A, _D, _I, _L, _A, _A, _A]


def pointer(array: np.ndarray | None, dtype: type, shape: tuple[int, ...] | None = None) -> Any:
    """Return the address of an array that is as the kernels expect it, for ctypes; none for none."""
    if array is None:
        return None
    if array.dtype != dtype or not array.flags.c_contiguous:
        actual = f"{array.dtype} (contiguous: {array.flags.c_contiguous})"
        raise TypeError(f"expected a contiguous array of {np.dtype(dtype)}, got {actual}")
    if shape is not None and array.shape != shape:
        raise TypeError(f"expected an array of shape {shape}, got {array.shape}")
    return ctypes.c_void_p(array.ctypes.data)


@dataclass(frozen=True)
class Neighbours:
    """A full neighbour list: pairs ``first[i]`` to ``first[i + 1]`` belong to atom i.

    ``second`` (M,) is the other atom, ``vectors`` (M, 3) points from i to it (A).
    """

    first: np.ndarray
    second: np.ndarray
    vectors: np.ndarray

    @property
    def centres(self) -> np.ndarray:
        """The first atom of each pair, (M,)."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def without(self, positions: np.ndarray) -> Neighbours:
        """Return the list with vectors less the difference of the positions (N, 3): sums of lattice vectors remain."""
        rest = self.vectors - (positions[self.second] - positions[self.centres])
        return Neighbours(self.first, self.second, rest)


def frame_arrays(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, where: str = "frame") -> tuple[np.ndarray, np.ndarray]:
    """Return positions and a full cell; directions without periodicity get a vector that spans the atoms.

    Raises
    ------
    InputError
        If positions are not finite, or a periodic direction has no lattice vector.
    """
    positions = np.ascontiguousarray(positions, dtype=float)
    cell = np.array(cell, dtype=float)
    if not np.isfinite(positions).all() or not np.isfinite(cell).all():
        raise InputError(f"{where}: expected finite positions and cell, got NaN or infinity")
    if pbc.all():
        if abs(np.linalg.det(cell)) < 1e-9:
            raise InputError(f"{where}: expected a cell with volume for a periodic frame, got {cell.tolist()}")
        return positions, cell
    kept = cell[pbc]
    if np.linalg.matrix_rank(kept) < len(kept):
        raise InputError(f"{where}: expected lattice vectors along the periodic directions {pbc.tolist()}, got {cell.tolist()}")
    # free directions: orthogonal to the periodic ones, long enough for all atoms
    basis = np.linalg.svd(kept, full_matrices=True)[2][len(kept) :] if len(kept) else np.eye(3)
    shifted = positions.copy()
    for axis, direction in zip(np.flatnonzero(~pbc), basis, strict=True):
        along = positions @ direction
        cell[axis] = direction * (np.ptp(along) + 1.0 if len(along) else 1.0)
    inverse = np.linalg.inv(cell)
    fractional = shifted @ inverse
    for axis in np.flatnonzero(~pbc):
        shifted -= (fractional[:, axis].min() - 1e-9) * cell[axis]
    return np.ascontiguousarray(shifted), cell


def neighbours(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float, offsets: bool = False) -> Neighbours:
    """Return the full neighbour list within ``cutoff`` (A), periodic images included; cost linear in the number of atoms.

    With ``offsets`` its vectors are less the difference of the positions, as :meth:`Neighbours.without` makes them.
    """
    pbc = np.asarray(pbc, dtype=bool)
    positions, cell = frame_arrays(positions, cell, pbc)
    count = len(positions)
    first = np.zeros(count + 1, dtype=np.int64)
    flags = np.ascontiguousarray(pbc, dtype=np.int32)
    capacity = max(64, 100 * count)
    while True:
        second, vectors = np.empty(capacity, dtype=np.int32), np.empty((capacity, 3))
        needed = list_kernel(
            _L(count),
            pointer(positions, np.float64, (count, 3)),
            pointer(np.ascontiguousarray(cell), np.float64, (3, 3)),
            pointer(flags, np.int32, (3,)),
            _D(cutoff),
            _I(offsets),
            _L(capacity),
            pointer(first, np.int64),
            pointer(second, np.int32),
            pointer(vectors, np.float64),
        )
        if needed < 0:
            raise MemoryError(f"neighbour list of {count} atoms")
        if needed <= capacity:
            return Neighbours(first, second[:needed], vectors[:needed])
        capacity = int(needed * 1.1)


def kinds_of(atoms: Atoms, species: tuple[str, ...]) -> np.ndarray:
    """Return the index of each atom's species.

    Raises
    ------
    InputError
        If an atom's species is not one of ``species``.
    """
    symbols = atoms.get_chemical_symbols()
    index = {symbol: number for number, symbol in enumerate(species)}
    foreign = sorted(set(symbols) - set(species))
    if foreign:
        raise InputError(f"expected atoms of the species {', '.join(species)}, got {', '.join(foreign)}")
    return np.array([index[symbol] for symbol in symbols], dtype=np.int32)
