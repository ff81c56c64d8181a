"""What first made a label, through all the nodes that it was gathered in or taken over into since."""

from __future__ import annotations

from aiida import orm
from aiida.common.links import LinkType

from workchains.data.frames import FramesData
from workchains.provenance.labels import GATHER

__all__ = ["maker_of_label", "pk_of_uuid"]


def maker_of_label(uuid: str, identity: str) -> orm.ProcessNode | None:
    """Return the process that made a frame's label, through all nodes into which it was gathered or taken over since."""
    query = orm.QueryBuilder().append(FramesData, filters={"uuid": uuid})
    node = query.first(flat=True)
    creator = node.creator if node is not None else None
    if creator is None or node is None or creator.process_label not in (*GATHER, "reuse_labels"):
        return creator
    if creator.process_label == "reuse_labels":
        reused = next(frame for frame, own in zip(node.get_frames(), node.ids, strict=True) if own == identity)
        source = reused.info["origin"]["label"]["reused_from"]
        return maker_of_label(source["node"], source["frame"])
    parts = [link.node for link in creator.base.links.get_incoming(link_type=LinkType.INPUT_CALC).all()]
    held = (part for part in parts if isinstance(part, FramesData) and part.engine and identity in part.ids)
    part = next(held, None)
    return maker_of_label(part.uuid, identity) if part is not None else creator


def pk_of_uuid(uuid: str) -> int | None:
    """Return the PK of a node, or None if it is not in this profile, as after an import of a part."""
    pk: int | None = orm.QueryBuilder().append(orm.Node, filters={"uuid": uuid}, project="id").first(flat=True)
    return pk
