"""The cell that Miller indices refer to: a crystal's conventional one, as in the International Tables.

A file may hold the primitive cell, a supercell, or axes in another order; indices counted along those would name other planes.
A cell that is a conventional one already is left as it is, with its own choice of axes: of an orthorhombic crystal all orders
are conventional, of a triclinic one all cells of its volume; tetragonal and hexagonal ones have their unique axis along c,
monoclinic ones along b, rhombohedral ones are set on hexagonal axes.
"""

from __future__ import annotations

import warnings

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError

__all__ = ["conventional_cell"]

#: A; positions that differ by less are the same to a symmetry, which structures that were relaxed obey this well
_SYMMETRY = 0.01
#: relative for lengths, degrees for angles
_ROUNDING, _ANGLE = 2e-3, 0.2
#: which axis is unique
_UNIQUE = {"tetragonal": 2, "trigonal": 2, "hexagonal": 2, "monoclinic": 1}
_EQUAL = ("tetragonal", "trigonal", "hexagonal")


def conventional_cell(crystal: Atoms) -> tuple[Atoms, bool]:
    """Return a crystal in its conventional cell, and whether that is another one than the cell that came.

    Parameters
    ----------
    crystal : Atoms
        N atoms, periodic in all directions; of a left-handed cell the lattice is set on right-handed vectors, not mirrored.

    Raises
    ------
    InputError
        If no symmetry can be found, not even that of the lattice.
    """
    from pymatgen.core import Structure
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    # the negative vectors span the same lattice, and are right-handed
    cell = np.asarray(crystal.cell) * (1.0 if np.linalg.det(np.asarray(crystal.cell)) > 0 else -1.0)
    structure = Structure(cell, crystal.numbers.tolist(), crystal.positions, coords_are_cartesian=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # spglib's, of its own names that will change
        try:
            analyzer = SpacegroupAnalyzer(structure, symprec=_SYMMETRY)
            data, system = analyzer.get_symmetry_dataset(), analyzer.get_crystal_system()
        except SymmetryUndeterminedError as error:
            raise InputError("a crystal whose symmetry cannot be found, as when two atoms share a site") from error
    # (a, b, c) = (a_s, b_s, c_s) P: what came, in vectors of the standard cell
    if _is_conventional(system, cell, np.asarray(data.transformation_matrix)):
        return crystal, False
    standard = analyzer.get_refined_structure()
    numbers = [site.specie.Z for site in standard]
    return Atoms(numbers=numbers, positions=standard.cart_coords, cell=standard.lattice.matrix, pbc=True), True


def _is_conventional(system: str, cell: np.ndarray, steps: np.ndarray) -> bool:
    """Return whether a cell (3, 3) is a conventional one of its system; ``steps``: its vectors, in columns, in standard ones."""
    if abs(abs(np.linalg.det(steps)) - 1.0) > 1e-3:
        return False
    if system == "triclinic":
        return True
    if system in _UNIQUE:
        axis = _UNIQUE[system]
        if not np.allclose(np.abs(steps[:, axis]), np.eye(3)[axis], atol=1e-3):
            return False
    lengths = np.linalg.norm(cell, axis=1)
    cosines = (cell / lengths[:, None]) @ (cell / lengths[:, None]).T
    angles = np.degrees(np.arccos(np.clip(cosines[[1, 0, 0], [2, 2, 1]], -1.0, 1.0)))
    expected = np.array(
        [90.0, angles[1] if system == "monoclinic" else 90.0, 120.0 if system in ("trigonal", "hexagonal") else 90.0]
    )
    equal = lengths if system == "cubic" else lengths[:2] if system in _EQUAL else lengths[:1]
    return bool(np.abs(angles - expected).max() < _ANGLE and np.ptp(equal) < _ROUNDING * lengths.max())
