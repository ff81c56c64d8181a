"""Verb ``deviate``: what selection needs to know of each candidate, so that choosing is arithmetic.

Input: ``candidates`` (files), ``species``, ``geometry`` (limits), optional ``ensemble`` (file).
Output: ``deviation.npz`` with, per frame in order, ``disagreement`` (F,) (eV/A; NaN without an ensemble) and ``fingerprints``
(F, D); ``refused``, a list of reasons or None.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alworkflows import frames as frames_io
from alworkflows.settings import GeometryLimits, parse

__all__ = ["run"]


def run(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Describe candidates; see the module."""
    from alworkflows.selection import fingerprints
    from alworkflows.structures import geometry_flags

    candidates = [frame for name in spec["candidates"] for frame in frames_io.load(folder / name)[0]]
    refused = geometry_flags(candidates, parse(GeometryLimits, spec["geometry"], "geometry"))
    disagreement = np.full(len(candidates), np.nan)
    if spec.get("ensemble"):
        from alworkflows.models import Ensemble

        sound = [index for index, reason in enumerate(refused) if reason is None]
        ensemble = Ensemble.load(folder / spec["ensemble"])
        for index, prediction in zip(sound, ensemble.predict([candidates[i] for i in sound]), strict=True):
            disagreement[index] = prediction.deviation.max()
    np.savez(folder / "deviation.npz", disagreement=disagreement, fingerprints=fingerprints(candidates, tuple(spec["species"])))
    return {"frames": len(candidates), "refused": refused}
