"""Verb ``evaluate``: errors of ensembles on labelled frames, per group and in all.

Input: ``ensembles`` (files, oldest first), ``tests`` (mapping of a group's name, such as a stage, to files).
Output: ``evaluation.npz`` (for the last ensemble: reference and predicted forces, largest error and disagreement of each frame,
the group of each), errors of every ensemble on every group.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alworkflows.errors import InputError
from alworkflows.jobs.run_fit import read_batches

__all__ = ["run"]


def run(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Evaluate ensembles; see the module."""
    from alworkflows.models import Ensemble, force_errors

    names = [name for files in spec["tests"].values() for name in files]
    if not names or not spec["ensembles"]:
        raise InputError(f"evaluate: expected ensembles and test frames, got {len(spec['ensembles'])} and {len(names)} files")
    frames = dict(zip(names, read_batches(folder, names), strict=True))
    groups = {group: [frame for name in files for frame in frames[name]] for group, files in spec["tests"].items()}
    groups = {group: members for group, members in groups.items() if members}
    everything = [frame for members in groups.values() for frame in members]
    errors = []
    for file in spec["ensembles"]:
        ensemble = Ensemble.load(folder / file)
        errors.append({group: force_errors(ensemble, members)["summary"] for group, members in groups.items()})
        last = force_errors(ensemble, everything)
        errors[-1]["all"] = last["summary"]
    np.savez(
        folder / "evaluation.npz",
        **{name: last[name] for name in ("reference_forces", "predicted_forces", "largest_error", "disagreement")},
        atoms=np.array([len(frame) for frame in everything]),
        group=np.repeat(np.arange(len(groups)), [len(members) for members in groups.values()]),
    )
    return {"groups": list(groups), "errors": errors}
