"""The C kernels, with shapes and types checked before a pointer leaves Python."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.descriptors.library import LANES, library, variant_function
from alworkflows.descriptors.radial import ORDER, RadialTable
from alworkflows.errors import InputError

__all__ = ["Neighbours", "Shape", "design", "kinds_of", "neighbours", "pointer", "pull"]

_neighbours = library.alw_neighbours
_neighbours.restype = ctypes.c_long
_design = variant_function("alw_design")
_D, _I, _L = ctypes.c_double, ctypes.c_int, ctypes.c_long


def pointer(array: np.ndarray | None, dtype: type, shape: tuple[int, ...] | None = None) -> Any:
    """Return the address of an array that is as the kernels expect it, for ctypes; none for none."""
    if array is None:
        return None
    if array.dtype != dtype or not array.flags.c_contiguous:
        found = f"{array.dtype} (contiguous: {array.flags.c_contiguous})"
        raise TypeError(f"expected a contiguous array of {np.dtype(dtype)}, got {found}")
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
        found = _neighbours(
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
        if found < 0:
            raise MemoryError(f"neighbour list of {count} atoms")
        if found <= capacity:
            return Neighbours(first, second[:found], vectors[:found])
        capacity = int(found * 1.1)


@dataclass(frozen=True)
class Shape:
    """Species S, radial functions R, and the powers l and m, as the kernels want them."""

    species: int
    radial: int
    l: np.ndarray  # noqa: E741
    m: np.ndarray

    @property
    def pairs(self) -> int:
        """Number of unordered pairs of species."""
        return self.species * (self.species + 1) // 2

    @property
    def columns(self) -> int:
        """Number of descriptors."""
        return (self.pairs + self.species * self.pairs * len(self.l) + self.species**2 * len(self.m)) * self.radial


def _radial(table: RadialTable, packed: np.ndarray) -> tuple[Any, ...]:
    """Return the arguments cutoff, inner, outer, bins, table."""
    chunks = -(-table.size // LANES)
    return (
        _D(table.cutoff),
        _D(table.inner),
        _D(table.outer),
        _L(table.bins),
        pointer(packed, np.float64, (chunks, table.bins, ORDER, LANES)),
    )


def _descriptors(
    shape: Shape,
    kinds: np.ndarray,
    pairs: Neighbours,
    table: RadialTable,
    out: tuple[np.ndarray | None, ...],
    weights: np.ndarray | None = None,
    pulled: np.ndarray | None = None,
) -> None:
    count, total = len(kinds), len(pairs.second)
    status = _design(
        _L(count),
        pointer(kinds, np.int32, (count,)),
        pointer(pairs.first, np.int64, (count + 1,)),
        pointer(pairs.second, np.int32),
        pointer(pairs.vectors, np.float64, (total, 3)),
        *_radial(table, table.packed),
        _I(shape.species),
        _I(shape.radial),
        _I(len(shape.l)),
        pointer(shape.l, np.int32),
        _I(len(shape.m)),
        pointer(shape.m, np.int32),
        *(pointer(array, np.float64) for array in out),
        pointer(weights, np.float64, (count, shape.columns)),
        pointer(pulled, np.float64),
    )
    if status:
        raise MemoryError(f"descriptors of {count} atoms")


def design(
    shape: Shape, kinds: np.ndarray, pairs: Neighbours, table: RadialTable, values: bool, rows: bool, virial: bool
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Return values (N, P), energy row (P,), minus-gradient rows (3 N, P) and virial rows (6, P); None where not asked for."""
    count, columns = len(kinds), shape.columns
    out = (
        np.zeros((count, columns)) if values else None,
        np.empty(columns) if rows else None,
        np.empty((3 * count, columns)) if rows else None,
        np.empty((6, columns)) if virial else None,
    )
    _descriptors(shape, kinds, pairs, table, out)
    return out


def pull(
    shape: Shape, kinds: np.ndarray, pairs: Neighbours, table: RadialTable, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return forces (N, 3) and virial (6,) of an energy whose derivative by each atom's descriptors is ``weights`` (N, P)."""
    count = len(kinds)
    shares = np.zeros((-(-shape.radial // LANES), 3 * count + 6))
    _descriptors(shape, kinds, pairs, table, (None,) * 4, weights, shares)
    total = shares.sum(axis=0)
    return total[: 3 * count].reshape(count, 3), total[3 * count :]


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
