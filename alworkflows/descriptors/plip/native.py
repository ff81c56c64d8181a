"""The kernels of PLIP, with shapes and types checked before a pointer leaves Python."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np

from alworkflows.descriptors.library import LANES, variant_function
from alworkflows.descriptors.neighbours import Neighbours, pointer
from alworkflows.descriptors.plip.radial import ORDER, RadialTable

__all__ = ["Shape", "design", "pull"]

_design = variant_function("alw_design")
_D, _I, _L = ctypes.c_double, ctypes.c_int, ctypes.c_long


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
