"""The compiled kernels, in the variant that suits the processor."""

from __future__ import annotations

import ctypes
import os

from alworkflows.descriptors import _kernels
from alworkflows.errors import unknown

__all__ = ["LANES", "VARIANT", "library", "variant_function"]

#: numbers that each variant handles together
VARIANTS = {"base": 2, "v3": 4, "v4": 8}

library = ctypes.CDLL(_kernels.__file__)


def _variant() -> str:
    """Return the best variant, or the lesser one that ``ALWORKFLOWS_KERNELS`` asks for (to compare, or to look for an error)."""
    best = library.alw_variant()
    wanted = os.environ.get("ALWORKFLOWS_KERNELS", "")
    usable = list(VARIANTS)[: best + 1]
    if wanted and wanted not in usable:
        raise unknown("variant of the kernels, or one that this processor does not run: ALWORKFLOWS_KERNELS =", wanted, usable)
    return wanted or usable[-1]


VARIANT = _variant()
LANES = VARIANTS[VARIANT]


def variant_function(name: str) -> ctypes._NamedFuncPointer:
    """Return a kernel in the variant in use."""
    return getattr(library, f"{name}_{VARIANT}")
