"""Slabs by Miller index: every way to cut a crystal is tried, and the least harmful is taken.

A slab is periodic in all three directions, as density functional codes want; the vacuum lies along z, and the surface
normal is the third lattice vector, orthogonal to the other two.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from alworkflows.errors import InputError
from alworkflows.structures.cells import reduce_cell
from alworkflows.structures.conventional import conventional_cell

__all__ = ["has_equal_terminations", "is_polar", "slab"]

_SAME = 1e-3  # A: positions, and planes, that differ by less are the same
_BOND = 1.25  # two atoms are bonded if nearer than this times the sum of their covalent radii


def slab(bulk: Atoms, miller: tuple[int, int, int], layers: int, vacuum: float) -> Atoms:
    """Return a slab of ``layers`` lattice planes with ``vacuum`` (A) in all, normal along z.

    ``info['polar']`` says whether it has a dipole, ``info['conventional']`` whether ``miller`` refers to a conventional cell that
    is another one than that of ``bulk``.

    The in-plane cell is the smallest, made rectangular where the lattice allows it at no more than twice the area. Among all
    pairs of cutting planes that leave whole formula units, and less than one lattice plane less than asked for, the one is taken
    that is
    (1) not polar, (2) equal on both faces, (3) breaks the fewest bonds, (4) is thickest.

    Parameters
    ----------
    bulk : Atoms
        A crystal.
    miller : (3,) int
        Indices along the axes of the conventional cell; see :mod:`alworkflows.structures.conventional`.
    layers : int
        Thickness in repeats of the lattice along the normal: the spacing d(hkl) of the primitive lattice.

    Raises
    ------
    InputError
        If the Miller indices are all zero, or the crystal has no symmetry that could be found.
    """
    if not any(miller):
        raise InputError("expected Miller indices that are not all zero, got (0, 0, 0)")
    bulk, is_other = conventional_cell(bulk)
    bulk, miller = _on_short_vectors(bulk, miller)
    first, second, third = _surface_lattice(bulk, miller)
    frame = _orientation(first, second)
    cell = np.array([first, second, third]) @ frame
    motif = _motif(bulk, frame, cell)
    numbers, positions = _best_cut(motif, layers)
    thickness = float(np.ptp(positions[:, 2]))
    positions[:, 2] += 0.5 * vacuum - positions[:, 2].min()
    cell[2] = 0.0, 0.0, thickness + vacuum
    cell[np.abs(cell) < 1e-9] = 0.0
    atoms = Atoms(numbers=numbers, positions=positions, cell=cell, pbc=True)
    atoms.wrap(pbc=(True, True, False), eps=1e-4)
    atoms = atoms[np.lexsort((np.round(atoms.positions[:, 2], 3), atoms.numbers))]
    atoms.info["polar"], atoms.info["conventional"] = is_polar(atoms), is_other
    return atoms


def is_polar(atoms: Atoms) -> bool:
    """Return whether a slab has a dipole along z for some choice of charges, one per species.

    A slab of whole formula units has no dipole, whatever the charges, exactly if every species has the same mean height.
    """
    heights = [atoms.positions[atoms.numbers == number, 2].mean() for number in np.unique(atoms.numbers)]
    return bool(np.ptp(heights) > 0.01)


def has_equal_terminations(atoms: Atoms) -> bool:
    """Return whether each species lies at the same depths below the upper face as above the lower one."""
    low, high = atoms.positions[:, 2].min(), atoms.positions[:, 2].max()
    for number in np.unique(atoms.numbers):
        heights = np.sort(atoms.positions[atoms.numbers == number, 2])
        if not np.allclose(heights - low, (high - heights)[::-1], atol=0.02):
            return False
    return True


def _on_short_vectors(bulk: Atoms, miller: tuple[int, int, int]) -> tuple[Atoms, tuple[int, int, int]]:
    """Return the crystal on the shortest vectors of its lattice, near which the surface's are, and the plane's indices there."""
    cell, steps = reduce_cell(np.asarray(bulk.cell), bulk.pbc)
    if np.array_equal(steps, np.eye(3)):
        return bulk, miller
    h, k, m = (int(index) for index in steps @ np.array(miller))
    return Atoms(numbers=bulk.numbers, positions=bulk.positions, cell=cell, pbc=True), (h, k, m)


def _translations(bulk: Atoms) -> np.ndarray:
    """Return the fractional translations (T, 3) inside the cell that map the crystal onto itself, zero among them."""
    fractional = bulk.get_scaled_positions()
    rarest = min(np.unique(bulk.numbers), key=lambda number: int(np.sum(bulk.numbers == number)))
    anchors = fractional[bulk.numbers == rarest]
    translations = []
    for shift in anchors - anchors[0]:
        delta = (fractional + shift)[:, None] - fractional[None]
        near = np.linalg.norm((delta - np.round(delta)) @ np.asarray(bulk.cell), axis=2) < _SAME
        if np.all((near & (bulk.numbers[:, None] == bulk.numbers[None])).any(axis=1)):
            translations.append(shift % 1.0)
    return np.array(translations)


def _surface_lattice(bulk: Atoms, miller: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two shortest lattice vectors in the plane and the shortest one that leads to the next plane."""
    reach = 2 + max(abs(index) for index in miller)
    steps = np.arange(-reach, reach + 1)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    fractional = (grid[:, None] + _translations(bulk)[None]).reshape(-1, 3)
    height = fractional @ np.array(miller, dtype=float)
    vectors = fractional @ np.asarray(bulk.cell)
    length = np.linalg.norm(vectors, axis=1)
    # ties are broken by direction, so that the same crystal always gives the same slab
    order = np.lexsort((*(-np.round(vectors[:, axis], 6) for axis in (2, 1, 0)), np.round(length, 6)))
    order = order[length[order] > _SAME]
    plane = [vectors[k] for k in order if abs(height[k]) < 1e-6]
    first = plane[0]
    second = next(v for v in plane if np.linalg.norm(np.cross(first, v)) > _SAME * np.linalg.norm(v))
    rising = height[order][height[order] > 1e-6].min()
    third = next(vectors[k] for k in order if abs(height[k] - rising) < 1e-6)
    first, second = _rectangular(first, second)
    if np.cross(first, second) @ third < 0:
        second = -second
    return first, second, third


def _rectangular(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an orthogonal cell of at most twice the area if there is one, else what came."""
    if abs(first @ second) < _SAME:
        return first, second
    for one, other in ((first, first - 2 * second), (first, first + 2 * second), (second, second - 2 * first),
                       (second, second + 2 * first), (first + second, first - second)):  # fmt: skip
        if abs(one @ other) < _SAME:
            return one, other
    return first, second


def _orientation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3), applied from the right, that lays ``first`` along x and the plane's normal along z."""
    x = first / np.linalg.norm(first)
    z = np.cross(first, second)
    z /= np.linalg.norm(z)
    return np.array([x, np.cross(z, x), z]).T


def _motif(bulk: Atoms, frame: np.ndarray, cell: np.ndarray) -> Atoms:
    """Return the crystal's atoms in the surface cell (3, 3), rotated."""
    # the surface cell's far corner, counted in repeats along the crystal's narrowest direction
    narrowest = (1.0 / np.linalg.norm(np.linalg.inv(np.asarray(bulk.cell)), axis=0)).min()
    span = int(np.ceil(np.linalg.norm(cell, axis=1).sum() / narrowest)) + 1
    steps = np.arange(-span, span + 1)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3) @ np.asarray(bulk.cell)
    positions = ((bulk.positions[None] + grid[:, None]).reshape(-1, 3)) @ frame
    numbers = np.tile(bulk.numbers, len(grid))
    # an offset keeps atoms that lie exactly on a face of the cell on one side of it
    fractional = positions @ np.linalg.inv(cell) + np.array([1.234e-5, 2.345e-5, 3.456e-5])
    inside = np.all((fractional >= 0) & (fractional < 1), axis=1)
    expected = len(bulk) * abs(np.linalg.det(cell)) / bulk.get_volume()
    if abs(inside.sum() - expected) > 1e-3:
        raise InputError(f"the crystal cannot be cut: expected {expected:.2f} atoms in its surface cell, found {inside.sum()}")
    return Atoms(numbers=numbers[inside], positions=positions[inside], cell=cell, pbc=True)


def _best_cut(motif: Atoms, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers and positions of the slab between the best pair of cutting planes; see :func:`slab`."""
    third = np.asarray(motif.cell)[2]
    spacing = float(third[2])
    cuts = _cuts(motif.positions[:, 2] % spacing, spacing)
    broken = [_broken_bonds(motif, cut) for cut in cuts]
    best, best_rank = None, None
    for low, bonds_low in zip(cuts, broken, strict=True):
        for high, bonds_high in zip(cuts, broken, strict=True):
            top = low + layers * spacing - (low - high) % spacing
            numbers, positions = _between(motif, low, top)
            if not _whole_units(motif.numbers, numbers):
                continue
            trial = Atoms(numbers=numbers, positions=positions)
            rank = (is_polar(trial), not has_equal_terminations(trial), bonds_low + bonds_high, -round(top - low, 3))
            if best_rank is None or rank < best_rank:
                best, best_rank = (numbers, positions), rank
    assert best is not None  # a slab between two equal cuts always has whole formula units
    return best


def _cuts(heights: np.ndarray, spacing: float) -> np.ndarray:
    """Return the heights midway between neighbouring planes of atoms, in one period along the normal."""
    ordered = np.sort(heights)
    planes = ordered[np.append(True, np.diff(ordered) > _SAME)]
    if len(planes) > 1 and planes[0] + spacing - planes[-1] < _SAME:
        planes = planes[:-1]
    return planes + 0.5 * np.diff(np.append(planes, planes[0] + spacing))


def _between(motif: Atoms, low: float, top: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers and positions of the crystal's atoms between two heights, one surface cell wide."""
    third = np.asarray(motif.cell)[2]
    begin = np.ceil((low - motif.positions[:, 2]) / third[2]).astype(int)
    count = np.ceil((top - motif.positions[:, 2]) / third[2]).astype(int) - begin
    owners = np.repeat(np.arange(len(motif)), count)
    copies = np.concatenate([start + np.arange(number) for start, number in zip(begin, count, strict=True)])
    return motif.numbers[owners], motif.positions[owners] + copies[:, None] * third


def _whole_units(bulk: np.ndarray, numbers: np.ndarray) -> bool:
    """Return whether the slab has the crystal's composition."""
    species, wanted = np.unique(bulk, return_counts=True)
    counts = np.array([np.sum(numbers == number) for number in species])
    return bool(np.all(counts * wanted.sum() == wanted * counts.sum()) and counts.sum() > 0)


def _broken_bonds(motif: Atoms, cut: float) -> int:
    """Return how many nearest-neighbour bonds of one surface cell a plane at height ``cut`` breaks."""
    from ase.neighborlist import neighbor_list

    start, vectors = neighbor_list("iD", motif, list(_BOND * covalent_radii[motif.numbers]))
    spacing = float(np.asarray(motif.cell)[2, 2])
    low = (motif.positions[start, 2] - cut) / spacing
    crossed = np.abs(np.floor(low + vectors[:, 2] / spacing) - np.floor(low))
    return int(crossed.sum()) // 2
