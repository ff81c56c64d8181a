"""Many small frames through the kernels, with as little around each as there can be.

Of a frame of a few atoms the kernels need tens of microseconds; to make arrays for it, and to check them before a pointer leaves
Python, takes as long again. Here the arrays hold all frames, lists of neighbours are written one after the other into the same
place, and addresses are counted on. Only frames that need no second look come here: see :func:`plain_frames`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from alworkflows.descriptors.contract import COINCIDENT
from alworkflows.descriptors.neighbours import FARTHEST, limits_of, list_kernel
from alworkflows.descriptors.plip.flat import FlatModels, potential_kernel

__all__ = ["PlainFrames", "evaluate_each", "plain_frames"]

#: A^3; a cell of less has no volume
LEAST_VOLUME = 1e-9


@dataclass(frozen=True)
class PlainFrames:
    """Frames that are periodic along all directions, of known species and finite: atoms of all one after the other.

    ``offsets`` (F + 1,) delimits the atoms of each; ``kinds`` (N,) are indices of species; ``positions`` (N, 3) and ``cells``
    (F, 3, 3) in A.
    """

    offsets: np.ndarray
    kinds: np.ndarray
    positions: np.ndarray
    cells: np.ndarray


def plain_frames(frames: Sequence[Atoms], species: Sequence[str]) -> PlainFrames | None:
    """Return frames as arrays; None if one of them needs a second look, or should be refused with a reason."""
    if not all(len(frame) and frame.pbc.all() for frame in frames):
        return None
    positions = np.concatenate([frame.positions for frame in frames], dtype=float)
    cells = np.array([frame.cell.array for frame in frames], dtype=float)
    # false for NaN too
    if not (np.abs(positions).max() <= FARTHEST and np.abs(cells).max() <= FARTHEST):
        return None
    if (np.abs(np.linalg.det(cells)) < LEAST_VOLUME).any():
        return None
    own = np.array([atomic_numbers[symbol] for symbol in species])
    numbers = np.concatenate([frame.numbers for frame in frames])
    order = np.argsort(own)
    kinds = order[np.minimum(np.searchsorted(own, numbers, sorter=order), len(own) - 1)]
    if (own[kinds] != numbers).any():
        return None
    offsets = np.cumsum([0, *map(len, frames)], dtype=np.int64)
    return PlainFrames(offsets, kinds.astype(np.int32), np.ascontiguousarray(positions), cells)


def evaluate_each(models: FlatModels, frames: PlainFrames, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return energies (M, N) (eV), forces (M, N, 3) (eV/A) and virials (M, F, 6) (eV) of M models on all frames.

    None if the kernels refused one, or two atoms are at the same place: whoever looks at that frame alone finds the reason.
    """
    count, total = models.models, len(frames.kinds)
    sizes = np.diff(frames.offsets)
    largest = int(sizes.max())
    capacity = max(64, 100 * largest)
    second, vectors = np.empty(capacity, dtype=np.int32), np.empty((capacity, 3))
    first, periodic = np.zeros(largest + 1, dtype=np.int64), np.ones(3, dtype=np.int32)
    # vectors are whole, so that the kernel has none of positions to add
    still, straight = np.zeros((largest, 3)), np.eye(3)
    # of each frame in turn: (M, n), (M, n, 3) and (M, 6)
    energies, forces, virials = np.zeros(count * total), np.zeros((count * total, 3)), np.zeros((len(sizes), count, 6))
    lists = [array.ctypes.data for array in (first, second, vectors)]
    model, unmoved, unstrained, along = (
        ctypes.addressof(models.model),
        still.ctypes.data,
        straight.ctypes.data,
        periodic.ctypes.data,
    )
    places, cells, kinds = (array.ctypes.data for array in (frames.positions, frames.cells, frames.kinds))
    outputs = [array.ctypes.data for array in (energies, forces, virials)]
    for number, (begin, size) in enumerate(zip(frames.offsets.tolist(), sizes.tolist(), strict=False)):
        place, cell = places + 24 * begin, cells + 72 * number
        limits = limits_of(size, cutoff)
        pairs = list_kernel(size, place, cell, along, cutoff, 0, capacity, *limits, *lists)
        if pairs > capacity:
            capacity = int(1.1 * pairs)
            second, vectors = np.empty(capacity, dtype=np.int32), np.empty((capacity, 3))
            lists = [array.ctypes.data for array in (first, second, vectors)]
            pairs = list_kernel(size, place, cell, along, cutoff, 0, capacity, *limits, *lists)
        if pairs < 0:
            return None
        found = vectors[:pairs]
        if np.einsum("ij,ij->i", found, found).min(initial=np.inf) < COINCIDENT**2:
            return None
        status = potential_kernel(
            model,
            size,
            kinds + 4 * begin,
            unmoved,
            *lists,
            unstrained,
            outputs[0] + 8 * count * begin,
            outputs[1] + 24 * count * begin,
            outputs[2] + 48 * count * number,
        )
        if status:
            return None
    # where the number of an atom of a model stands: after all of the frames before, and of the models before in its own
    atoms = np.repeat((count - 1) * frames.offsets[:-1], sizes) + np.arange(total)
    places_of = atoms + np.arange(count)[:, None] * np.repeat(sizes, sizes)
    return energies[places_of], forces[places_of], virials.transpose(1, 0, 2)
