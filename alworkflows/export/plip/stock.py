"""Files for styles that every LAMMPS with MANYBODY has: ``table`` for two-body terms, ``eam/fs`` for N-body ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers, covalent_radii

from alworkflows.atomic import replacing
from alworkflows.descriptors.plip.blocks import Blocks, pair_index
from alworkflows.descriptors.plip.radial import RadialTable

__all__ = ["Densities", "pack_densities", "write_pair_table", "write_setfl"]

#: points of a two-body table, and its first distance, A
POINTS, FIRST = 6000, 0.1
#: points of a density and of an embedding function
RADII, DENSITIES = 12000, 10000
#: the densest surroundings that an embedding function covers: atoms of one species (A^-3), none nearer than this times the sum of
#: covalent radii; LAMMPS goes on in a straight line beyond
CROWD, NEAREST = 0.25, 0.5


def write_pair_table(path: Path, blocks: Blocks, species: Sequence[str]) -> list[tuple[int, int, str]]:
    """Write the two-body energies of one model, baseline left out; return species and section of each pair that has any."""
    index = pair_index(len(species))
    r = np.linspace(FIRST, blocks.table.cutoff, POINTS)
    r[-1] *= 1 - 1e-12
    values, slopes = blocks.table(r), blocks.table(r, derivative=1)
    sections = []
    with replacing(path) as part, part.open("w") as handle:
        handle.write("# Two-body energies (eV) and forces (eV/A), by alworkflows. UNITS: metal\n")
        for s in range(len(species)):
            for t in range(s, len(species)):
                weights = blocks.two[0, index[s, t]]
                if not weights.any():
                    continue
                name = f"{species[s]}-{species[t]}"
                sections.append((s, t, name))
                # at the cutoff both are zero but for rounding
                energy, force = values @ weights, -slopes @ weights
                handle.write(f"\n{name}\nN {POINTS} R {FIRST!r} {blocks.table.cutoff!r}\n\n")
                handle.writelines(
                    f"{n} {x:.10f} {e:.12e} {f:.12e}\n" for n, (x, e, f) in enumerate(zip(r, energy, force, strict=True), start=1)
                )
    return sections


@dataclass(frozen=True)
class Densities:
    """What one ``eam/fs`` file holds: for each centre species a neighbour species and a radial function, or None."""

    chosen: tuple[tuple[int, int] | None, ...]


def pack_densities(blocks: Blocks) -> list[Densities]:
    """Return the N-body densities of one model in as few files as there are densities of one centre species."""
    by_centre = [
        [(int(s), int(n)) for s, n in np.argwhere(blocks.many[0, centre].any(axis=1))] for centre in range(blocks.species)
    ]
    most = max(len(pairs) for pairs in by_centre)
    return [Densities(tuple(pairs[k] if k < len(pairs) else None for pairs in by_centre)) for k in range(most)]


def write_setfl(
    path: Path, blocks: Blocks, densities: Densities, species: Sequence[str], energies: Sequence[float] | None = None
) -> None:
    """Write one ``eam/fs`` file: E_i = F(rho_i), rho_i over neighbours of one species; F has the reference ``energies`` (eV)."""
    table = blocks.table
    # LAMMPS takes slopes from the points around: a few lie beyond the cutoff
    r = np.arange(RADII) * table.cutoff / (RADII - 5)
    functions = np.where((r < table.cutoff)[:, None], _switched(table, np.minimum(r, table.cutoff)), 0.0)
    columns = [None if chosen is None else functions[:, chosen[1]] for chosen in densities.chosen]
    largest = max(
        _largest(
            r, column, NEAREST * (covalent_radii[atomic_numbers[symbol]] + covalent_radii[atomic_numbers[species[chosen[0]]]])
        )
        for column, chosen, symbol in zip(columns, densities.chosen, species, strict=True)
        if column is not None and chosen is not None
    )
    rho = np.arange(DENSITIES) * largest / (DENSITIES - 1)
    with replacing(path) as part, part.open("w") as handle:
        handle.write("N-body terms by alworkflows; UNITS: metal\nE_i = F(rho_i), rho_i over neighbours of one species\n\n")
        handle.write(f"{len(species)} {' '.join(species)}\n")
        handle.write(f"{DENSITIES} {float(rho[1])!r} {RADII} {float(r[1])!r} {float(table.cutoff)!r}\n")
        for element, symbol in enumerate(species):
            number = atomic_numbers[symbol]
            handle.write(f"{number} {float(atomic_masses[number])!r} 1.0 none\n")
            energy = np.full(DENSITIES, 0.0 if energies is None else float(energies[element]))
            chosen = densities.chosen[element]
            if chosen is not None:
                for power, weight in zip(blocks.m, blocks.many[0, element, chosen[0], :, chosen[1]], strict=True):
                    energy += weight * rho ** int(power)
            _write(handle, energy)
            # the density that an atom of this element makes at one of each element in turn
            for centre in range(len(species)):
                there = densities.chosen[centre]
                column = columns[centre]
                _write(handle, column if there is not None and column is not None and there[0] == element else np.zeros(RADII))
        for _ in range(len(species) * (len(species) + 1) // 2):
            _write(handle, np.zeros(RADII))


def _switched(table: RadialTable, r: np.ndarray) -> np.ndarray:
    """Return the functions of the N-body densities, h = g f_s, (M, R)."""
    u = np.clip((r - table.inner) / (table.outer - table.inner), 0.0, 1.0)
    return table(r) * (u**3 * (10.0 + u * (6.0 * u - 15.0)))[:, None]


def _largest(r: np.ndarray, density: np.ndarray, nearest: float) -> float:
    """Return a density that no surroundings reach: a neighbour at the worst distance, and a crowd all around."""
    there = np.where(r < nearest, 0.0, np.abs(density))
    return float(there.max() + 4 * np.pi * CROWD * np.trapezoid(there * r**2, r))


def _write(handle: object, values: np.ndarray) -> None:
    for start in range(0, len(values), 5):
        handle.write(" ".join(f"{value:.16e}" for value in values[start : start + 5]) + "\n")  # type: ignore[attr-defined]
