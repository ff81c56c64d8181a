"""What is known of the versions behind a code on another computer: what its last label said.

An installed code holds no version of its program, and the daemon's machine cannot ask: but each label comes with a description of
what made it. It is kept with the code, so that the next look for labels that are there knows what to look for. Should the program
have changed since, its first label says so, and what was taken over by mistake is labelled anew.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from aiida.orm import InstalledCode

__all__ = ["known_versions", "remember_versions"]

EXTRA = "alworkflows_labels"


def known_versions(code: InstalledCode, program: str, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return how the last label that a code made with these settings described itself, or None."""
    versions: dict[str, Any] | None = code.base.extras.get(EXTRA, {}).get(_key(program, settings))
    return versions


def remember_versions(code: InstalledCode, program: str, settings: dict[str, Any], description: dict[str, Any] | None) -> None:
    """Keep how a label of this code and these settings described itself."""
    kept = code.base.extras.get(EXTRA, {})
    key = _key(program, settings)
    if description is not None and kept.get(key) != description:
        code.base.extras.set(EXTRA, {**kept, key: description})


def _key(program: str, settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([program, settings], sort_keys=True).encode()).hexdigest()[:16]
