"""Do the numbers speak of another unit than the one they are taken in? Notes for a person, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.units import Bohr, Hartree, Rydberg, kcal, mol

from alworkflows.descriptors.neighbours import neighbours
from alworkflows.errors import InputError
from alworkflows.frames.labels import labels

__all__ = ["suspicions"]

#: frames that are looked at
SAMPLE = 200
#: eV/A^3; 50 GPa
LARGE_STRESS = 0.3
#: A, the largest step of an atom between two frames whose energies are compared with their forces
STEP = 0.3
#: atoms of the largest frame whose neighbours are looked for, and how far, A
LARGEST, REACH = 150, 5.0
#: how far a ratio may be from that of a unit to name it
NEAR = 0.15
#: eV/A^2: how stiff bonds are, in the weakest and the stiffest solids
SOFT, STIFF = 0.7, 200.0
#: energies over lengths, in ours, that explain a ratio of forces to the change of the energy
_RATIOS = {
    "energies in Hartree": Hartree,
    "energies in Rydberg": Rydberg,
    "energies in kcal/mol": kcal / mol,
    "forces in Hartree/Bohr": Bohr / Hartree,
    "forces in Rydberg/Bohr": Bohr / Rydberg,
    "forces in kcal/mol/A": mol / kcal,
    "energies in Hartree and forces in Hartree/Bohr": Bohr,
    "positions in Bohr": 1.0 / Bohr,
    "forces of the other sign": -1.0,
}


def suspicions(frames: Sequence[Atoms]) -> list[str]:
    """Return notes on magnitudes that speak of another unit.

    Looked at are, in a sample of frames that does not depend on chance:

    - stresses: a median of the largest component above 0.3 eV/A^3 (50 GPa) speaks of GPa or kbar;
    - energy and forces: between frames of the same atoms that differ by small steps dx, the change of the energy is
      -(F1 + F2)/2 . dx; the ratio of both tells units, and signs, that do not belong together;
    - forces alone: their root mean square over the spread of nearest-neighbour distances is a stiffness, which in solids is
      1 to 100 eV/A^2;
    - distances: nearest neighbours all far beyond the sum of covalent radii speak of Bohr.
    """
    step = max(1, len(frames) // SAMPLE)
    some = list(frames[::step][:SAMPLE])
    notes = [*_stress(some), *_energy_and_forces(_consecutive(frames)), *_stiffness(some)]
    return [f"{note}; if so, say it with --unit" for note in notes]


def _stress(frames: Sequence[Atoms]) -> list[str]:
    largest = [float(np.abs(stress).max()) for frame in frames if (stress := labels(frame).stress) is not None]
    if not largest or np.median(largest) < LARGE_STRESS:
        return []
    typical = float(np.median(largest))
    return [f"stresses of typically {typical:.3g} eV/A^3 ({typical * 160.2:.0f} GPa) are large: numbers in GPa or kbar look so"]


def _consecutive(frames: Sequence[Atoms]) -> list[tuple[Atoms, Atoms]]:
    """Return pairs of neighbouring frames, spread over the list."""
    places = range(0, len(frames) - 1, max(1, (len(frames) - 1) // SAMPLE))
    return [(frames[place], frames[place + 1]) for place in places]


def _energy_and_forces(pairs: Sequence[tuple[Atoms, Atoms]]) -> list[str]:
    ratios = []
    for first, second in pairs:
        one, other = labels(first), labels(second)
        if one.energy is None or other.energy is None or one.forces is None or other.forces is None:
            continue
        if len(first) != len(second) or np.any(first.numbers != second.numbers):
            continue
        if not np.allclose(first.cell.array, second.cell.array, atol=1e-6):
            continue
        moved = second.positions - first.positions
        if first.pbc.all():
            moved -= np.round(moved @ np.linalg.inv(first.cell.array)) @ first.cell.array
        work = -0.5 * float(np.sum((one.forces + other.forces) * moved))
        if np.abs(moved).max() > STEP or abs(work) < 1e-6:
            continue
        ratios.append((other.energy - one.energy, work))
    if len(ratios) < 5:
        return []
    change, work = np.array(ratios).T
    # the slope through the origin, and how well it holds
    slope = float(change @ work / (work @ work))
    correlation = float(change @ work / np.sqrt((work @ work) * (change @ change) + 1e-300))
    if abs(correlation) < 0.95:
        return []
    for what, factor in _RATIOS.items():
        if abs(slope * factor / np.sign(factor) - np.sign(factor)) < NEAR and abs(slope - 1.0) > 2 * NEAR:
            return [f"energies change by {slope:.3g} times what the forces say between neighbouring frames: {what} look so"]
    return []


def _stiffness(frames: Sequence[Atoms]) -> list[str]:
    """Compare forces with how far neighbours are from their usual distance."""
    forces, spreads, reaches = [], [], []
    for frame in frames[:: max(1, len(frames) // 12)]:
        stored = labels(frame).forces
        if stored is None or not 1 < len(frame) <= LARGEST or not np.any(np.abs(stored) > 1e-6):
            continue
        try:
            near = neighbours(frame.positions, frame.cell.array, frame.pbc, REACH)
        except InputError:
            continue  # atoms so crowded, or so far away, that they speak of nothing
        i, j, distance = near.centres, near.second, np.linalg.norm(near.vectors, axis=1)
        if not len(i):
            continue
        nearest = np.full(len(frame), np.inf)
        np.minimum.at(nearest, i, distance)
        partner = {}
        for atom, other, length in zip(i.tolist(), j.tolist(), distance.tolist(), strict=True):
            if length == nearest[atom]:
                partner[atom] = length / (covalent_radii[frame.numbers[atom]] + covalent_radii[frame.numbers[other]])
        spreads.append(float(np.std(nearest[np.isfinite(nearest)])))
        reaches.append(float(np.median(list(partner.values()))))
        forces.append(float(np.sqrt((stored**2).mean())))
    if len(forces) < 3:
        return []
    notes = []
    spread, force = float(np.median(spreads)), float(np.median(forces))
    stiffness = force / spread if spread > 0.01 else None
    if stiffness is not None and not SOFT < stiffness < STIFF:
        way = "small: numbers in Hartree/Bohr look so" if stiffness < SOFT else "large: numbers in kcal/mol/A or meV/A look so"
        notes.append(
            f"forces of typically {force:.2g} eV/A, where distances to the nearest neighbour spread by {spread:.2g} A, are {way}"
        )
    if np.median(reaches) > 1.6:
        notes.append(
            f"nearest neighbours typically {np.median(reaches):.2f} times as far apart as covalent radii say: "
            "positions in Bohr look so"
        )
    return notes
