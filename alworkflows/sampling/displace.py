"""Samplers without dynamics: rattle, strain, compress, dimer.

Atoms that constraints hold are left where they are by random displacements; a rattle then leaves the cell as it is too. What
strains or compresses a cell takes all atoms along, held or not: they keep their fractional coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError, SimulationError
from alworkflows.sampling.base import SampleReport, StillKeeper, Task
from alworkflows.settings import CompressSettings, DimerSettings, RattleSettings, StrainSettings
from alworkflows.structures import close_pairs, fixed_coordinates, gather, is_isolated

__all__ = ["check", "sample"]

Still = RattleSettings | StrainSettings | CompressSettings | DimerSettings
Made = Iterator[tuple[Atoms, dict[str, Any]]]

#: draws of one frame before a rattle gives up
TRIES = 100


def check(settings: Still, structure: Atoms, name: str) -> int:
    """Return how many frames there will be.

    Raises
    ------
    InputError
        If a dimer's structure is not two atoms, atoms are held that must move, or the modes are more than the frames.
    """
    if isinstance(settings, DimerSettings) and len(structure) != 2:
        raise InputError(
            f"{name}: the sampler 'dimer' expected a structure of two atoms, such as dimer: [Fe, Au], got {len(structure)}"
        )
    if isinstance(settings, StrainSettings) and settings.snapshots < len(settings.modes):
        raise InputError(
            f"strain: expected at least a snapshot for each of {len(settings.modes)} modes, got {settings.snapshots}"
        )
    if isinstance(settings, DimerSettings) or (isinstance(settings, CompressSettings) and is_isolated(structure)):
        held = int(fixed_coordinates(structure, name).any(axis=1).sum())
        if held:
            raise InputError(f"{name}: the sampler '{settings.name}' moves every atom of what is in a box, got {held} held still")
    return settings.snapshots


def sample(settings: Still, structure: Atoms, task: Task) -> SampleReport:
    """Make the frames; see the settings of each.

    Raises
    ------
    InputError
        As :func:`check`.
    SimulationError
        If every draw of a rattled frame brings two atoms too close.
    """
    planned = check(settings, structure, task.name)
    keeper = StillKeeper(task, settings.name)
    for frame, origin in _FRAMES[type(settings)](settings, structure, np.random.default_rng(task.seed)):
        keeper(frame, **origin)
    task.say(f"{settings.name} {task.name}: {keeper.frames}/{planned} frames")
    return keeper.report(planned)


def _rattled(settings: RattleSettings, structure: Atoms, random: np.random.Generator) -> Made:
    free = ~fixed_coordinates(structure)
    # the cell of what is in a box means nothing, and that of atoms held still must not move them
    strained = free.all() and not is_isolated(structure)
    for number in range(settings.snapshots):
        width = settings.displacements[number % len(settings.displacements)]
        for _ in range(TRIES):
            frame = structure.copy()
            if strained:
                strain = random.normal(scale=settings.strain, size=(3, 3))
                frame.set_cell(np.asarray(frame.cell) @ (np.eye(3) + 0.5 * (strain + strain.T)), scale_atoms=True)
            frame.positions += free * random.normal(scale=width, size=frame.positions.shape)
            near = close_pairs(frame.numbers, frame.positions, np.asarray(frame.cell), frame.pbc, settings.shortest)[2]
            if not len(near):
                break
        else:
            raise SimulationError(
                f"rattle: {TRIES} draws with displacements of {width:g} A all had distances below {settings.shortest:g} of the "
                "covalent radii; displace less, or allow shorter distances"
            )
        yield frame, {"displacement": width}


def _strained(settings: StrainSettings, structure: Atoms, random: np.random.Generator) -> Made:
    shares = np.array_split(np.arange(settings.snapshots), len(settings.modes))
    for mode, share in zip(settings.modes, shares, strict=True):
        grid = np.linspace(*settings.volume, len(share)) if mode == "volume" else np.linspace(-1, 1, len(share)) * settings.strain
        for number, value in enumerate(grid.tolist()):
            deform = np.eye(3)
            axis = number % 3
            if mode == "volume":
                deform *= value ** (1 / 3)
            elif mode == "uniaxial":
                deform[axis, axis] += value
            else:
                deform[axis, (axis + 1) % 3] = deform[(axis + 1) % 3, axis] = 0.5 * value
            frame = structure.copy()
            frame.set_cell(np.asarray(frame.cell) @ deform, scale_atoms=True)
            yield frame, {"mode": mode, "axis": None if mode == "volume" else axis, "value": value}


def _compressed(settings: CompressSettings, structure: Atoms, random: np.random.Generator) -> Made:
    free = ~fixed_coordinates(structure)
    for scale in np.linspace(1.0, settings.smallest, settings.snapshots + 1)[1:].tolist():
        frame = structure.copy()
        if is_isolated(structure):
            together = gather(structure)
            middle = together.mean(axis=0)
            frame.positions[:] = middle + scale * (together - middle)
        else:
            frame.set_cell(np.asarray(frame.cell) * scale, scale_atoms=True)
        if settings.displacement:
            frame.positions += free * random.normal(scale=settings.displacement, size=frame.positions.shape)
        yield frame, {"scale": scale}


def _dimers(settings: DimerSettings, structure: Atoms, random: np.random.Generator) -> Made:
    together = gather(structure) if is_isolated(structure) else structure.positions
    middle = together.mean(axis=0)
    bond = together[1] - together[0]
    direction = bond / np.linalg.norm(bond)
    for distance in np.linspace(settings.shortest, settings.longest, settings.snapshots).tolist():
        frame = structure.copy()
        frame.positions = middle + np.outer([-0.5, 0.5], direction) * distance
        yield frame, {"distance": distance}


_FRAMES: dict[type, Any] = {
    RattleSettings: _rattled,
    StrainSettings: _strained,
    CompressSettings: _compressed,
    DimerSettings: _dimers,
}
