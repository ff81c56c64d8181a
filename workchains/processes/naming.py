"""Names of children and seeds of random numbers: each follows from what it is for, so that a rerun has the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

__all__ = ["derive_seed", "in_order", "link_key", "numbered"]


def derive_seed(seed: int, *path: object) -> int:
    """Return a seed for one use, from the campaign's seed and what it is for: never from a PK, so that a rerun draws the same."""
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little") >> 1


def in_order(names: Iterable[str]) -> list[str]:
    """Return names with numbers in the order of their numbers, also where those have become longer: 99 before 100."""

    def parts(name: str) -> list[tuple[bool, int | str]]:
        return [(part.isdigit(), int(part) if part.isdigit() else part) for part in re.split(r"(\d+)", name)]

    return sorted(names, key=parts)


def link_key(name: str) -> str:
    """Return the link label of a structure's file: names that differ have labels that differ.

    A label may hold letters, digits and underscores only, and two underscores part namespaces: any other character of the name,
    an underscore too, is written as an underscore and two hexadecimal digits a byte. What stands before the name keeps it from
    beginning with a digit, and from being the name of another input.
    """

    def written(byte: int) -> str:
        return chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"_{byte:02x}"

    return "structure_" + "".join(map(written, name.encode()))


def numbered(name: str, number: int, digits: int = 2) -> str:
    """Return ``name_07``: link labels that sort."""
    return f"{name}_{number:0{digits}d}"
