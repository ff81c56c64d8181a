"""Which structures a sampler can begin from: what its class states, asked of one structure; the same wherever it is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.settings import SamplerSettings
from alworkflows.settings.samplers import Sampler
from alworkflows.structures import MIN_VACUUM, check_cell, close_pairs, count_open_directions, fixed_coordinates, gaps, vacuum

__all__ = ["notes", "require_suited", "takes"]

#: of a distance over the covalent radii: atoms nearer than this are at one place, whatever may be labelled
ONE_PLACE = 0.2

#: by the number of directions along which there is vacuum, or nothing repeats
KINDS = ("a crystal", "a slab", "a wire", "something in a box")
PLURALS = ("crystals", "slabs", "wires", "particles in a box")


def takes(settings: type[Sampler]) -> str:
    """Return which structures a class of samplers takes, in words."""
    kinds = ", ".join(PLURALS[number] for number in settings.open_directions)
    return f"{kinds}, with pbc T T T" if settings.needs_repeats else kinds


def require_suited(settings: SamplerSettings, structure: Atoms | Sequence[Atoms], name: str) -> None:
    """Raise if a sampler cannot begin from a structure, whatever its other settings are.

    Raises
    ------
    InputError
        If it has no cell, is of a kind that the sampler is not for, has two atoms at one place, too few that move, or constraints
        that are not understood.
    """
    if not isinstance(structure, Atoms):  # frames that are handed on as they are: what they are worth is seen before labels
        for frame in structure:
            check_cell(frame, name)
            fixed_coordinates(frame, name)
        return
    check_cell(structure, name)
    fixed, cell = fixed_coordinates(structure, name), np.asarray(structure.cell)
    first, second, distance = close_pairs(structure.numbers, structure.positions, cell, structure.pbc, ONE_PLACE)
    if len(distance):
        raise InputError(f"{name}: atoms {first[0]} and {second[0]} are at one place, {distance[0]:.3f} A apart")
    number = count_open_directions(structure)
    if number not in settings.open_directions:
        kinds = " or ".join(KINDS[number] for number in settings.open_directions)
        raise InputError(
            f"{name}: the sampler '{settings.name}' expected {kinds}, got {KINDS[number]}: pbc {structure.pbc.tolist()}, the "
            f"widest gap is {vacuum(structure):.2f} A, and {MIN_VACUUM:g} A count as vacuum"
        )
    if settings.needs_repeats and not structure.pbc.all():
        raise InputError(
            f"{name}: the sampler '{settings.name}' repeats its cell in all directions, got pbc {structure.pbc.tolist()}; "
            "set it to T T T, with vacuum where nothing is to repeat"
        )
    free = int((~fixed.all(axis=1)).sum())
    if settings.is_dynamics and (free < 1 or len(structure) < 2):
        raise InputError(
            f"{name}: the sampler '{settings.name}' expected at least two atoms, one of which moves, got {len(structure)}, "
            f"{free} of which move{'s' if free == 1 else ''}"
        )


def notes(settings: SamplerSettings, structure: Atoms) -> list[str]:
    """Return what whoever asked for a run should know of its structure: how it is taken, and what constraints hold."""
    said = []
    if not structure.pbc.any() and gaps(structure).min() < MIN_VACUUM:
        said.append("nothing repeats (pbc F F F), so it is taken for a particle, though its cell leaves no vacuum")
    held = int(fixed_coordinates(structure).any(axis=1).sum())
    if held:
        consequence = ""
        if settings.name in ("strain", "compress"):
            consequence = ": where the cell changes they keep their fractional coordinates"
        elif settings.name == "rattle":
            consequence = ", and the cell is not strained"
        said.append(f"{held} of {len(structure)} atoms are held still{consequence}")
    return said
