"""From a campaign file to the inputs of a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.orm import Dict, InstalledCode

from alworkflows.settings import Campaign
from workchains.data.frames import FramesData
from workchains.loop.given_sources import find_given, with_energies_of_atoms
from workchains.processes.naming import link_key

__all__ = ["fill"]


def fill(builder: Any, code: InstalledCode, campaign: Campaign, options: dict[str, Any] | None, base: Path | None) -> Any:
    """Return a campaign's builder, filled; files that the campaign names are read here.

    Parameters
    ----------
    options
        ``metadata.options`` per step.
    base
        Folder that relative paths start from; default: the working directory.
    """
    from workchains.campaigns import read_files

    builder.code = code
    given = read_files(campaign, base or Path.cwd())
    files = {link_key(name): FramesData.from_frames(frames) for name, frames in given.items()}
    if files:
        builder.files = files
    if campaign.start:
        sources, uses = find_given(campaign, base or Path.cwd())
        builder.given = {"sources": sources, "uses": Dict(uses)}
        campaign = with_energies_of_atoms(campaign, sources)
    builder.campaign = Dict(campaign.model_dump(mode="json"))
    builder.options = Dict(options or {})
    builder.metadata.label = campaign.name
    builder.metadata.description = campaign.description
    return builder
