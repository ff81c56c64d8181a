"""Locks of a profile: all that takes one is on the machine of its daemon, so a file does."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["profile_lock"]


@contextmanager
def profile_lock(name: str) -> Iterator[None]:
    """Hold a lock of the profile while the context lasts; whoever else wants it waits."""
    from aiida.manage import get_manager
    from aiida.manage.configuration.settings import AiiDAConfigDir

    profile = get_manager().get_profile()
    path = Path(AiiDAConfigDir.get()) / "access" / f"alworkflows-{name}-{profile.uuid if profile else 'none'}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
