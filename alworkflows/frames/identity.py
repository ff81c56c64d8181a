"""The exact identity of a configuration, and frames that occur twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from ase import Atoms

from alworkflows.frames.state import charge_of, moments_of

__all__ = ["duplicates", "frame_id"]


def frame_id(atoms: Atoms) -> str:
    """Return the exact identity of a configuration: 16 hex digits of SHA-256 over species, positions, cell and periodicity.

    Two frames share an id only if every number is the same to the last bit; labels and origin do not enter. Charge and initial
    moments do where there are any.
    """
    digest = hashlib.sha256()
    digest.update(np.ascontiguousarray(atoms.numbers, dtype="<i8").tobytes())
    # adding zero turns -0.0 into 0.0, which compares equal but has other bytes
    digest.update(np.ascontiguousarray(atoms.positions + 0.0, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(np.asarray(atoms.cell) + 0.0, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(atoms.pbc, dtype="u1").tobytes())
    if charge := charge_of(atoms):
        digest.update(b"charge" + np.float64(charge).tobytes())
    if (moments := moments_of(atoms)) is not None:
        digest.update(b"moments" + np.ascontiguousarray(moments + 0.0, dtype="<f8").tobytes())
    return digest.hexdigest()[:16]


def duplicates(frames: Sequence[Atoms]) -> list[int]:
    """Return the indices of frames whose id occurred earlier in the list."""
    seen: set[str] = set()
    repeated = []
    for index, frame in enumerate(frames):
        identity = frame_id(frame)
        if identity in seen:
            repeated.append(index)
        seen.add(identity)
    return repeated
