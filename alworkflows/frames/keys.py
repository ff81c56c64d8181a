"""Which keys of a file hold the labels.

Names are compared in small letters. Of each quantity the first that is there is taken:

1. what the user names;
2. names that begin with ``REF_``, then with ``DFT_``, then those without;
3. of energies ``free_energy`` before ``energy``: the forces are its derivative.

Whatever else looks like a label is left aside, and told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alworkflows.settings.reading import ReadSettings

__all__ = ["Keys", "candidates", "choose_keys", "family_of", "looks_like_label"]

_PREFIXES = ("ref_", "dft_", "")
_NAMES: dict[str, tuple[str, ...]] = {
    "energy": ("free_energy", "energy", "total_energy", "energy_total", "e0_energy", "energies_total"),
    "forces": ("forces", "force"),
    "stress": ("stress", "stresses"),
    "virial": ("virial", "virials"),
    "energies": ("energies", "atomic_energies", "atom_energies", "energy_per_atom_list", "local_energy"),
}
_LABEL = re.compile(
    r"(^|.*[-_.])(energy|energies|forces?|stress(es)?|virials?)([-_.](free|total|dft|ref|md))?$|.*[a-z](Energy|Forces?|Stress)$"
)
#: keys that end like labels and are none
_NO_LABELS = re.compile(r".*(weight|unit|units|key)$|units?[-_.].*", re.IGNORECASE)
#: keys of energies that are those of which the forces are the derivative
_FREE = re.compile(r".*free_energy$", re.IGNORECASE)


@dataclass(frozen=True)
class Keys:
    """Which key holds which label, None where none does; ``unused`` are those that look like labels beside."""

    energy: str | None = None
    forces: str | None = None
    stress: str | None = None
    virial: str | None = None
    energies: str | None = None
    unused: tuple[str, ...] = ()

    @property
    def energy_kind(self) -> str | None:
        """``free``: of which the forces are the derivative; ``unknown``: the file does not say which; None: no energy."""
        if self.energy is None:
            return None
        return "free" if _FREE.match(self.energy) else "unknown"

    def used(self) -> dict[str, str]:
        """Return the key of each quantity that there is."""
        names = ("energy", "forces", "stress", "virial", "energies")
        return {name: key for name in names if (key := getattr(self, name)) is not None}


def choose_keys(names: Iterable[str], settings: ReadSettings) -> Keys:
    """Return which of the keys of a frame hold its labels.

    Parameters
    ----------
    names
        Keys of its header, names of its columns, and what its reader calls the results.
    """
    there: dict[str, list[str]] = {}
    for name in sorted(names):
        there.setdefault(name.lower(), []).append(name)
    named = {quantity: getattr(settings, f"{quantity}_key") for quantity in ("energy", "forces", "stress", "virial")}
    chosen: dict[str, str | None] = {}
    for quantity, words in _NAMES.items():
        wanted = named.get(quantity)
        if wanted is not None:
            alike = there.get(wanted.lower(), [])
            # two keys that differ in capitals alone are two keys to who names one
            chosen[quantity] = wanted if wanted in alike else next(iter(alike), None)
            continue
        options = [f"{prefix}{word}" for prefix in _PREFIXES for word in words]
        chosen[quantity] = next((there[option][0] for option in options if option in there), None)
    if named["virial"] is not None and named["stress"] is None:
        chosen["stress"] = None
    elif named["stress"] is not None or chosen["stress"] is not None:
        chosen["virial"] = chosen["virial"] if named["virial"] is not None else None
    taken = {key for key in chosen.values() if key is not None}
    unused = tuple(name for alike in there.values() for name in alike if name not in taken and looks_like_label(name))
    return Keys(**chosen, unused=unused)


def family_of(key: str) -> str:
    """Return what a key of a label begins with: ``REF_``, ``DFT_``, or nothing."""
    return next(prefix for prefix in _PREFIXES if key.lower().startswith(prefix)).upper()


def looks_like_label(name: str) -> bool:
    """Return whether a key is called as labels are."""
    return bool(_LABEL.match(name) or _LABEL.match(name.lower())) and not _NO_LABELS.match(name)


def quantity_of(key: str) -> str | None:
    """Return what a key that looks like a label would be: energy, forces, stress or virial."""
    lowered = key.lower()
    for quantity, word in (("forces", "force"), ("stress", "stress"), ("virial", "virial"), ("energy", "energ")):
        if word in lowered:
            return quantity
    return None


def candidates(quantity: str, unused: Mapping[str, int] | Iterable[str]) -> list[str]:
    """Return the unused keys that may hold a quantity."""
    wanted = ("stress", "virial") if quantity == "stress" else (quantity,)
    return [key for key in unused if quantity_of(key) in wanted]
