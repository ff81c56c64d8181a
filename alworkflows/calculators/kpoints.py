"""Meshes of k-points, and whether there is anything to disperse."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.structures import MIN_VACUUM, cell_fault, gaps

__all__ = ["check_mesh", "mesh", "open_directions", "require_box"]


#: A; a box made with just enough vacuum has just enough.
ROUNDING = 1e-6


def open_directions(frame: Atoms) -> np.ndarray:
    """Return along which lattice vectors (3,) there is nothing to disperse: not periodic, or at least 6 A of vacuum."""
    is_open: np.ndarray = ~np.asarray(frame.pbc, dtype=bool) | (gaps(frame) >= MIN_VACUUM - ROUNDING)
    return is_open


def mesh(frame: Atoms, spacing: float | None) -> tuple[int, int, int]:
    r"""Return the points (3,) of a mesh with Gamma whose spacing is at most ``spacing``.

    .. math:: n_i = \max(1, \lceil |\mathbf{b}_i| / s \rceil)

    ======================  ===========================================================================
    :math:`\mathbf{b}_i`    reciprocal lattice vector, 2 pi included, 1/A
    :math:`s`               ``spacing``, 1/A, 2 pi included (VASP's KSPACING); None: Gamma only
    ======================  ===========================================================================

    Along open directions (see :func:`open_directions`) there is one point.
    """
    if spacing is None:
        return (1, 1, 1)
    lengths = 2.0 * np.pi * np.linalg.norm(np.linalg.inv(np.asarray(frame.cell)), axis=0)
    # rounded first: a length that is a multiple of the spacing but for its last bits must not gain a point
    counts = np.where(open_directions(frame), 1, np.maximum(1, np.ceil(np.round(lengths / spacing, 5)))).astype(int)
    return int(counts[0]), int(counts[1]), int(counts[2])


def check_mesh(frame: Atoms, counts: tuple[int, int, int]) -> None:
    """Raise an ``InputError`` if a mesh has several k-points along a direction in which nothing repeats."""
    for axis in np.flatnonzero(open_directions(frame)):
        if counts[axis] > 1:
            why = f"{gaps(frame)[axis]:.1f} A of vacuum" if frame.pbc[axis] else "no periodicity"
            raise InputError(
                f"kpoints: expected 1 point along lattice vector {axis + 1}, where the frame has {why}, "
                f"got {counts[axis]}; kpoints_spacing chooses by frame"
            )


def require_box(frame: Atoms, program: str) -> None:
    """Raise an ``InputError`` if a program that repeats its cell would let a frame meet its own images unasked."""
    if frame.cell.rank < 3:
        raise InputError(
            f"{program} repeats a cell: expected three lattice vectors, got {np.round(np.asarray(frame.cell), 3).tolist()}; "
            f"{cell_fault(np.asarray(frame.cell))}"
        )
    narrow = ~frame.pbc & (gaps(frame) < MIN_VACUUM - ROUNDING)
    for axis in np.flatnonzero(narrow):
        raise InputError(
            f"{program} repeats its cell in all directions: expected at least {MIN_VACUUM:g} A of vacuum along lattice vector "
            f"{axis + 1}, which is not periodic, got {gaps(frame)[axis]:.1f} A"
        )
