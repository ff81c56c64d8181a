"""Folded models as flat arrays, which the kernels and programs without Python read."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from alworkflows.descriptors.library import variant_function
from alworkflows.descriptors.neighbours import Neighbours, check_kinds, pointer
from alworkflows.errors import InputError

__all__ = ["DEGREE", "MOST_DEGREE", "MOST_SPECIES", "PAD", "FlatModels", "potential_kernel"]

#: as in ``model.h``: groups of functions and rows of moments are padded to multiples of this; degree of tabulated functions
PAD, DEGREE = 8, 5
#: as many species, and as large a degree, as the kernels have room for
MOST_SPECIES, MOST_DEGREE = 16, 8

#: as in ``potential.h``; its number of arguments is checked at each call
potential_kernel = variant_function("alw_potential")
potential_kernel.argtypes = [ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_void_p] * 9]
_INTEGERS = ("species", "models", "lmax", "linear", "angular", "most")
_NUMBERS = ("cutoff", "inner", "outer")
_ARRAYS = {
    "slots": np.int32,
    "used": np.int32,
    "rows": np.int32,
    "function": np.int32,
    "table": np.float64,
    "own": np.int64,
    "place": np.int32,
    "own_function": np.int32,
    "entry": np.int64,
    "column": np.int32,
    "coupling": np.float64,
    "begin": np.int64,
    "slot": np.int32,
    "power": np.int32,
    "weight": np.float64,
}


class _Model(ctypes.Structure):
    """``Model`` of ``model.h``."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        *((name, ctypes.c_int) for name in _INTEGERS),
        ("bins", ctypes.c_int64),
        *((name, ctypes.c_double) for name in _NUMBERS),
        *((name, ctypes.c_void_p) for name in _ARRAYS),
    ]


@dataclass(frozen=True)
class FlatModels:
    """M models on S species, folded; ``model.h`` says what each means.

    By side (centre, neighbour species), (S, S): ``slots`` linear functions (the models' two-body energies, halved, then N-body
    densities) and ``used`` angular ones; ``table`` (S, S, bins, 6, linear + angular): the functions. Rows of moments by centre,
    degree and neighbour species: ``rows`` (S, lmax + 1, S + 1), and the ``function`` of each. Rows of the energy's derivative by
    model, centre, degree and neighbour species from ``own`` (M S (lmax + 1) S + 1,) on: the row of moments (``place``) and
    function (``own_function``) of each, and from ``entry`` on the ``column`` (row of moments) and ``coupling`` (eV) of
    the matrix between them. N-body terms by model and side from ``begin`` (M S S + 1,) on: the density's ``slot``, its ``power``,
    and ``weight`` (eV).
    """

    species: int
    models: int
    lmax: int
    linear: int
    angular: int
    most: int
    bins: int
    cutoff: float
    inner: float
    outer: float
    slots: np.ndarray
    used: np.ndarray
    rows: np.ndarray
    function: np.ndarray
    table: np.ndarray
    own: np.ndarray
    place: np.ndarray
    own_function: np.ndarray
    entry: np.ndarray
    column: np.ndarray
    coupling: np.ndarray
    begin: np.ndarray
    slot: np.ndarray
    power: np.ndarray
    weight: np.ndarray

    def arrays(self) -> dict[str, int | float | np.ndarray]:
        """Return all of it by name, in the order of ``Model``."""
        return {name: getattr(self, name) for name in (*_INTEGERS, "bins", *_NUMBERS, *_ARRAYS)}

    @cached_property
    def model(self) -> _Model:
        """``Model`` of ``model.h``, with pointers into the arrays here."""
        sides, degrees = (self.species, self.species), self.lmax + 1
        shapes = {
            "slots": sides,
            "used": sides,
            "rows": (self.species, degrees, self.species + 1),
            "function": (int(self.rows[-1, -1, -1]),),
            "table": (*sides, self.bins, DEGREE + 1, self.linear + self.angular),
            "own": (self.models * self.species * degrees * self.species + 1,),
            **dict.fromkeys(("place", "own_function"), (int(self.own[-1]),)),
            "entry": (int(self.own[-1]) + 1,),
            **dict.fromkeys(("column", "coupling"), (int(self.entry[-1]),)),
            "begin": (self.models * self.species**2 + 1,),
            **dict.fromkeys(("slot", "power", "weight"), (int(self.begin[-1]),)),
        }
        pointers = [pointer(getattr(self, name), dtype, shapes[name]) for name, dtype in _ARRAYS.items()]
        self._check_indices()
        return _Model(*(getattr(self, name) for name in (*_INTEGERS, "bins", *_NUMBERS)), *pointers)

    def _check_indices(self) -> None:
        """Raise a ValueError unless all that the kernels follow leads somewhere."""
        rows, linear, angular = len(self.function), self.linear, self.angular
        below = {"slots": linear + 1, "used": angular + 1, "rows": rows + 1, "function": angular, "place": rows}
        below |= {"own_function": angular, "column": rows, "slot": linear}
        for name, limit in below.items():
            values = getattr(self, name)
            if values.size and not (values.min() >= 0 and values.max() < limit):
                raise ValueError(f"{name}: expected indices below {limit}, got {values.min()} to {values.max()}")
        for name in ("own", "entry", "begin"):
            values = getattr(self, name)
            if values[0] or (np.diff(values) < 0).any():
                raise ValueError(f"{name}: expected starts that rise from 0, got {values}")
        if not (1 <= self.species <= MOST_SPECIES and 0 <= self.lmax <= MOST_DEGREE):
            raise ValueError(f"expected at most {MOST_SPECIES} species and degree {MOST_DEGREE}, got {self.species}, {self.lmax}")

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, pairs: Neighbours, deform: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energies (M, N) (eV), forces (M, N, 3) (eV/A) and virials (M, 6) (eV) of M models.

        ``pairs.vectors`` here are what remains of a pair's vector without the positions (sums of lattice vectors): the vector is
        x_j - x_i + offset @ deform. Pairs beyond the cutoff are passed over, so that a list may have a skin.
        """
        (count,), total = kinds.shape, len(pairs.second)
        check_kinds(kinds, self.species)
        energies, forces = np.zeros((self.models, count)), np.zeros((self.models, count, 3))
        virial = np.zeros((self.models, 6))
        status = potential_kernel(
            ctypes.byref(self.model),
            ctypes.c_int64(count),
            pointer(kinds, np.int32),
            pointer(positions, np.float64, (count, 3)),
            pointer(pairs.first, np.int64, (count + 1,)),
            pointer(pairs.second, np.int32, (total,)),
            pointer(pairs.vectors, np.float64, (total, 3)),
            pointer(deform, np.float64, (3, 3)),
            pointer(energies, np.float64),
            pointer(forces, np.float64),
            pointer(virial, np.float64),
        )
        if status:
            raise InputError(f"no memory for the forces of {count:,} atoms in {self.models} models")
        return energies, forces, virial
