"""What is wrong with frames, apart from how they were written: checked on many at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.frames.faults import FaultKind
from alworkflows.frames.labels import labels

__all__ = ["NEAREST", "absurd_forces", "faults_of"]

#: atomic number of the last element
HEAVIEST = 118
#: A; atoms nearer than this are at one place
NEAREST = 0.1
#: largest number of atoms whose pairs are looked at all at once
ALL_PAIRS = 64
#: of a frame's largest force over the upper quartile of all frames, and eV/A below which none is absurd
TIMES, LEAST = 10.0, 10.0
#: eV/A above which a force cannot be meant, and the same where two atoms are close, unless the user says another
LARGEST, LARGEST_CLOSE = 100.0, 1000.0
#: ratio of a distance over the sum of covalent radii below which a large force is no wonder
CLOSE = 0.8


def faults_of(frames: Sequence[Atoms]) -> dict[int, tuple[FaultKind, str]]:
    """Return what is wrong with frames, by their place in the list: one fault each.

    Looked for are numbers that are not finite, no atoms, species that are none, a lattice vector that is missing along a periodic
    direction, and atoms within 0.1 A of each other.
    """
    found: dict[int, tuple[FaultKind, str]] = {}
    for index, frame in enumerate(frames):
        if len(frame) == 0:
            found[index] = (FaultKind.NO_ATOMS, "expected atoms, got none")
    _add_not_finite(frames, found)
    _add_species(frames, found)
    for index in _doubtful_cells(frames):
        if index not in found and (reason := _cell_fault(frames[index])) is not None:
            found[index] = (FaultKind.CELL, reason)
    good = [index for index in range(len(frames)) if index not in found]
    for atoms, group in groupby(sorted(good, key=lambda index: len(frames[index])), key=lambda index: len(frames[index])):
        _add_coincident(frames, list(group), atoms, found)
    return found


def _add_not_finite(frames: Sequence[Atoms], found: dict[int, tuple[FaultKind, str]]) -> None:
    results = [{} if frame.calc is None else frame.calc.results for frame in frames]
    named: dict[str, list[tuple[int, Any]]] = {
        "positions": [(index, frame.positions) for index, frame in enumerate(frames)],
        "cell": [(index, frame.cell.array) for index, frame in enumerate(frames)],
        **{
            name: [(index, of_frame[name]) for index, of_frame in enumerate(results) if name in of_frame]
            for name in ("energy", "forces", "stress", "energies")
        },
    }
    for name, entries in named.items():
        values = [value for _, value in entries]
        together = np.array(values) if name in ("energy", "stress", "cell") or not values else np.concatenate(values)
        if np.isfinite(together).all():
            continue
        for index, value in entries:
            if not np.isfinite(value).all():
                found.setdefault(index, (FaultKind.NOT_FINITE, f"{name}: expected finite numbers, got NaN or infinity"))


def _add_species(frames: Sequence[Atoms], found: dict[int, tuple[FaultKind, str]]) -> None:
    numbers = np.concatenate([frame.numbers for frame in frames]) if frames else np.ones(1)
    if not len(numbers) or (numbers.min() >= 1 and numbers.max() <= HEAVIEST):
        return
    for index, frame in enumerate(frames):
        wrong = frame.numbers[(frame.numbers < 1) | (frame.numbers > HEAVIEST)]
        if len(wrong) and index not in found:
            reason = f"expected atomic numbers from 1 to {HEAVIEST}, got {wrong[0]}" + (" ('X')" if wrong[0] == 0 else "")
            found[index] = (FaultKind.SPECIES, reason)


def _doubtful_cells(frames: Sequence[Atoms]) -> list[int]:
    """Return the frames whose cell is worth a look: all but those that repeat in three directions and enclose a volume."""
    if not frames:
        return []
    cells, periodic = np.array([frame.cell.array for frame in frames]), np.array([frame.pbc for frame in frames])
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(cells, axis=2)
        sound = (np.abs(np.linalg.det(cells)) > 1e-6 * lengths.prod(axis=1)) & (lengths.min(axis=1) >= NEAREST)
    return np.flatnonzero(~(sound & periodic.all(axis=1)) & periodic.any(axis=1)).tolist()


def _cell_fault(frame: Atoms) -> str | None:
    cell, pbc = frame.cell.array, frame.pbc
    if not pbc.any():
        return None
    vectors = cell[pbc]
    lengths = np.sqrt((vectors**2).sum(axis=1))
    if lengths.min() < NEAREST:
        axis = "abc"[int(np.flatnonzero(pbc)[int(lengths.argmin())])]
        return f"periodic along {axis}, and the lattice vector {axis} is {lengths.min():.3g} A long"
    if len(vectors) == 3:
        volume = abs(np.linalg.det(vectors)) / lengths.prod()
    else:
        volume = 1.0 if len(vectors) == 1 else float(np.linalg.norm(np.cross(*vectors))) / lengths.prod()
    return None if volume > 1e-6 else "the periodic lattice vectors lie in one plane or on one line"


def _add_coincident(frames: Sequence[Atoms], indices: list[int], atoms: int, found: dict[int, tuple[FaultKind, str]]) -> None:
    """Look for atoms at one place among frames of equally many atoms."""
    if atoms < 2:
        return
    if atoms > ALL_PAIRS:
        for index in indices:
            if (nearest := _nearest_pair(frames[index])) is not None:
                found[index] = (FaultKind.COINCIDENT, _coincident(*nearest))
        return
    first, second = np.triu_indices(atoms, 1)
    for start in range(0, len(indices), 512):
        some = indices[start : start + 512]
        positions = np.array([frames[index].positions for index in some])
        cells = np.array([_complete(frames[index]) for index in some])
        pbc = np.array([frames[index].pbc for index in some])
        apart = positions[:, first] - positions[:, second]
        # exact for what is far nearer than a cell is wide
        images = np.round(apart @ np.linalg.inv(cells)) * pbc[:, None, :]
        apart -= images @ cells
        squared = np.einsum("fpx,fpx->fp", apart, apart)
        for number in np.flatnonzero((squared < NEAREST**2).any(axis=1)):
            pair = int(squared[number].argmin())
            found[some[number]] = (
                FaultKind.COINCIDENT,
                _coincident(int(first[pair]), int(second[pair]), float(squared[number, pair] ** 0.5)),
            )


def _coincident(first: int, second: int, distance: float) -> str:
    return f"atoms {first} and {second} are {distance:.3g} A apart, nearer than {NEAREST:g} A"


def _nearest_pair(frame: Atoms) -> tuple[int, int, float] | None:
    """Return two atoms at one place and their distance, from a tree of fractional positions."""
    from scipy.spatial import cKDTree

    cell = _complete(frame)
    fractional = np.linalg.solve(cell.T, frame.positions.T).T
    periodic = frame.pbc
    fractional[:, periodic] %= 1.0
    fractional[fractional >= 1.0] = np.where(periodic, 0.0, fractional)[fractional >= 1.0]
    extent = np.where(periodic, 1.0, 0.0)
    reach = NEAREST / (1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)).min()
    pairs = cKDTree(fractional, boxsize=extent).query_pairs(min(reach * np.sqrt(3.0), 0.49), output_type="ndarray")
    if not len(pairs):
        return None
    apart = fractional[pairs[:, 0]] - fractional[pairs[:, 1]]
    apart -= np.round(apart) * periodic
    distances = np.linalg.norm(apart @ cell, axis=1)
    nearest = int(distances.argmin())
    if distances[nearest] >= NEAREST:
        return None
    return int(pairs[nearest, 0]), int(pairs[nearest, 1]), float(distances[nearest])


def _complete(frame: Atoms) -> np.ndarray:
    cell = frame.cell.array
    if frame.pbc.all():
        return cell
    from ase.geometry import complete_cell

    missing = ~frame.pbc
    if abs(np.linalg.det(cell)) > 1e-6:
        return cell
    return np.asarray(complete_cell(np.where(missing[:, None], 0.0, cell)), dtype=float)


def absurd_forces(frames: Sequence[Atoms], largest_force: float | None = None) -> dict[int, str]:
    """Return the frames whose largest force (norm on an atom) cannot be meant, with the reason.

    That is above ``largest_force`` (eV/A); without one, above 100 eV/A (1000 eV/A where two atoms are close); or, among at
    least ten frames with forces, above 10 eV/A and above ten times the upper quartile q3 of all frames' largest forces and beyond
    Tukey's far fence of their logarithms, ln q3 + 3 (ln q3 - ln q1), unless two atoms are close: nearer than 0.8 of the sum of
    their covalent radii, where such a force is no wonder.
    """
    largest = _largest_forces(frames)
    reasons = {}
    for index in map(int, np.flatnonzero(largest > (largest_force or LARGEST))):
        limit = largest_force or (LARGEST_CLOSE if _is_close(frames[index]) else LARGEST)
        if largest[index] > limit:
            reasons[index] = f"a force of {largest[index]:.3g} eV/A is above {limit:g} eV/A; --largest-force sets another limit"
    some = largest[largest > 1e-9]
    if len(some) < 10 or largest_force is not None:
        return reasons
    first, third = np.quantile(np.log(some), (0.25, 0.75))
    fence = max(LEAST, np.exp(max(third + np.log(TIMES), third + 3.0 * (third - first))))
    for index in map(int, np.flatnonzero(largest > fence)):
        if index not in reasons and not _is_close(frames[index]):
            reasons[index] = (
                f"a force of {largest[index]:.3g} eV/A, where three in four frames have none above {np.exp(third):.3g} eV/A"
            )
    return reasons


def _largest_forces(frames: Sequence[Atoms]) -> np.ndarray:
    """Return the largest norm of a force of each frame (F,), NaN without forces."""
    largest = np.full(len(frames), np.nan)
    stored = [
        (index, forces) for index, frame in enumerate(frames) if (forces := labels(frame).forces) is not None and len(forces)
    ]
    if stored:
        places, arrays = zip(*stored, strict=True)
        starts = np.cumsum([0, *(len(array) for array in arrays[:-1])])
        norms = np.linalg.norm(np.concatenate(arrays), axis=1)
        largest[list(places)] = np.maximum.reduceat(norms, starts)
    return largest


def _is_close(frame: Atoms) -> bool:
    from alworkflows.structures.geometry import close_pairs

    return len(close_pairs(frame.numbers, frame.positions, frame.cell.array, frame.pbc, CLOSE)[0]) > 0
