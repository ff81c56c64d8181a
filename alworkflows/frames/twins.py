"""Is this the same configuration, whatever the order of its atoms and the lattice vectors they were moved by?

:func:`alworkflows.frames.frame_id` tells frames that are equal to the last bit. Here two frames are *twins* if their cells agree
and their atoms can be paired, species by species, each pair nearer than a tolerance modulo the lattice, and they are asked for in
the same state (charge, initial moments): then a label of one is a label of the other. Twins are found in two steps: a coarse key,
which twins share but for rounding, and a comparison of positions.
"""

from __future__ import annotations

import hashlib
from itertools import product

import numpy as np
from ase import Atoms

from alworkflows.frames.state import charge_of, same_moments, state_key

__all__ = ["TOLERANCE", "coarse_key", "coarse_keys", "pair_up"]

#: A; a force changes by some 0.3 meV/A over it
TOLERANCE = 1e-5

#: waves whose amplitudes make the key, in reciprocal lattice vectors
WAVES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
#: width of a bin of an amplitude (1 when all atoms are in phase)
AMPLITUDE_BIN = 1e-3
#: A, of a component of a lattice vector
CELL_BIN = 1e-2
#: A; the cell of a frame that does not repeat at all
LENGTH = 10.0


def coarse_key(atoms: Atoms) -> str:
    """Return a key of 16 hex digits that twins share unless rounding parts them.

    It is made of the composition, the periodicity, the state, the lattice vectors and the amplitudes
    sum_i w_i exp(2 pi i k.f_i) / sum_i w_i of a few waves k over the fractional positions f_i, with weights w_i = sqrt(Z_i): none
    depends on the order of the atoms or on which image of an atom is given.
    """
    exact, values, widths = _ingredients(atoms)
    return _digest(exact, np.round(values / widths).astype(np.int64))


def coarse_keys(atoms: Atoms, tolerance: float = TOLERANCE) -> set[str]:
    """Return all keys that a twin within ``tolerance`` (A) may have: one, and more where a number is near the edge of its bin."""
    exact, values, widths = _ingredients(atoms)
    scaled = values / widths
    # an amplitude changes by at most 2 pi |k.df|; the cell's own change moves fractional positions as well
    shortest = max(min(np.linalg.norm(_complete(atoms), axis=1)), 1.0)
    slack = np.full(len(values), 2.0 * np.pi * np.sqrt(3.0) * 2.0 * tolerance / shortest)
    slack[:9] = tolerance
    low, high = np.round(scaled - slack / widths), np.round(scaled + slack / widths)
    edges = np.flatnonzero(low != high)
    keys = set()
    for choice in product((0, 1), repeat=len(edges)):
        bins = low.copy()
        bins[edges] = np.where(np.array(choice, dtype=bool), high[edges], low[edges])
        keys.add(_digest(exact, bins.astype(np.int64)))
    return keys


def pair_up(atoms: Atoms, other: Atoms, tolerance: float = TOLERANCE) -> np.ndarray | None:
    """Return for each atom the index of its twin in ``other``, or None if the two are not twins.

    Parameters
    ----------
    atoms, other
        Frames of N atoms.
    tolerance
        Largest distance of a pair, and of two components of lattice vectors, A.

    Returns
    -------
    order : (N,) int or None
        ``other.positions[order]`` are those of ``atoms``, modulo lattice vectors; so ``forces[order]`` are its forces.
    """
    if len(atoms) != len(other) or np.any(atoms.pbc != other.pbc):
        return None
    if np.abs(np.asarray(atoms.cell) - np.asarray(other.cell)).max() > tolerance:
        return None
    cell = _complete(atoms)
    inverse = np.linalg.inv(cell)
    order = np.full(len(atoms), -1)
    for number in np.unique(atoms.numbers):
        mine, theirs = np.flatnonzero(atoms.numbers == number), np.flatnonzero(other.numbers == number)
        if len(mine) != len(theirs):
            return None
        shift = (atoms.positions[mine, None, :] - other.positions[None, theirs, :]) @ inverse
        shift -= np.where(atoms.pbc, np.round(shift), 0.0)
        distance = np.linalg.norm(shift @ cell, axis=2)
        nearest = distance.argmin(axis=1)
        if distance[np.arange(len(mine)), nearest].max() > tolerance or len(np.unique(nearest)) != len(mine):
            return None
        order[mine] = theirs[nearest]
    return order if charge_of(atoms) == charge_of(other) and same_moments(atoms, other, order) else None


def _ingredients(atoms: Atoms) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return what twins share exactly, and the numbers that they share within rounding with the widths of their bins."""
    numbers, counts = np.unique(atoms.numbers, return_counts=True)
    exact = np.concatenate([numbers, counts, atoms.pbc]).astype("<i8").tobytes() + state_key(atoms)
    scale = _complete(atoms) if atoms.pbc.any() else LENGTH * np.eye(3)
    fractional = np.linalg.solve(scale.T, atoms.positions.T).T
    weights = np.sqrt(atoms.numbers)
    waves = weights @ np.exp(2j * np.pi * fractional @ WAVES.T) / weights.sum()
    values = np.concatenate([np.asarray(atoms.cell).ravel(), waves.real, waves.imag])
    widths = np.concatenate([np.full(9, CELL_BIN), np.full(2 * len(WAVES), AMPLITUDE_BIN)])
    return exact, values, widths


def _complete(atoms: Atoms) -> np.ndarray:
    from ase.geometry import complete_cell

    cell = np.asarray(atoms.cell)
    return np.asarray(complete_cell(cell), dtype=float) if np.linalg.matrix_rank(cell, tol=1e-9) < 3 else cell


def _digest(exact: bytes, bins: np.ndarray) -> str:
    return hashlib.sha256(exact + bins.astype("<i8").tobytes()).hexdigest()[:16]
