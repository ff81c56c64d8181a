"""Which energy a label is: the free one, of which the forces are the derivative, or one that may be another."""

from __future__ import annotations

from collections.abc import Sequence

from alworkflows.errors import InputError
from alworkflows.frames.formats import RawFrame
from alworkflows.frames.frame_file import FrameFile
from alworkflows.frames.keys import Keys
from alworkflows.settings.reading import ReadSettings

__all__ = ["is_plain_energy", "kind_of", "require_one_energy"]

#: of an energy: the largest difference (relative) of two that are the same
SAME_ENERGY = 1e-9


def kind_of(raw: RawFrame, keys: Keys, settings: ReadSettings) -> str | None:
    """Return which energy a frame has; None if it has one that stands for both, or that a person chose."""
    if settings.energy_key is not None and keys.energy is not None:
        return "free" if keys.energy_kind == "free" else None
    if raw.atoms.info.get("energy_kind") == "free" and keys.energy == "energy":
        return "free"  # as a file of ours says
    kind = keys.energy_kind
    if kind != "free":
        return kind
    other = next((raw.labels[key] for key in keys.unused if is_plain_energy(key)), None)
    value = raw.labels[keys.energy] if keys.energy is not None else None
    if (
        isinstance(other, float | int)
        and isinstance(value, float | int)
        and abs(other - value) <= SAME_ENERGY * max(1.0, abs(value))
    ):
        return None
    return kind


def is_plain_energy(key: str) -> bool:
    """Return whether a key is that of an energy of which nothing more is said."""
    return key.lower().removeprefix("ref_").removeprefix("dft_") == "energy"


def require_one_energy(files: Sequence[FrameFile]) -> None:
    """Refuse files of which some have free energies and others energies that may be of another kind."""
    kinds = {file.energies: file.path for file in reversed(files) if file.energies is not None}
    if len(kinds) > 1:
        raise InputError(
            f"energies of two kinds: {kinds['free']} has free energies, of which the forces are the derivative, "
            f"{kinds['unknown']} has 'energy', which may be another; --energy-key names the one to take from all"
        )
