"""The lineage of a node on a terminal: what it is as a whole, what it came from, what used it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alworkflows.cli.output import console
from workchains.cli.common import core_hours, short

if TYPE_CHECKING:
    from aiida.orm import Node
    from rich.table import Table

    from workchains.provenance import Lineage

__all__ = ["show_node"]


def show_node(node: Node, depth: int) -> None:
    """Print the lineage of a node: as a whole where it is a model, frames or errors, and the nodes around it."""
    from rich.text import Text
    from rich.tree import Tree

    from workchains.provenance import ancestry, campaign_of, node_lineage, uses
    from workchains.provenance.ancestry import describe

    def line(link: str, pk: int, what: str, label: str, repeated: bool = False) -> Text:
        tail = f"  {label}" if label else ""
        return Text(f"{link}: {what} <{pk}>{tail}{' (see above)' if repeated else ''}")

    screen = console()
    owner = campaign_of(node)
    screen.print(Text(f"{describe(node)} <{node.pk}> {node.label}", style="bold"))
    screen.print(Text(f"UUID {node.uuid}" + (f", campaign {owner.pk} {owner.label}" if owner is not None else "")))
    lineage = node_lineage(node)
    if lineage is not None:
        screen.print(_told(lineage))
    tree = Tree("comes from")
    branches = {0: tree}
    for item in ancestry(node, depth):
        branches[item.depth] = branches[item.depth - 1].add(line(item.link, item.pk, item.what, item.label, item.repeated))
    screen.print(tree if len(branches) > 1 else Text("comes from: given by the user"))
    used = uses(node)
    below = Tree("was used by" if not hasattr(node, "process_label") else "made and called")
    for item in used:
        below.add(line(item.link, item.pk, item.what, item.label))
    screen.print(below if used else Text("used by nothing yet"))


def _told(lineage: Lineage) -> Table:
    """Return a model's, a batch's or a report's lineage as a grid of words and figures."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")

    def add(title: str, text: str) -> None:
        grid.add_row(Text(title, style="bold"), Text(text))

    if lineage.iteration:
        add("made in", f"{lineage.iteration}, stage {lineage.stage}")
    if lineage.core_hours is not None:
        add("cost", f"{core_hours(lineage.core_hours)} core-hours")
    facts = {name: value for name, value in lineage.facts.items() if value is not None}
    add("known", ", ".join(f"{name} {short(value)}" for name, value in facts.items()))
    for title, uses in (("made from", lineage.sources), ("used", lineage.uses)):
        for use in uses:
            figures = ", ".join(f"{name} {short(value)}" for name, value in use.facts.items() if value is not None)
            add(title, f"{use.what} <{use.pk}>{': ' if figures else ''}{figures}")
    return grid
