"""A fully labelled pool of zinc oxide, made as a campaign makes its candidates: uneven, and with many near-copies.

The three stages of the zinc oxide campaign one after the other, each with all its frames labelled by CHGNet: six crystals melted
by the classical potential, seven slabs melted by a committee fitted to those, a liquid quenched by one fitted to both. Most are
calm frames of slabs and of the cooling liquid; the hottest, which have the largest forces, are few.
"""

from __future__ import annotations

import time
from pathlib import Path

from alworkflows import frames as frames_io
from alworkflows.calculators import describe, label
from alworkflows.models import Fit
from alworkflows.sampling import sample
from alworkflows.structures import build, geometry_flags

#: frames from each structure of a stage
SNAPSHOTS = {"melt": 40, "surfaces": 100, "amorphous": 180}
#: terms of the committees that drive
TERMS = 100


def zno_pool(folder, say=print):
    """Return the labelled frames (1300 or a few less), from ``folder`` if they are there; 9 minutes on one busy core if not."""
    file = Path(folder) / "zno-chgnet.npz"
    if file.is_file():
        return frames_io.load(file)[0]
    from workchains.campaigns import resolve

    start = time.perf_counter()
    stages = {name: {"sampler": {"snapshots": number}} for name, number in SNAPSHOTS.items()}
    campaign = resolve("zno", "balanced", {"stages": stages})
    found = []
    for stage in campaign.stages:
        driver = None
        if stage.sampler.needs_ensemble:
            driver = Fit(found, campaign.model, campaign.species, campaign.seed).ensemble(terms=TERMS).calculator()
        made = []
        for name in stage.structures:
            atoms = build(campaign.structures[name], name)
            sample(stage.sampler, atoms, name, campaign.seed, made.append, driver, None, None)
        reasons = geometry_flags(made, campaign.limits(stage))
        known = len(found)
        label([frame for frame, reason in zip(made, reasons, strict=True) if reason is None], campaign.label, found.append)
        seconds = time.perf_counter() - start
        say(f"{stage.name}: {len(found) - known} of {len(made)} frames labelled, {seconds:.0f} s since the start", flush=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    frames_io.save(file, found, {"engine": describe(campaign.label.calculator)})
    return found
