"""Structures that are one and the same under two names: a mistake, and each would be sampled as the other."""

from __future__ import annotations

from collections.abc import Sequence

from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.frames import frame_id

__all__ = ["require_distinct"]


def require_distinct(structures: Sequence[tuple[str, Atoms]]) -> None:
    """Raise an :class:`~alworkflows.errors.InputError` if two structures, each with its name, are equal to the last bit."""
    seen: dict[str, str] = {}
    for name, atoms in structures:
        identity = frame_id(atoms)
        if identity in seen:
            other = f"the same configuration as structure '{seen[identity]}'" if seen[identity] != name else "in its file twice"
            raise InputError(f"structure {name}: it is {other}; give each structure once")
        seen[identity] = name
