"""Labels that are not waited for: when there are enough to go on with; those that come later are a batch of their own.

Off by default: which labels are late depends on the machine, and so does then what each fit saw. Nothing else changes: labels are
made by the same work chains, to their end.
"""

from __future__ import annotations

from aiida.common.links import LinkType
from aiida.orm import ProcessNode

from alworkflows.settings import Overlap
from workchains.loop.budget import hours_since
from workchains.provenance.labels import labelled_parts
from workchains.provenance.places import LABEL
from workchains.steps.select import ids_by_use

__all__ = ["has_enough", "labelling_of"]


def has_enough(chain: ProcessNode, rule: Overlap) -> bool:
    """Return whether so many of a step's labels are there, or it took so long, that the fit may begin.

    Of each use one at least must be there: a fit needs something to be trained on, and a test set something to begin with.
    """
    labelled = {identity for part in labelled_parts(chain) for identity in part.ids}
    wanted = len(chain.inputs.frames)
    if len(labelled) == wanted:
        return False  # the step is about to end
    if not all(labelled & set(ids) for ids in ids_by_use(chain.inputs.frames).values()):
        return False
    slow = rule.after is not None and hours_since(chain) >= rule.after
    return slow or len(labelled) >= rule.share * wanted


def labelling_of(iteration: ProcessNode) -> ProcessNode | None:
    """Return the step of an iteration that labels, the last if one was made anew; None before it begins."""
    links = iteration.base.links.get_outgoing(link_type=LinkType.CALL_WORK, link_label_filter=LABEL).all()
    nodes = sorted((link.node for link in links if isinstance(link.node, ProcessNode)), key=lambda node: node.pk or 0)
    return nodes[-1] if nodes else None
