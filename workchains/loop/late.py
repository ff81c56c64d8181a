"""Labels that are not waited for: when there are enough to go on with, and those that come later as a batch of their own.

Off by default: which labels are late depends on the machine, and so does then what each fit saw. Nothing else changes: labels are
made by the same work chains, to their end.
"""

from __future__ import annotations

from aiida.engine import calcfunction
from aiida.orm import Dict, ProcessNode

from alworkflows.settings import Overlap
from workchains.data.frames import FramesData
from workchains.loop.budget import hours_since
from workchains.provenance.labels import labelled_parts

__all__ = ["LATE", "has_enough", "late_labels"]

#: what keys of late batches begin with
LATE = "late"


@calcfunction
def late_labels(batch: FramesData, early: FramesData, about: Dict) -> FramesData:
    """Return the frames of a complete batch that are not in the part that was used before it was complete.

    ``about`` says whose labels they are: ``stage``, ``iteration``; it changes nothing.
    """
    known = set(early.ids)
    frames = [frame for identity, frame in zip(batch.ids, batch.get_frames(), strict=True) if identity not in known]
    node = FramesData.from_frames(frames, {"engine": batch.engine})
    node.description = f"labels of iteration {about['iteration']} that came late"
    return node


def has_enough(chain: ProcessNode, rule: Overlap) -> bool:
    """Return whether so many of a step's labels are there, or it took so long, that the fit may begin; one at least must be."""
    there, wanted = sum(len(part) for part in labelled_parts(chain)), len(chain.inputs.frames)
    if there in (0, wanted):
        return False  # nothing to go on with, or all, and the step is about to end
    slow = rule.after is not None and hours_since(chain) >= rule.after
    return slow or there >= rule.share * wanted
