"""Namelists of pw.x as a user writes them: names made uniform, and what a single point cannot have refused."""

from __future__ import annotations

import re
from typing import Any

from alworkflows.errors import suggest

__all__ = ["NAMELISTS", "namelists"]

NAMELISTS = ("CONTROL", "SYSTEM", "ELECTRONS")

_FRAME = "it comes from the frame"
_PLUGIN = "it is set for the job"
_MOMENTS = "it follows from label.moments"

#: tags that are not the user's, and why
_REFUSED = {
    "CONTROL": {
        "calculation": "a label is one scf",
        "tprnfor": "forces are always asked for",
        "tstress": "stress is always asked for",
        "restart_mode": "it follows from whether a job goes on",
        "nstep": "a label is one configuration",
        **dict.fromkeys(("prefix", "outdir", "pseudo_dir", "wfcdir"), _PLUGIN),
    },
    "SYSTEM": {
        **dict.fromkeys(("ibrav", "nat", "ntyp", "celldm", "a", "b", "c", "cosab", "cosac", "cosbc", "space_group"), _FRAME),
        **dict.fromkeys(("nspin", "starting_magnetization"), _MOMENTS),
    },
    "ELECTRONS": {
        "scf_must_converge": "what is not converged is no label",
        "startingpot": "it follows from whether a job goes on",
    },
}


def namelists(data: dict[Any, Any]) -> dict[str, dict[str, Any]]:
    """Return the namelists with names in capitals and tags in small letters.

    Raises
    ------
    ValueError
        If a namelist is unknown or not one of a single point, or a tag is not the user's to set.
    """
    cleaned: dict[str, dict[str, Any]] = {}
    for name, tags in data.items():
        namelist = str(name).upper()
        if namelist not in NAMELISTS:
            raise ValueError(f"unknown namelist '{name}'{suggest(namelist, NAMELISTS)}; known: {', '.join(NAMELISTS)}")
        if not isinstance(tags, dict):
            raise ValueError(f"{namelist}: expected a mapping of tags, got {tags!r}")
        for tag, value in tags.items():
            cleaned.setdefault(namelist, {})[_checked(namelist, str(tag).lower(), value)] = value
    return cleaned


def _checked(namelist: str, tag: str, value: Any) -> str:
    bare = re.sub(r"\(.*\)$", "", tag)
    if bare in _REFUSED[namelist]:
        raise ValueError(f"{namelist}.{bare}: cannot be set, {_REFUSED[namelist][bare]}")
    if bare != tag:
        raise ValueError(f"{namelist}.{tag}: expected a tag without an index; by species: {bare}: {{species: value}}")
    if tag == "disk_io" and value not in ("low", "medium", "high"):
        raise ValueError(f"CONTROL.disk_io: expected low, medium or high, which leave a state to go on from, got {value!r}")
    if tag == "startingwfc" and value == "file":
        raise ValueError("ELECTRONS.startingwfc: cannot be 'file', it follows from whether a job goes on")
    if tag == "electron_maxstep" and (not isinstance(value, int) or value < 1):
        raise ValueError(f"ELECTRONS.electron_maxstep: expected a whole number of at least 1, got {value!r}")
    return tag
