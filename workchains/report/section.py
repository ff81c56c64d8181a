"""What a section of the page is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Section", "Table"]


@dataclass(frozen=True)
class Table:
    """A table: its caption, its heads, its rows as text; ``words`` names the columns that hold words and not numbers."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Section:
    """One section: ``picture`` is SVG and ``alt`` says the same in words; ``missing`` is why there is nothing."""

    anchor: str
    title: str
    caption: str = ""
    picture: str | None = None
    alt: str = ""
    tables: Sequence[Table] = field(default_factory=list)
    missing: str = ""
