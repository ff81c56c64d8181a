r"""Atoms that are held still: what the constraints of a structure say, as a mask, and a mask as constraints.

A constraint of one atom forbids displacements along some directions; with :math:`n_k` those directions, orthonormal, it is the
projector :math:`P = \sum_k n_k n_k^T`. A mask of Cartesian coordinates says the same only if P is diagonal.

======================================  ====================================================================
ASE's class                             forbidden directions
======================================  ====================================================================
``FixAtoms``                            all
``FixCartesian``                        the axes of its mask
``FixScaled`` (POSCAR, ``T T F``)       the reciprocal lattice vectors of its mask
``FixedPlane``, ``FixedLine``           the plane's normal; the two directions across the line
======================================  ====================================================================
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms, FixCartesian, FixedLine, FixedPlane, FixScaled

from alworkflows.errors import InputError

__all__ = ["fixed_coordinates", "hold"]

#: of a projector's components
_ROUNDING = 1e-6


def fixed_coordinates(atoms: Atoms, name: str = "structure") -> np.ndarray:
    """Return which coordinates (N, 3) the constraints hold still.

    Raises
    ------
    InputError
        If a constraint holds something else than Cartesian coordinates of single atoms.
    """
    fixed = np.zeros((len(atoms), 3), dtype=bool)
    for constraint in atoms.constraints:
        projector = _projector(constraint, np.asarray(atoms.cell))
        if projector is None:
            raise InputError(
                f"{name}: expected constraints that hold atoms or their coordinates (FixAtoms, FixCartesian, selective "
                f"dynamics), got {type(constraint).__name__}; take it away, or fix atoms instead"
            )
        held = np.diag(projector) > 0.5
        if np.abs(projector - np.diag(held)).max() > _ROUNDING:
            raise InputError(
                f"{name}: expected constraints along x, y or z, got {type(constraint).__name__} of atom "
                f"{int(constraint.index[0])} along a direction in between; fix all three of its coordinates, or none"
            )
        fixed[constraint.index] |= held
    return fixed


def hold(atoms: Atoms, fixed: np.ndarray) -> None:
    """Give ``atoms`` the constraints that hold the coordinates ``fixed`` (N, 3), in place of those they have."""
    whole = fixed.all(axis=1)
    constraints: list[FixAtoms | FixCartesian] = [FixAtoms(indices=np.flatnonzero(whole))] if whole.any() else []
    for pattern in np.unique(fixed[~whole & fixed.any(axis=1)], axis=0):
        constraints.append(FixCartesian(np.flatnonzero((fixed == pattern).all(axis=1)), mask=pattern.tolist()))
    atoms.set_constraint(constraints)


def _projector(constraint: object, cell: np.ndarray) -> np.ndarray | None:
    """Return the projector (3, 3) on the directions that a constraint forbids; None if it is of another kind."""
    if isinstance(constraint, FixAtoms):
        return np.eye(3)
    if isinstance(constraint, FixCartesian):
        return np.diag(np.asarray(constraint.mask, dtype=float))
    if isinstance(constraint, FixScaled):
        mask = np.asarray(constraint.mask, dtype=bool)
        if mask.all():
            return np.eye(3)
        across = np.linalg.qr(np.linalg.inv(cell)[:, mask])[0]
        return np.asarray(across @ across.T)
    if isinstance(constraint, FixedPlane | FixedLine):
        along = np.asarray(constraint.dir, dtype=float) / np.linalg.norm(constraint.dir)
        projector = np.outer(along, along)
        return projector if isinstance(constraint, FixedPlane) else np.eye(3) - projector
    return None
