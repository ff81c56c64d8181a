"""Symmetric rank-k update by the BLAS that comes with scipy, without the interpreter's lock, which scipy's own wrapper holds."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

__all__ = ["add_gram"]


@cache
def _dsyrk() -> Any:
    """Return ``dsyrk`` of scipy's BLAS as a foreign function; calls of such functions release the lock."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__["dsyrk"]
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 10)(pointer(capsule, name(capsule)))


def add_gram(rows: np.ndarray, xx: np.ndarray) -> None:
    """Add ``rows``^T ``rows`` to the upper triangle of ``xx``.

    Parameters
    ----------
    rows : (R, P) float64
    xx : (P, P) float64
        Both C-contiguous; to Fortran, their transposes.
    """
    count, size = rows.shape
    if rows.dtype != np.float64 or xx.dtype != np.float64 or xx.shape != (size, size):
        raise TypeError(f"expected doubles (R, P) and (P, P), got {rows.dtype} {rows.shape} and {xx.dtype} {xx.shape}")
    if not (rows.flags.c_contiguous and xx.flags.c_contiguous):
        raise ValueError("expected C-contiguous arrays")
    n, k, one = ctypes.c_int(size), ctypes.c_int(count), ctypes.c_double(1.0)
    # C = A A^T + C with A = rows^T, of which Fortran's lower triangle is our upper one
    _dsyrk()(
        ctypes.cast(ctypes.c_char_p(b"L"), ctypes.c_void_p),
        ctypes.cast(ctypes.c_char_p(b"N"), ctypes.c_void_p),
        ctypes.addressof(n),
        ctypes.addressof(k),
        ctypes.addressof(one),
        rows.ctypes.data,
        ctypes.addressof(n),
        ctypes.addressof(one),
        xx.ctypes.data,
        ctypes.addressof(n),
    )
