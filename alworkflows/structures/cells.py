"""Lattice vectors: whether they span a cell, whether shorter ones do, and along how many of them there is empty space."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError

__all__ = [
    "MIN_VACUUM",
    "cell_fault",
    "count_open_directions",
    "gaps",
    "gather",
    "is_isolated",
    "is_skewed",
    "reduce_cell",
    "vacuum",
]

#: Least empty space (A) for a structure to count as a slab: the two surfaces are then beyond each other's cutoff in most models.
MIN_VACUUM = 6.0
#: A; a box made with just enough vacuum has just enough.
ROUNDING = 1e-6
#: A; a vector shorter than this is none
_MISSING = 1e-6
#: by how much a vector must be longer than another that takes its place
_SHORTER = 1e-6
#: least volume of a cell over that of a box of the same lengths (angles of 1 degree: 3e-4)
_FLAT = 1e-6


def cell_fault(cell: np.ndarray) -> str | None:
    """Return what is wrong with lattice vectors (3, 3), A, and what helps; None if they span a cell."""
    lengths = np.linalg.norm(cell, axis=1)
    missing = np.flatnonzero(lengths < _MISSING)
    if len(missing) == 3:
        return (
            "expected a cell of three lattice vectors, got none: put it into a box with vacuum (in ASE: atoms.center(vacuum=6))"
        )
    if len(missing):
        names, axes = " and ".join("abc"[axis] for axis in missing), ", ".join(str(axis) for axis in missing)
        some, axes = ("s", f"({axes})") if len(missing) > 1 else ("", axes)
        return f"no lattice vector{some} along {names}: add vacuum (in ASE: atoms.center(vacuum=6, axis={axes}))"
    if abs(np.linalg.det(cell)) < _FLAT * np.prod(lengths):
        return f"lattice vectors that lie in one plane: {np.round(cell, 3).tolist()}"
    return None


def is_skewed(cell: np.ndarray) -> bool:
    """Return whether a height of the cell is less than half the vector's length; that of fcc's primitive cell is 0.82 of it."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    return bool(np.any(heights < 0.5 * np.linalg.norm(cell, axis=1)))


def reduce_cell(cell: np.ndarray, pbc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the shortest vectors (3, 3) of the same lattice, and the integers (3, 3) that make them of ``cell``.

    Vectors that do not repeat stay. A cell whose vectors are as short stays as it is, in its order.
    """
    from ase.geometry import minkowski_reduce

    reduced, operation = minkowski_reduce(cell, np.asarray(pbc, dtype=bool))
    lengths, shortest = (np.sort(np.linalg.norm(vectors, axis=1)) for vectors in (cell, reduced))
    if np.all(lengths <= shortest * (1 + _SHORTER)):
        return cell, np.eye(3, dtype=int)
    return np.asarray(reduced, dtype=float), np.asarray(operation, dtype=int)


def gaps(atoms: Atoms) -> np.ndarray:
    """Return the widest empty slice between planes of atoms along each lattice vector, (3,) in A; infinite where there is none.

    Raises
    ------
    InputError
        If the structure repeats along a vector that it lacks, or its vectors lie in one plane.
    """
    from ase.geometry import complete_cell

    cell = np.asarray(atoms.cell)
    missing = np.linalg.norm(cell, axis=1) < _MISSING
    full = np.asarray(complete_cell(cell)) if missing.any() and not (missing & atoms.pbc).any() else cell
    fault = cell_fault(full)
    if fault:
        raise InputError(fault)
    return np.where(missing, np.inf, _gaps(atoms.positions, full))


def _gaps(positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    widest = np.zeros(3)
    for axis, fractional in enumerate(np.linalg.solve(cell.T, positions.T)):
        heights_sorted = np.sort(fractional % 1.0)
        between = np.diff(np.append(heights_sorted, heights_sorted[0] + 1.0))
        widest[axis] = between.max() * heights[axis]
    return widest


def _widest(atoms: Atoms) -> np.ndarray:
    """Return the gaps along the shortest vectors of the lattice, (3,) in A."""
    widest = gaps(atoms)
    if not np.isfinite(widest).all():
        return widest
    return _gaps(atoms.positions, reduce_cell(np.asarray(atoms.cell), atoms.pbc)[0])


def vacuum(atoms: Atoms) -> float:
    """Return the widest empty slice (A) between two neighbouring planes of atoms, along whichever lattice vector it is widest.

    Of a skewed cell the shortest vectors of its lattice count: the slice is there whichever were chosen. Raises as :func:`gaps`.
    """
    return float(_widest(atoms).max())


def count_open_directions(atoms: Atoms) -> int:
    """Return along how many vectors of the lattice nothing repeats, or only across vacuum: 0 crystal, 1 slab, 2 wire, 3 particle.

    Raises as :func:`gaps`.
    """
    if not atoms.pbc.any():
        return 3
    widest = _widest(atoms)
    return int((~atoms.pbc | (widest >= MIN_VACUUM - ROUNDING)).sum())


def is_isolated(atoms: Atoms) -> bool:
    """Return whether there is vacuum along all three lattice vectors, or no periodicity at all; raises as :func:`gaps`."""
    return count_open_directions(atoms) == 3


def gather(atoms: Atoms) -> np.ndarray:
    """Return positions (N, 3), A, of what stands in a box, put together where it crosses the box's boundary.

    Along each lattice vector that repeats, the atoms begin behind the widest gap. Raises as :func:`gaps`.
    """
    if not atoms.pbc.any():
        return atoms.get_positions()
    gaps(atoms)
    cell = np.asarray(atoms.cell)
    fractional = atoms.positions @ np.linalg.inv(cell)
    for axis in np.flatnonzero(atoms.pbc):
        inside = fractional[:, axis] % 1.0
        ordered = np.sort(inside)
        widest = int(np.diff(np.append(ordered, ordered[0] + 1.0)).argmax())
        # the first atom beyond the gap begins the structure
        begin = ordered[(widest + 1) % len(ordered)]
        fractional[:, axis] = begin + (inside - begin) % 1.0
    return np.asarray(fractional @ cell)
