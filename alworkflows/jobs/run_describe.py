"""Verb ``describe``: what selection needs to know of each candidate, so that choosing is arithmetic.

Writes ``deviation.npz`` with, per frame in order, ``disagreement`` (F,) in eV/A, ``element_disagreement`` (F, S), the same over
the atoms of each species, ``grade`` (F,), the extrapolation grade, and ``fingerprints`` (F, D); NaN without an ensemble, where
the geometry is refused or a species absent, and for grades that are not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from alworkflows import frames as frames_io
from alworkflows.atomic import replacing
from alworkflows.jobs.results import DescribeResult
from alworkflows.jobs.specs import DescribeSpec

__all__ = ["run"]


def run(spec: DescribeSpec, folder: Path) -> DescribeResult:
    """Describe candidates; see the module."""
    from alworkflows.selection import fingerprints
    from alworkflows.structures import geometry_flags

    species = spec.species
    candidates = _read(folder, spec.candidates)
    refused = geometry_flags(candidates, spec.geometry)
    disagreement = np.full(len(candidates), np.nan)
    of_elements = np.full((len(candidates), len(species)), np.nan)
    grade = np.full(len(candidates), np.nan)
    if spec.ensemble:
        from alworkflows.models import Ensemble
        from alworkflows.selection import ActiveSet

        sound = [index for index, reason in enumerate(refused) if reason is None]
        frames = [candidates[index] for index in sound]
        ensemble = Ensemble.load(folder / spec.ensemble)
        for index, prediction in zip(sound, ensemble.predict(frames), strict=True):
            symbols = np.array(candidates[index].get_chemical_symbols())
            disagreement[index] = prediction.deviation.max()
            for number, symbol in enumerate(species):
                of_symbol = prediction.deviation[symbols == symbol]
                of_elements[index, number] = of_symbol.max() if len(of_symbol) else np.nan
        if spec.grade:
            grade[sound] = ActiveSet.of_ensemble(ensemble, _read(folder, spec.batches)).grades(frames)
    with replacing(folder / "deviation.npz") as part, part.open("wb") as handle:
        np.savez(
            handle,
            disagreement=disagreement,
            element_disagreement=of_elements,
            grade=grade,
            fingerprints=fingerprints(candidates, species),
        )
    return DescribeResult.of(frames=len(candidates), refused=refused)


def _read(folder: Path, names: Sequence[str]) -> list[Atoms]:
    return [frame for name in names for frame in frames_io.load(folder / name)[0]]
