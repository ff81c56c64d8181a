"""What ``fit`` prints of labels that are off: which frames, by how much, and what that does to the errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ase import Atoms

    from alworkflows.frames import FrameFile

__all__ = ["places_of", "print_outliers", "print_test_outliers", "with_places"]

#: frames of a kind that are printed; all are in the model's report
SHOWN = 12

#: file and index there, by the identity of a frame in memory
Places = Mapping[int, tuple[str, int]]


def places_of(files: Sequence[FrameFile]) -> dict[int, tuple[str, int]]:
    """Return where each frame stands: its file, and its index there."""
    return {id(frame): (file.path, index) for file in files for index, frame in zip(file.numbers, file.frames, strict=True)}


def with_places(outliers: dict[str, Any], training: Sequence[Atoms], testing: Sequence[Atoms], places: Places) -> dict[str, Any]:
    """Return what is off with file and index of each frame."""
    from alworkflows.models.telling import located

    frames = [*training, *testing]
    return located(outliers, lambda kind, item: places[id(frames[item["number"]])])


def print_outliers(outliers: dict[str, Any]) -> None:
    """Print the training frames that are off, and what a fit without them would be."""
    from alworkflows.cli.files import count
    from alworkflows.models.telling import is_changed, is_harmful, outlier_sentence

    if outliers["skipped"]:
        click.echo(f"labels were not held against each other: {outliers['skipped']}")
        return
    sentence = outlier_sentence(outliers)
    if sentence is not None:
        click.echo(f"\n{sentence}:")
        _print_frames(outliers["frames"])
        harmful = any(is_harmful(frame, outliers) for frame in outliers["frames"])
        if harmful and not is_changed(outliers) and not outliers["broken"]:
            better = outliers["fit_without"]
            figures = f": {better:.4f} eV/A on the test frames" if better is not None else ""
            click.echo(f"look at them; a fit without them{figures} (--set fit.outliers=drop, or downweight)")
    if outliers["alone"]:
        number = count(len(outliers["alone"]), "training frame")
        click.echo(f"\n{number} off, but nothing says so for sure: no frame is like it, or the members disagree")
        _print_frames(outliers["alone"], 3)


def print_test_outliers(outliers: dict[str, Any], error: float | None) -> None:
    """Print the test frames that are off, and the error without them."""
    from alworkflows.cli.files import count

    if outliers["tests"]:
        rest = f"; without them forces {error:.4f} eV/A" if error is not None else ""
        said = "contradicts" if len(outliers["tests"]) == 1 else "contradict"
        click.echo(f"{count(len(outliers['tests']), 'test frame')} {said} frames like them{rest}:")
        _print_frames(outliers["tests"])


def _print_frames(frames: Sequence[Mapping[str, Any]], most: int = SHOWN) -> None:
    from alworkflows.models.telling import off_in_words

    for frame in frames[:most]:
        click.echo(f"  {frame['file']} frame {frame['index']} ({frame['formula']}, {frame['id']}): {off_in_words(frame)}")
    if len(frames) > most:
        click.echo(f"  ... and {len(frames) - most} more (all with --json, and in the model's report)")
