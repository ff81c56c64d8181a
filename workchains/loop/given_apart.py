"""Given data held against each other: a frame that is there twice, in whatever format, and steps of one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alworkflows.errors import InputError
from alworkflows.frames.leaks import NEAR, TWIN, FrameSet, require_consistent
from alworkflows.frames.near import groups, nearest
from workchains.data.frames import FramesData

__all__ = ["draw_apart", "require_once"]


def require_once(sources: Mapping[int, Mapping[str, FramesData]], uses: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return what a person should know of frames near each other, by the key of their source.

    Parameters
    ----------
    sources
        Frames by key, of each entry of ``start``.
    uses
        Of each key ``use`` and ``test_share``.

    Raises
    ------
    InputError
        If a frame of one entry is in an earlier one, or stands in one twice with labels that contradict each other.
    """
    notes: dict[str, list[str]] = {}
    earlier = FrameSet([], [])
    for number, nodes in sources.items():
        entry = FrameSet([], [])
        for key, node in nodes.items():
            frames = _placed(node)
            near = groups(frames.frames, NEAR)
            try:
                notes[key] = require_consistent(frames, near)
            except InputError as error:
                raise InputError(f"start.{number}: {error}") from error
            notes[key] += _not_parted(near, _test_frames(len(frames), **uses[key]))
            entry = entry + frames
        if twins := nearest(entry.frames, earlier.frames, TWIN):
            index, (other, _) = next(iter(twins.items()))
            raise InputError(
                f"start.{number}: {len(twins)} of {len(entry)} frames are in an earlier source too, in whatever format or order "
                f"of atoms (first: {entry.places[index]} is {earlier.places[other]}); give each frame once"
            )
        near_earlier = nearest(entry.frames, earlier.frames, NEAR)
        if near_earlier and any(
            _test_frames(len(node), **uses[key]) for earlier in sources.values() for key, node in earlier.items()
        ):
            index, (other, distance) = next(iter(near_earlier.items()))
            notes[next(iter(nodes))].append(
                f"{len(near_earlier)} of {len(entry)} frames lie within {NEAR:g} A of one of an earlier source (first: "
                f"{entry.places[index]} is {distance:.2g} A from {earlier.places[other]}): where one is a test frame and "
                "the other is trained on, the test error is too good by that"
            )
        earlier = earlier + entry
    return notes


def draw_apart(frames: FramesData, order: np.ndarray, size: int) -> np.ndarray:
    """Return up to ``size`` frames, the first in a random order, such that none lies near one that is left.

    Frames near each other, as steps of one run are, are drawn together or not at all.
    """
    near = groups(frames.get_frames(), NEAR)
    drawn: list[int] = []
    for group in dict.fromkeys(near[order].tolist()):
        members = np.flatnonzero(near == group)
        if len(drawn) + len(members) <= size:
            drawn += members.tolist()
    return np.array(drawn, dtype=int)


def _test_frames(total: int, use: str, test_share: float) -> int:
    """Return how many frames of a source are to be test frames."""
    return {"train": 0, "test": total}.get(use, round(test_share * total) if total > 1 else 0)


def _placed(node: FramesData) -> FrameSet:
    frames = node.get_frames()
    name = f"node {node.pk}" if node.is_stored else node.label.removeprefix("given: ")
    return FrameSet(frames, [f"{name}, frame {_number(frame, index)}" for index, frame in enumerate(frames)])


def _number(frame: Any, index: int) -> int:
    """Return the number of a frame in its file, which is not that in the node where bad frames were left out."""
    origin = frame.info.get("origin", {})
    return int(origin["index"]) if origin.get("sampler") == "given" and "index" in origin else index


def _not_parted(near: np.ndarray, tests: int) -> list[str]:
    """Return a note on frames near others of their source, and whether any can be a test frame."""
    _, members = np.unique(near, return_counts=True)
    together = int(members[members > 1].sum())
    if not together:
        return []
    none = f"; there are no test frames, as each such group has more than {tests}" if 0 < tests < members.min() else ""
    return [
        f"{together} of {len(near)} frames lie within {NEAR:g} A of another, as steps of one run do: training and test frames do "
        f"not part them, but folds do, so errors on unseen frames are too good by that{none}"
    ]
