"""Verb ``evaluate``: errors of ensembles on labelled frames, per group and in all.

Writes ``evaluation.npz``: for the last ensemble, reference and predicted forces, largest error and disagreement of each frame,
and the group of each.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from alworkflows.atomic import replacing
from alworkflows.jobs.labelled_batches import read_batches
from alworkflows.jobs.results import EvaluateResult
from alworkflows.jobs.specs import EvaluateSpec

__all__ = ["run"]


def run(spec: EvaluateSpec, folder: Path) -> EvaluateResult:
    """Evaluate ensembles; see the module."""
    from alworkflows.models import Ensemble, compare

    names = [name for files in spec.tests.values() for name in files]
    frames = dict(zip(names, read_batches(folder, names), strict=True))
    groups = {group: [frame for name in files for frame in frames[name]] for group, files in spec.tests.items()}
    groups = {group: members for group, members in groups.items() if members}
    everything = [frame for members in groups.values() for frame in members]
    ends = np.cumsum([0, *map(len, groups.values())]).tolist()
    errors = []
    for file in spec.ensembles:
        last = compare(Ensemble.load(folder / file), everything)
        summaries = {
            group: last.summary(np.arange(start, stop)) for group, (start, stop) in zip(groups, pairwise(ends), strict=True)
        }
        errors.append({**summaries, "all": last.summary()})
    with replacing(folder / "evaluation.npz") as part, part.open("wb") as handle:
        np.savez(
            handle,
            reference_forces=last.reference.forces,
            predicted_forces=last.predicted.forces,
            largest_error=last.largest_error,
            disagreement=last.disagreement,
            atoms=np.array([len(frame) for frame in everything]),
            group=np.repeat(np.arange(len(groups)), [len(members) for members in groups.values()]),
        )
    return EvaluateResult.of(groups=list(groups), errors=errors)
