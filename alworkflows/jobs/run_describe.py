"""Verb ``deviate``: what selection needs to know of each candidate, so that choosing is arithmetic.

Input: ``candidates`` (files), ``species``, ``geometry`` (limits), optional ``ensemble`` (file), and for ``grade`` (true or false)
also ``batches`` (files): what that ensemble was trained on.
Output: ``deviation.npz`` with, per frame in order, ``disagreement`` (F,) in eV/A, ``element_disagreement`` (F, S), the same over
the atoms of each species, ``grade`` (F,), the extrapolation grade, and ``fingerprints`` (F, D); NaN without an ensemble, where
the geometry is refused or a species absent, and for grades that are not asked for. ``refused``: a list of reasons or None.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alworkflows import frames as frames_io
from alworkflows.errors import InputError
from alworkflows.settings import GeometryLimits, parse

__all__ = ["run"]


def run(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Describe candidates; see the module."""
    from alworkflows.selection import fingerprints
    from alworkflows.structures import geometry_flags

    species = tuple(spec["species"])
    candidates = _read(folder, spec["candidates"])
    refused = geometry_flags(candidates, parse(GeometryLimits, spec["geometry"], "geometry"))
    disagreement = np.full(len(candidates), np.nan)
    of_elements = np.full((len(candidates), len(species)), np.nan)
    grade = np.full(len(candidates), np.nan)
    if spec.get("ensemble"):
        from alworkflows.models import Ensemble
        from alworkflows.selection import ActiveSet

        sound = [index for index, reason in enumerate(refused) if reason is None]
        frames = [candidates[index] for index in sound]
        ensemble = Ensemble.load(folder / spec["ensemble"])
        for index, prediction in zip(sound, ensemble.predict(frames), strict=True):
            symbols = np.array(candidates[index].get_chemical_symbols())
            disagreement[index] = prediction.deviation.max()
            for number, symbol in enumerate(species):
                own = prediction.deviation[symbols == symbol]
                of_elements[index, number] = own.max() if len(own) else np.nan
        if spec.get("grade"):
            grade[sound] = ActiveSet.of_ensemble(ensemble, _read(folder, _batches(spec))).grades(frames)
    elif spec.get("grade"):
        raise InputError("extrapolation grade: expected the ensemble it is of, got none")
    np.savez(
        folder / "deviation.npz",
        disagreement=disagreement,
        element_disagreement=of_elements,
        grade=grade,
        fingerprints=fingerprints(candidates, species),
    )
    return {"frames": len(candidates), "refused": refused}


def _batches(spec: dict[str, Any]) -> list[str]:
    names: list[str] = spec.get("batches") or []
    if not names:
        raise InputError("extrapolation grade: expected the batches that the ensemble was trained on, got none")
    return names


def _read(folder: Path, names: list[str]) -> list[Any]:
    return [frame for name in names for frame in frames_io.load(folder / name)[0]]
