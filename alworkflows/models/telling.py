"""Labels that are off, in words: of what a fit reports of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms, units

from alworkflows.frames import frame_id

__all__ = ["error_without", "is_changed", "is_harmful", "located", "off_in_words", "outlier_sentence"]

#: by what is off, the unit it is told in and what the stored number (eV, A) is multiplied by
UNITS = {
    "forces": ("eV/A", 1.0),
    "net force": ("eV/A", 1.0),
    "energy": ("meV/atom", 1e3),
    "stress": ("GPa", 1.0 / units.GPa),
}


def off_in_words(frame: Mapping[str, Any]) -> str:
    """Return what of a frame's label is off: by how much, what frames like it show, and how many times that is."""
    parts = []
    for off in frame["off"]:
        unit, factor = UNITS[off["what"]]
        amount, alike = factor * off["amount"], factor * off["alike"]
        parts.append(f"{off['what']} by {amount:.3g} {unit}, {off['beyond']:.0f} x frames like it ({alike:.2g})")
    return "; ".join(parts)


def outlier_sentence(outliers: Mapping[str, Any]) -> str | None:
    """Return how many training frames are off and what was done about it; None if none is."""
    count, frames = outliers["count"], outliers["frames"]
    if not count:
        return None
    verb = "contradicts" if count == 1 else "contradict"
    said = f"{count} of {outliers['looked_at']} training frames {verb} frames like {'it' if count == 1 else 'them'}"
    if outliers["broken"]:
        return f"{said}: too many to be left out, the data are broken; all were fitted to"
    left_out = sum(frame.get("weight") == 0.0 for frame in frames)
    less = sum(frame.get("weight", 1.0) not in (0.0, 1.0) for frame in frames)
    harmless = sum(not is_harmful(frame, outliers) for frame in frames)
    fitted = count - left_out - less - harmless
    parts = [(left_out, "left out"), (less, "counted for less"), (fitted, "fitted to (fit.outliers: keep)")]
    parts.append((harmless, "off in what is not fitted, and kept"))
    return f"{said}: " + ", ".join(f"{number} {done}" for number, done in parts if number)


def is_harmful(frame: Mapping[str, Any], outliers: Mapping[str, Any]) -> bool:
    """Return whether a frame is off in anything that is fitted."""
    return any(off["what"] in outliers["fitted"] for off in frame["off"])


def is_changed(outliers: Mapping[str, Any]) -> bool:
    """Return whether any frame was left out, or counted less than it came."""
    frames: Sequence[Mapping[str, Any]] = outliers["frames"]
    return any("weight" in frame for frame in frames)


def located(outliers: dict[str, Any], place: Callable[[str, dict[str, Any]], tuple[str, int]]) -> dict[str, Any]:
    """Return what is off with the ``file`` of each frame, and as ``index`` that in the file.

    Parameters
    ----------
    place
        Returns both of a frame, given the list that it is in (``frames``, ``alone`` or ``tests``) and what is said of it.
    """

    def told(kind: str, item: dict[str, Any]) -> dict[str, Any]:
        file, index = place(kind, item)
        rest = {name: value for name, value in item.items() if name not in ("number", "batch")}
        return {**rest, "file": file, "index": index}

    lists = {kind: [told(kind, item) for item in outliers[kind]] for kind in ("frames", "alone", "tests")}
    return {**outliers, **lists}


def error_without(errors: Mapping[str, Any], tests: Sequence[Atoms], outliers: Mapping[str, Any]) -> float | None:
    """Return the force error (eV/A) on the test frames that are not off; None if none is, or all are.

    Parameters
    ----------
    errors
        On these test frames, as :func:`.accuracy.force_errors` returns them.
    """
    off = {item["id"] for item in outliers["tests"]}
    kept = np.array([frame_id(frame) not in off for frame in tests])
    if not off or not kept.any():
        return None
    atoms = np.array([len(frame) for frame in tests], dtype=float)
    return float(np.sqrt(np.average(errors["rms_error"][kept] ** 2, weights=atoms[kept])))
