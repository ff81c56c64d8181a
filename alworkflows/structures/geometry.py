"""Is this geometry one to spend anything on: distances, volume, cell and vacuum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols, covalent_radii

from alworkflows.errors import InputError, suggest
from alworkflows.settings import GeometryLimits
from alworkflows.structures.cells import MIN_VACUUM, cell_fault, is_skewed, reduce_cell, vacuum

__all__ = ["check", "check_cell", "close_pairs", "geometry_flags", "shortest_distance"]

#: g/cm^3 of one atomic mass unit in a cubic Angstrom
AMU_PER_A3 = 1.66053906660


def close_pairs(
    numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, ratio: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of atoms nearer than ``ratio`` times the sum of their covalent radii.

    Periodic images within reach are laid around the cell, then a k-d tree finds the pairs: O(N log N), any cell shape.

    Parameters
    ----------
    numbers : (N,) int
        Atomic numbers.
    positions : (N, 3) float
        A.
    cell : (3, 3) float
        Lattice vectors in rows, A.
    pbc : (3,) bool
        Which of them repeat.
    ratio : float
        Of a distance over the sum of covalent radii (ASE's table: Cordero et al., Dalton Trans. 2832 (2008)).

    Returns
    -------
    i, j : (M,) int
        Atoms of each pair; an atom and its own image have i = j. A pair is listed once a distance, nearest first.
    distance : (M,) float
        A.
    """
    from scipy.spatial import cKDTree

    radii = covalent_radii[numbers]
    reach = 2.0 * ratio * radii.max()
    points, owners = _with_images(positions, cell, pbc, reach)
    tree = cKDTree(points)
    pairs = tree.query_pairs(reach, output_type="ndarray")
    # at least one of the two is in the home cell; a pair of two different atoms across a boundary occurs twice
    pairs = pairs[(pairs < len(numbers)).any(axis=1)]
    distance = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    i, j = owners[pairs[:, 0]], owners[pairs[:, 1]]
    near = distance < ratio * (radii[i] + radii[j])
    if not near.any():
        return i[:0], j[:0], distance[:0]
    i, j, distance = np.minimum(i, j)[near], np.maximum(i, j)[near], distance[near]
    _, once = np.unique(np.stack([i, j, np.round(distance * 1e6)], axis=1), axis=0, return_index=True)
    order = once[np.argsort(distance[once], kind="stable")]
    return i[order], j[order], distance[order]


def _with_images(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the atoms, wrapped, followed by their images within ``reach`` of the cell's faces, and whose image each is."""
    owners = np.arange(len(positions))
    if not np.any(pbc):
        return positions, owners
    full = _complete(cell, pbc)
    if is_skewed(full):  # or there would be images by the thousand
        full = reduce_cell(full, pbc)[0]
    fractional = np.linalg.solve(full.T, positions.T).T
    periodic = np.flatnonzero(pbc)
    fractional[:, periodic] %= 1.0
    # distance between opposite faces: 1 over the length of the reciprocal vector
    heights = 1.0 / np.linalg.norm(np.linalg.inv(full), axis=0)
    for axis in periodic:
        margin = reach / heights[axis]
        blocks, names = [fractional], [owners]
        for shift in range(1, int(np.ceil(margin)) + 1):
            for step in (shift, -shift):
                moved = fractional[:, axis] + step
                inside = (moved > -margin) & (moved < 1.0 + margin)
                image = fractional[inside].copy()
                image[:, axis] = moved[inside]
                blocks.append(image)
                names.append(owners[inside])
        fractional, owners = np.concatenate(blocks), np.concatenate(names)
    return fractional @ full, owners


def _complete(cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """Return the cell with each missing, non-periodic vector replaced by a unit vector normal to the others."""
    from ase.geometry import complete_cell

    missing = ~np.asarray(pbc, dtype=bool) & (np.linalg.norm(cell, axis=1) < 1e-9)
    return np.asarray(complete_cell(np.where(missing[:, None], 0.0, cell)), dtype=float)


def shortest_distance(atoms: Atoms, limit: float = 1.5) -> float:
    """Return the shortest distance (A) between two atoms, or infinity if none is below ``limit`` times the covalent radii."""
    _, _, distance = close_pairs(atoms.numbers, atoms.positions, np.asarray(atoms.cell), atoms.pbc, limit)
    return float(distance.min(initial=np.inf))


def check_cell(atoms: Atoms, name: str = "structure") -> None:
    """Raise if there are no atoms, no cell, or numbers that are not finite: nothing can be made of such a structure.

    Raises
    ------
    InputError
        As it says; a missing lattice vector is named.
    """
    if len(atoms) == 0:
        raise InputError(f"{name}: expected atoms, got none")
    if not (np.isfinite(atoms.positions).all() and np.isfinite(np.asarray(atoms.cell)).all()):
        raise InputError(f"{name}: expected finite positions and cell, got NaN or infinity")
    fault = cell_fault(np.asarray(atoms.cell))
    if fault:
        raise InputError(f"{name}: {fault}")


def check(
    atoms: Atoms,
    species: Sequence[str] | None = None,
    limits: GeometryLimits | None = None,
    name: str = "structure",
    slab: bool = False,
) -> None:
    """Raise if a structure is not one to spend anything on.

    Raises
    ------
    InputError
        As :func:`check_cell`, or if there is a species that is not in ``species``, two atoms fused, a volume per atom out of
        the limits, or - for a ``slab`` - no vacuum.
    """
    limits = limits or GeometryLimits()
    check_cell(atoms, name)
    if species is not None:
        for symbol in sorted(set(atoms.get_chemical_symbols()) - set(species)):
            raise InputError(
                f"{name}: species '{symbol}' is not one of the campaign's ({', '.join(species)}){suggest(symbol, species)}"
            )
    reason = _flag(atoms, limits)
    if reason:
        raise InputError(f"{name}: {reason}")
    if slab and (empty := vacuum(atoms)) < MIN_VACUUM:
        raise InputError(f"{name}: expected a slab with at least {MIN_VACUUM:g} A of vacuum, the widest gap is {empty:.2f} A")


def geometry_flags(frames: Sequence[Atoms], limits: GeometryLimits | None = None) -> list[str | None]:
    """Return for each frame the reason why it must not be labelled, or None."""
    limits = limits or GeometryLimits()
    return [_flag(frame, limits) for frame in frames]


def _flag(atoms: Atoms, limits: GeometryLimits) -> str | None:
    cell = np.asarray(atoms.cell)
    if not (np.isfinite(atoms.positions).all() and np.isfinite(cell).all()):
        return "NaN or infinity in positions or cell"
    if len(atoms) == 0:
        return "no atoms"
    if np.any(atoms.pbc):
        fault = cell_fault(cell)
        if fault:
            return fault
        volume = abs(np.linalg.det(cell))
        low, high = limits.volume_per_atom
        if not low <= volume / len(atoms) <= high:
            return f"volume per atom {volume / len(atoms):.2f} A^3 is not between {low:g} and {high:g}"
        if limits.density is not None:
            low, high = limits.density
            density = float(atoms.get_masses().sum()) / volume * AMU_PER_A3
            if not low <= density <= high:
                return f"density {density:.3f} g/cm^3 is not between {low:g} and {high:g}"
        if limits.vacuum is not None:
            low, high = limits.vacuum
            empty = vacuum(atoms)
            if not low <= empty <= high:
                return f"the widest empty slice, {empty:.2f} A, is not between {low:g} and {high:g}"
    return _near_pair(atoms, cell, limits)


def _near_pair(atoms: Atoms, cell: np.ndarray, limits: GeometryLimits) -> str | None:
    """Return which pair is too near: by its species where a distance is given, else by covalent radii."""
    lengths = {
        tuple(sorted(atomic_numbers[symbol] for symbol in pair.split("-"))): length for pair, length in limits.pairs.items()
    }
    # far enough out to see every pair that has a distance of its own
    widest = max([limits.shortest, *(length / covalent_radii[list(pair)].sum() for pair, length in lengths.items())])
    i, j, distance = close_pairs(atoms.numbers, atoms.positions, cell, atoms.pbc, widest)
    for first, second, length in zip(i, j, distance, strict=True):
        numbers = tuple(sorted((int(atoms.numbers[first]), int(atoms.numbers[second]))))
        radii = covalent_radii[list(numbers)].sum()
        allowed = lengths.get(numbers, limits.shortest * radii)
        if length >= allowed:
            continue
        names = (
            f"atoms {first} ({chemical_symbols[atoms.numbers[first]]}) and {second} ({chemical_symbols[atoms.numbers[second]]})"
        )
        if numbers in lengths:
            return f"{names} are too near: {length:.3f} A, below {allowed:g} A"
        return f"{names} are fused: {length:.3f} A, below {limits.shortest:g} of the sum of covalent radii ({allowed:.3f} A)"
    return None
