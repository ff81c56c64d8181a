"""Nanoparticles and dimers in a box: pure, alloyed, two-faced (Janus), core and shell.

Benoit et al., "Measuring transferability issues in machine-learning force fields: the example of gold-iron interactions with
linearized potentials", section II.B and Fig. 4. All species of a particle share one lattice, whatever their own one is: two
lattices would leave atoms fused or gaps at the interface, and a melt forgets either.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from alworkflows.settings.structures import ParticleSettings

__all__ = ["dimer", "particle"]

BASIS = {"fcc": ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)), "bcc": ((0, 0, 0), (0.5, 0.5, 0.5))}
#: the centre, in lattice constants: nowhere special, so that no two sites are equally far and every count of atoms is one cut
CENTRE = np.array([0.113, 0.197, 0.271])


def particle(settings: ParticleSettings, vacuum: float) -> Atoms:
    """Return a particle in a cubic box, periodic, with ``vacuum`` (A) between it and its images."""
    total = sum(settings.species.values())
    sites = _sites(BASIS[settings.lattice], total) * settings.a
    sites -= sites.mean(axis=0)
    order = {
        "random": np.random.default_rng(settings.seed).permutation(total),
        "janus": np.argsort(sites[:, 0], kind="stable"),
        "core-shell": np.argsort(np.linalg.norm(sites, axis=1), kind="stable"),
    }[settings.order]
    numbers = np.zeros(total, dtype=int)
    numbers[order] = np.repeat([atomic_numbers[symbol] for symbol in settings.species], list(settings.species.values()))
    return _boxed(numbers, sites, vacuum)


def _sites(basis: tuple[tuple[float, float, float], ...], total: int) -> np.ndarray:
    """Return the ``total`` sites of a lattice nearest to the centre, (total, 3) in lattice constants, from the inside out."""
    reach = int(np.ceil((0.75 * total / (np.pi * len(basis))) ** (1 / 3))) + 2
    cells = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    sites = (cells + np.array(basis)).reshape(-1, 3) - CENTRE
    return sites[np.argsort(np.linalg.norm(sites, axis=1), kind="stable")[:total]]


def dimer(first: str, second: str, vacuum: float) -> Atoms:
    """Return two atoms as far apart as their covalent radii say, in a cubic box, periodic, with ``vacuum`` (A) between images."""
    numbers = [atomic_numbers[first], atomic_numbers[second]]
    length = float(covalent_radii[numbers].sum())
    return _boxed(np.array(numbers), np.array([[-0.5 * length, 0, 0], [0.5 * length, 0, 0]]), vacuum)


def _boxed(numbers: np.ndarray, positions: np.ndarray, vacuum: float) -> Atoms:
    side = float(np.ptp(positions, axis=0).max()) + vacuum
    middle = 0.5 * (positions.max(axis=0) + positions.min(axis=0))
    return Atoms(numbers=numbers, positions=positions - middle + 0.5 * side, cell=[side] * 3, pbc=True)
