"""The kernels of PLIP, with shapes and types checked before a pointer leaves Python."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np

from alworkflows.descriptors.library import LANES, variant_function
from alworkflows.descriptors.neighbours import Neighbours, check_kinds, pointer
from alworkflows.descriptors.plip.flat import MOST_DEGREE, MOST_SPECIES
from alworkflows.descriptors.plip.radial import ORDER, RadialTable
from alworkflows.errors import InputError

__all__ = ["Shape", "design", "pull", "push"]

_design, _product = variant_function("alw_design"), variant_function("alw_product")
_D, _I, _L = ctypes.c_double, ctypes.c_int, ctypes.c_int64


@dataclass(frozen=True)
class Shape:
    """Species S, radial functions R, and the powers l and m, as the kernels want them."""

    species: int
    radial: int
    l: np.ndarray  # noqa: E741
    m: np.ndarray

    def __post_init__(self) -> None:
        """Raise an InputError if it is more than the kernels have room for."""
        if not 1 <= self.species <= MOST_SPECIES:
            raise InputError(f"expected at most {MOST_SPECIES} species, got {self.species}")
        if len(self.l) and not 0 <= self.l.min() <= self.l.max() <= MOST_DEGREE:
            raise InputError(f"expected l between 0 and {MOST_DEGREE}, got {self.l.tolist()}")
        if len(self.m) and self.m.min() < 2:
            raise InputError(f"expected m of 2 or more, got {self.m.tolist()}")

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


def _call(kernel: Any, shape: Shape, kinds: np.ndarray, pairs: Neighbours, table: RadialTable, *more: Any) -> None:
    count, total = len(kinds), len(pairs.second)
    check_kinds(kinds, shape.species)
    status = kernel(
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
        *more,
    )
    if status:
        raise InputError(f"no memory for {shape.columns:,} descriptors of {count:,} atoms")


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
    _call(_design, shape, kinds, pairs, table, *(pointer(array, np.float64) for array in out))
    return out


def pull(
    shape: Shape, kinds: np.ndarray, pairs: Neighbours, table: RadialTable, derivatives: np.ndarray, column: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return forces (M, N, 3) and virials (M, 6) from dE/dB (M, N, P), as far as the columns from ``column`` on make them."""
    members, count, width = derivatives.shape
    shares = np.zeros((-(-shape.radial // LANES), members, 3 * count + 6))
    part = _columns(derivatives, column, shape)
    _call(_product, shape, kinds, pairs, table, _L(members), _L(width), None, None, None, part, pointer(shares, np.float64))
    total = shares.sum(axis=0)
    return total[:, : 3 * count].reshape(members, count, 3), total[:, 3 * count :]


def push(
    shape: Shape,
    kinds: np.ndarray,
    pairs: Neighbours,
    table: RadialTable,
    moves: np.ndarray,
    strains: np.ndarray,
    changes: np.ndarray,
    column: int,
) -> None:
    """Write the columns of ``changes`` (M, N, P) from ``column`` on, from moves (M, N, 3) and strains (M, 3, 3) of the pairs."""
    members, count, width = changes.shape
    along = pointer(moves, np.float64, (members, count, 3)), pointer(strains, np.float64, (members, 3, 3))
    part = _columns(changes, column, shape)
    _call(_product, shape, kinds, pairs, table, _L(members), _L(width), *along, part, None, None)


def _columns(array: np.ndarray, column: int, shape: Shape) -> Any:
    """Return the address of a shape's columns within an array of all columns (M, N, P)."""
    if column + shape.columns > array.shape[2]:
        raise TypeError(f"expected at least {column + shape.columns} columns, got {array.shape[2]}")
    return ctypes.c_void_p(pointer(array, np.float64).value + 8 * column)
