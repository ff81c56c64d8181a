"""The chain of processes and data that a node came from, and what used it."""

from __future__ import annotations

from dataclasses import dataclass

from aiida import orm
from aiida.common.links import LinkType

from workchains.provenance.tree import pk_of

__all__ = ["Relative", "ancestry", "describe", "uses"]


@dataclass(frozen=True)
class Relative:
    """A node on the way to another: how far, by which link, and what it is."""

    depth: int
    link: str
    pk: int
    what: str
    label: str
    repeated: bool = False


def describe(node: orm.Node) -> str:
    """Return what a node is, in a few words: the process's name and end, or the data's class and size."""
    if isinstance(node, orm.ProcessNode):
        state = node.process_state.value if node.process_state else "?"
        status = f" {node.exit_status}" if node.exit_status else ""
        return f"{node.process_label} [{state}{status}]"
    attributes = node.base.attributes
    if "n_frames" in attributes.all:
        return f"{type(node).__name__} ({attributes.get('n_frames')} frames)"
    if "members" in attributes.all:
        return f"{type(node).__name__} ({attributes.get('members')} members)"
    return type(node).__name__


def ancestry(node: orm.Node, depth: int = 8) -> list[Relative]:
    """Return what a node came from, depth first: the process that made it, that process's inputs, and so on.

    Settings and codes end a branch, as do nodes that were shown before (``repeated``) and those ``depth`` steps away.
    """
    relatives: list[Relative] = []
    seen: set[int] = set()

    def climb(current: orm.Node, level: int) -> None:
        if level > depth:
            return
        kinds = (LinkType.INPUT_CALC, LinkType.INPUT_WORK) if isinstance(current, orm.ProcessNode) else (LinkType.CREATE,)
        links = current.base.links.get_incoming(link_type=kinds).all()
        for link in sorted(links, key=lambda item: item.link_label):
            source = link.node
            repeated = pk_of(source) in seen
            relatives.append(Relative(level, link.link_label, pk_of(source), describe(source), source.label, repeated))
            if not repeated:
                seen.add(pk_of(source))
                climb(source, level + 1)

    climb(node, 1)
    return relatives


def uses(node: orm.Node) -> list[Relative]:
    """Return what used a node directly, or what a process made and called."""
    links = node.base.links.get_outgoing().all()
    return [
        Relative(1, link.link_label, pk_of(link.node), describe(link.node), link.node.label)
        for link in sorted(links, key=lambda item: pk_of(item.node))
        if link.link_type is not LinkType.RETURN or isinstance(node, orm.ProcessNode)
    ]
