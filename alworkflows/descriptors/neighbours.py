"""Who is near whom: full neighbour lists from a kernel, and the species of atoms as numbers."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.descriptors.library import library
from alworkflows.errors import InputError

__all__ = ["FARTHEST", "Neighbours", "check_kinds", "kinds_of", "limits_of", "list_kernel", "neighbours", "pointer"]

_A, _D, _I, _L = ctypes.c_void_p, ctypes.c_double, ctypes.c_int, ctypes.c_int64
#: as in ``neighbours.c``; its number of arguments is checked at each call
list_kernel = library.alw_neighbours
list_kernel.restype = _L
list_kernel.argtypes = [_L, _A, _A, _A, _D, _I, _L, _L, _L, _A, _A, _A]
#: as in ``neighbours.c``: why there is no list
_NO_VOLUME, _TOO_MANY_IMAGES, _TOO_MANY_NEIGHBOURS = -2, -3, -4

#: A; coordinates beyond are not known to a tenth of what tells two places apart (``COINCIDENT`` of :mod:`.contract`)
FARTHEST = 1e6
#: A; settings of descriptors end at a fifth of it
LONGEST_CUTOFF = 100.0
#: images of atoms that a list may look at: in all, and more for each atom
IMAGES, IMAGES_PER_ATOM = 4_000_000, 100
#: neighbours that one atom may have: some, and as many as two atoms per A^3 are, twice the densest hydrogen
CROWD, DENSEST = 1000, 2.0


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

    def __post_init__(self) -> None:
        """Raise a ValueError unless each pair is of two atoms: the kernels follow these numbers."""
        count, total = len(self.first) - 1, len(self.second)
        if count < 0 or self.first[0] or self.first[-1] != total or (self.first[1:] < self.first[:-1]).any():
            raise ValueError(f"expected first to rise from 0 to the number of pairs, {total}, got {self.first}")
        if total and not (self.second.min() >= 0 and self.second.max() < count):
            raise ValueError(f"expected second to be atoms from 0 to {count - 1}, got {self.second.min()} to {self.second.max()}")
        if self.vectors.shape != (total, 3):
            raise ValueError(f"expected vectors of shape {(total, 3)}, got {self.vectors.shape}")

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
        If positions or lattice vectors are not finite or absurdly far, or a periodic direction has no lattice vector.
    """
    positions = np.ascontiguousarray(positions, dtype=float)
    cell = np.array(cell, dtype=float)
    if not (np.abs(positions).max(initial=0.0) <= FARTHEST and np.abs(cell).max() <= FARTHEST):
        _refuse_far(positions, cell, pbc, where)
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
    if not len(positions):
        return positions, cell
    inverse = np.linalg.inv(cell)
    fractional = shifted @ inverse
    for axis in np.flatnonzero(~pbc):
        shifted -= (fractional[:, axis].min() - 1e-9) * cell[axis]
    return np.ascontiguousarray(shifted), cell


def _refuse_far(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, where: str) -> None:
    """Raise the InputError of a frame that is not finite or reaches too far; lattice vectors that are not periodic may."""
    if not np.isfinite(positions).all() or not np.isfinite(cell).all():
        raise InputError(f"{where}: expected finite positions and cell, got NaN or infinity")
    for name, values in (("coordinates", positions), ("lattice vectors", cell[pbc])):
        farthest = np.abs(values).max(initial=0.0)
        if farthest > FARTHEST:
            raise InputError(f"{where}: expected {name} up to {FARTHEST:g} A, got {farthest:g} A")


def neighbours(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float, offsets: bool = False) -> Neighbours:
    """Return the full neighbour list within ``cutoff`` (A), periodic images included; cost linear in the number of atoms.

    With ``offsets`` its vectors are less the difference of the positions, as :meth:`Neighbours.without` makes them.

    Raises
    ------
    InputError
        If the cutoff is not between 0 and 100 A, or the frame is one that no list can or should be made of: not finite, without
        volume, with a cell so thin or skew, or atoms so crowded, that the list would outgrow the memory.
    """
    if not 0.0 < cutoff <= LONGEST_CUTOFF:
        raise InputError(f"neighbours: expected a cutoff above 0 and up to {LONGEST_CUTOFF:g} A, got {cutoff:g} A")
    pbc = np.asarray(pbc, dtype=bool)
    positions, cell = frame_arrays(positions, cell, pbc)
    count = len(positions)
    most_images, most_near = limits_of(count, cutoff)
    first = np.zeros(count + 1, dtype=np.int64)
    flags = np.ascontiguousarray(pbc, dtype=np.int32)
    capacity = max(64, 100 * count)
    while True:
        second, vectors = _room(capacity)
        needed = list_kernel(
            _L(count),
            pointer(positions, np.float64, (count, 3)),
            pointer(np.ascontiguousarray(cell), np.float64, (3, 3)),
            pointer(flags, np.int32, (3,)),
            _D(cutoff),
            _I(offsets),
            _L(capacity),
            _L(most_images),
            _L(most_near),
            pointer(first, np.int64),
            pointer(second, np.int32),
            pointer(vectors, np.float64),
        )
        if needed < 0:
            raise InputError(f"frame: {_reason(needed, count, cell, cutoff, most_images, most_near)}")
        if needed <= capacity:
            return Neighbours(first, second[:needed], vectors[:needed])
        capacity = int(needed * 1.1)


def limits_of(count: int, cutoff: float) -> tuple[int, int]:
    """Return how many images of atoms a list of so many atoms may look at, and how many neighbours one of them may have."""
    return IMAGES + IMAGES_PER_ATOM * count, CROWD + int(DENSEST * 4.0 / 3.0 * np.pi * cutoff**3)


def _room(pairs: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        return np.empty(pairs, dtype=np.int32), np.empty((pairs, 3))
    except MemoryError:
        raise InputError(f"frame: no memory for {pairs:,} pairs of neighbours; take a smaller frame or cutoff") from None


def _reason(status: int, count: int, cell: np.ndarray, cutoff: float, most_images: int, most_near: int) -> str:
    """Return why the kernel made no list, as a sentence."""
    if status == _NO_VOLUME:
        return f"expected a cell with volume, got {cell.tolist()}"
    if status == _TOO_MANY_IMAGES:
        return (
            f"the cell is too thin or too skew for a cutoff of {cutoff:g} A: that reaches more than {most_images:,} images "
            f"of {count:,} atoms; got {cell.tolist()}"
        )
    if status == _TOO_MANY_NEIGHBOURS:
        return (
            f"the atoms are too crowded: one has more than {most_near:,} neighbours within {cutoff:g} A, images included; "
            "are units or lattice vectors wrong?"
        )
    return f"no memory for the neighbours of {count:,} atoms within {cutoff:g} A"


def check_kinds(kinds: np.ndarray, species: int) -> None:
    """Raise a ValueError unless indices (N,) are of so many species: the kernels follow them."""
    if len(kinds) and not (kinds.min() >= 0 and kinds.max() < species):
        raise ValueError(f"expected indices of {species} species, got {kinds.min()} to {kinds.max()}")


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
