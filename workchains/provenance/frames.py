"""Where frames stand: from a frame's id, or its beginning, to the nodes that hold it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiida import orm

from alworkflows.errors import InputError
from workchains.data.frames import FramesData
from workchains.provenance.tree import pk_of

__all__ = ["FrameLocation", "find_frame", "is_frame_id", "resolve_frame"]

LENGTH = 16


@dataclass(frozen=True)
class FrameLocation:
    """A node that holds a frame: its PK, UUID, label, the frame's index in it, and whether it holds labels."""

    pk: int
    uuid: str
    label: str
    index: int
    labelled: bool


def is_frame_id(text: str) -> bool:
    """Whether a text can be a frame's id or its beginning: 4 to 16 hex digits."""
    return re.fullmatch(rf"[0-9a-f]{{4,{LENGTH}}}", text) is not None


def resolve_frame(text: str) -> str:
    """Return the id of the one frame whose id begins with ``text``.

    Raises
    ------
    InputError
        If no frame of this profile has it, or several begin so.
    """
    if not is_frame_id(text):
        raise InputError(f"expected a frame id of {LENGTH} hex digits, or 4 or more of its first, got '{text}'")
    if len(text) == LENGTH:
        matches = {text} if _holders(text) else set()
    else:
        # JSON queries find a key, not its beginning: go through the ids of all nodes (0.1 s for 200 nodes of 500 frames)
        query = orm.QueryBuilder().append(FramesData, project="attributes.ids")
        matches = {identity for (ids,) in query.iterall() for identity in ids if identity.startswith(text)}
    if not matches:
        raise InputError(f"no frame with the id '{text}' in this profile")
    if len(matches) > 1:
        shown = ", ".join(sorted(matches)[:4]) + (", ..." if len(matches) > 4 else "")
        raise InputError(f"'{text}' is the beginning of {len(matches)} frame ids ({shown}); give more of it")
    return matches.pop()


def find_frame(text: str) -> list[FrameLocation]:
    """Return every node that holds a frame, oldest first; ``text`` and errors as those of :func:`resolve_frame`."""
    identity = resolve_frame(text)
    return [
        FrameLocation(
            pk=pk_of(node),
            uuid=node.uuid,
            label=node.label,
            index=node.base.attributes.get("ids")[identity],
            labelled=node.engine is not None,
        )
        for node in _holders(identity)
    ]


def _holders(identity: str) -> list[FramesData]:
    query = orm.QueryBuilder()
    query.append(FramesData, filters={"attributes.ids": {"has_key": identity}}, tag="frames")
    query.order_by({"frames": {"id": "asc"}})
    return query.all(flat=True)
