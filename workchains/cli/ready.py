"""What must be known before anything is spent: codes, and whether the label settings suit what will be labelled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alworkflows.errors import InputError

if TYPE_CHECKING:
    from aiida.orm import InstalledCode
    from ase import Atoms

    from alworkflows.settings import Campaign

__all__ = ["Codes", "find_codes", "require_labels", "starting_frames"]


@dataclass(frozen=True)
class Codes:
    """The code that runs a campaign, and the one that labels for it."""

    code: InstalledCode
    label_code: InstalledCode


def find_codes(campaign: Campaign, label: str | None = None) -> Codes:
    """Return the codes of a campaign; ``label``: full label of the one that runs it, in place of the machine's.

    Raises
    ------
    InputError
        If a machine or one of its programs is not there; the message says how to make it.
    """
    from workchains.labelling.codes import label_code
    from workchains.machines import load_code

    code = load_code(label, campaign.machine)
    return Codes(code, label_code(campaign.label, campaign.machine, code))


def starting_frames(campaign: Campaign, base: Path) -> list[Atoms]:
    """Return the structures that a stage uses; relative file names start from ``base``.

    Raises
    ------
    InputError
        If one cannot be built.
    """
    from alworkflows.structures import build

    used = {name for stage in campaign.stages for name in stage.structures}
    return [build(spec, name, base) for name, spec in campaign.structures.items() if name in used]


def require_labels(campaign: Campaign, frames: list[Atoms], code: InstalledCode | None) -> None:
    """Raise an ``InputError`` if the label settings contradict the frames or, with a code, what the profile holds."""
    from workchains.labelling import label_program

    try:
        label_program(campaign.label.engine)(campaign.label).check(frames, code)
    except InputError as error:
        raise InputError(f"label: {error}") from error
