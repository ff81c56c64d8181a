"""Labels that the last fit found to be off, in the sentences of ``status``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alworkflows.models.telling import off_in_words, outlier_sentence

__all__ = ["outlier_lines"]

#: frames that are named
SHOWN = 5


def outlier_lines(number: int, outliers: Mapping[str, Any]) -> list[str]:
    """Return what the fit of an iteration says: how many training and test frames are off, and the worst by name."""
    lines = []
    sentence = outlier_sentence(outliers)
    if sentence is not None:
        lines.append(f"Labels that are off (fit of iteration {number}): {sentence}.")
        lines += _named(outliers["frames"])
    if outliers["tests"]:
        count = len(outliers["tests"])
        lines.append(f"Of {outliers['tests_looked_at']} test frames {count} {'is' if count == 1 else 'are'} off, too:")
        lines += _named(outliers["tests"])
    if lines:
        lines.append("  (alworkflows lineage FRAME: what became of one)")
    return lines


def _named(frames: list[Mapping[str, Any]]) -> list[str]:
    named = [f"  frame {frame['id']} ({frame['formula']}, {frame['file']}): {off_in_words(frame)}" for frame in frames[:SHOWN]]
    return [*named, *([f"  ... and {len(frames) - SHOWN} more"] if len(frames) > SHOWN else [])]
