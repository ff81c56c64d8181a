"""What chosen frames are for, to train on or to test on: they are labelled together, and their labels divided by it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aiida.engine import calcfunction
from aiida.orm import Dict
from ase import Atoms

from alworkflows.frames import require_one_engine
from workchains.data.frames import FramesData
from workchains.steps.select import TRAIN, ids_by_use

__all__ = ["divide_labels", "late_labels", "output_of"]


def output_of(use: str, train: bool) -> str:
    """Return the output of an iteration that holds the labelled frames of a use; ``train``: whether its stage is trained on."""
    return "batch" if use == TRAIN else "test_batch" if train else "transfer_batch"


@calcfunction
def divide_labels(chosen: FramesData, **parts: FramesData) -> dict[str, FramesData]:
    """Return the labelled frames by what they were chosen for, as ``train`` and ``test``; absent if none is labelled."""
    return _divide(chosen, parts)


@calcfunction
def late_labels(chosen: FramesData, about: Dict, **nodes: FramesData) -> dict[str, Any]:
    """Return the labelled frames that came after an iteration went on, as :func:`divide_labels` does.

    ``nodes``: ``part_...`` hold all labels, ``early_...`` those that the iteration went on with. ``about`` says whose labels they
    are: ``stage``, ``iteration``; it changes nothing.
    """
    early = {identity for name, node in nodes.items() if name.startswith("early") for identity in node.ids}
    late = _divide(chosen, {name: node for name, node in nodes.items() if name.startswith("part")}, without=early)
    for node in late.values():
        node.description = f"labels of iteration {about['iteration']} that came late"
    return late


def _divide(chosen: FramesData, parts: Mapping[str, FramesData], without: Collection[str] = ()) -> dict[str, FramesData]:
    """Return labelled frames by use, each set in the order in which its frames were chosen."""
    engine = require_one_engine({key: parts[key].engine for key in sorted(parts)}, vouched=False)
    labelled: dict[str, Atoms] = {}
    for key in sorted(parts):
        labelled.update(zip(parts[key].ids, parts[key].get_frames(), strict=True))
    by_use = {use: [i for i in ids if i in labelled and i not in without] for use, ids in ids_by_use(chosen).items()}
    return {use: FramesData.from_frames([labelled[i] for i in ids], {"engine": engine}) for use, ids in by_use.items() if ids}
