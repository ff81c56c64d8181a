"""What a verb says while it runs."""

from __future__ import annotations

__all__ = ["print_progress"]


def print_progress(message: str) -> None:
    """Write one line that a person looking into the job's folder can read at once."""
    print(message, flush=True)
