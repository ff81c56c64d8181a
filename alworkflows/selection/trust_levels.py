"""Trust levels: which frames the ensemble agrees on, which are worth a label, which are nonsense.

The disagreement d of a frame is the largest, over its atoms, norm of the vector standard deviation of the members' forces:

    d = max_i sqrt( mean_m |F_m,i - mean_m F_m,i|^2 )        (eV/A)

After Zhang et al., Phys. Rev. Materials 3, 023804 (2019), whose committee judges frames by two levels of the same d.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

__all__ = ["Level", "classify", "count"]


class Level(StrEnum):
    """What the trust window and the geometry filter make of a frame."""

    ACCURATE = "accurate"  # the ensemble agrees: nothing to learn
    CANDIDATE = "candidate"  # within the window: worth a label
    FAILED = "failed"  # disagreement beyond the window: the dynamics that led there cannot be trusted
    REFUSED = "refused"  # geometry: atoms fused or flown apart


def classify(disagreement: np.ndarray | None, refused: np.ndarray, window: tuple[float, float] | None) -> list[Level]:
    """Return the level of each frame.

    Parameters
    ----------
    disagreement
        (F,) in eV/A; infinity counts as failed. None (no ensemble yet): every frame with a valid geometry is a candidate.
    refused
        (F,) booleans: the geometry filter refused the frame, whatever its disagreement (which may then be NaN).
    window
        Lower and upper level in eV/A, both belonging to the window.
    """
    if disagreement is None or window is None:
        return [Level.REFUSED if bad else Level.CANDIDATE for bad in refused]
    lower, upper = window
    levels = []
    for value, bad in zip(disagreement, refused, strict=True):
        if bad:
            levels.append(Level.REFUSED)
        elif value < lower:
            levels.append(Level.ACCURATE)
        elif value <= upper:
            levels.append(Level.CANDIDATE)
        else:
            levels.append(Level.FAILED)
    return levels


def count(levels: Sequence[Level]) -> dict[str, int]:
    """Return how many frames have each level, zeros included."""
    return {str(level): sum(item is level for item in levels) for level in Level}
