"""The samplers by name; a module is imported when its sampler runs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.deadline import Deadline
from alworkflows.errors import InputError, unknown
from alworkflows.sampling.base import Driver, Keep, Progress, SampleReport, Task
from alworkflows.sampling.checkpoint import Checkpoint, fingerprint
from alworkflows.sampling.suitability import require_suited
from alworkflows.settings import SamplerSettings, parse
from alworkflows.structures import fixed_coordinates

__all__ = ["SAMPLERS", "check_sampler", "parse_sampler", "sample"]

#: module of each sampler; its settings are a class of the union in :mod:`alworkflows.settings.samplers`
SAMPLERS: dict[str, str] = {
    "melt": "alworkflows.sampling.melt",
    "surface-melt": "alworkflows.sampling.surface_melt",
    "quench": "alworkflows.sampling.quench",
    "rattle": "alworkflows.sampling.displace",
    "strain": "alworkflows.sampling.displace",
    "compress": "alworkflows.sampling.displace",
    "dimer": "alworkflows.sampling.displace",
    "frames": "alworkflows.sampling.given",
}


def parse_sampler(data: Any, where: str = "sampler") -> SamplerSettings:
    """Return the checked settings of a sampler from a dictionary with its ``name``.

    Raises
    ------
    InputError
        If the name, a key or a value is wrong.
    """
    if not isinstance(data, dict) or "name" not in data:
        raise InputError(f"{where}: expected a mapping with 'name', one of {', '.join(sorted(SAMPLERS))}")
    if data["name"] not in SAMPLERS:
        raise unknown("sampler", data["name"], SAMPLERS)
    settings: SamplerSettings = parse(SamplerSettings, data, f"{where} ({data['name']})")
    return settings


def check_sampler(settings: SamplerSettings, structure: Atoms | Sequence[Atoms], name: str) -> int:
    """Return how many steps a sampler would take on a structure; nothing is run.

    Raises
    ------
    InputError
        If the sampler could not run on it: its cell, what repeats, a missing vacuum, the potential, the species, too few steps.
    """
    require_suited(settings, structure, name)
    steps: int = import_module(SAMPLERS[settings.name]).check(settings, structure, name)
    return steps


def sample(
    settings: SamplerSettings,
    structure: Atoms | Sequence[Atoms],
    name: str,
    seed: int,
    keep: Keep,
    driver: Driver | None = None,
    upper: float | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
    deadline: Deadline | None = None,
) -> SampleReport:
    """Run one sampler on one structure.

    Parameters
    ----------
    settings : as :func:`parse_sampler` returns them
        Which sampler, and how.
    structure : Atoms, or several for the sampler ``frames``
        Where it starts.
    name : str
        The structure's name, for the frames' origin.
    seed : int
        The same settings, structure, driver and seed give the same frames, bit for bit.
    keep : callable
        Gets every frame as soon as it is made.
    driver : Driver, optional
        The ensemble that drives surface melt and quench.
    upper : float, optional
        Disagreement (eV/A) above which a driven run stops; none: it is not watched.
    progress : callable, optional
        Gets a line of text now and then.
    checkpoint : Path, optional
        Folder from which a run by dynamics goes on if there is one, and where it is kept for another process to go on. A run that
        was interrupted gives the same frames, bit for bit, as one that was not.
    deadline : Deadline, optional
        When a run with a checkpoint stops, to be gone on with; the report says so.

    Raises
    ------
    InputError
        If settings, structure and driver do not go together.
    SimulationError
        If nothing could be simulated.
    """
    if not isinstance(structure, Atoms) and settings.name != "frames":
        if len(structure) != 1:
            raise InputError(f"{name}: the sampler '{settings.name}' expected one structure, got {len(structure)} frames")
        structure = structure[0]
    require_suited(settings, structure, name)
    starts = [structure] if isinstance(structure, Atoms) else structure
    held = [np.argwhere(fixed_coordinates(start)).tolist() for start in starts if start.constraints]
    run = fingerprint(settings.model_dump(mode="json"), name, int(seed), upper, *held, *starts)
    task = Task(name, seed, keep, driver, upper, progress, Checkpoint(checkpoint, run, deadline))
    report: SampleReport = import_module(SAMPLERS[settings.name]).sample(settings, structure, task)
    return report
