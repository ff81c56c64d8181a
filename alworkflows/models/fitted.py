"""From the fits of groups to an ensemble: what is known of each group, and of all members together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.frames import frame_id, labels
from alworkflows.models.contract import Model
from alworkflows.models.ensemble import Ensemble
from alworkflows.models.sample import SAMPLE

__all__ = ["FittedGroup", "ensemble_of"]


@dataclass(frozen=True)
class FittedGroup:
    """What came of one group: its class, its members, what is known of them, and frames that some of them left out."""

    class_name: str
    models: Sequence[Model]
    report: dict[str, Any]
    left_out: Sequence[Atoms]


def ensemble_of(groups: Sequence[FittedGroup], frames: int, sample: Sequence[Atoms] | None = None) -> Ensemble:
    """Return the members of all groups as an ensemble, with a report on it.

    The report has ``frames``; ``terms`` of the members that have any; ``held_out_rmse`` (eV/A): error of the forces (of the
    weighted rows, where more is fitted) on frames that members did not see, over the members that were fitted, or over all where
    none was; ``held_out_frames``: how many there were; ``reference_disagreement`` and ``reference_disagreement_q90`` (eV/A):
    median and 90 % quantile of the disagreement of all members on a sample of the left-out frames; and ``groups``: of each its
    class, number of members and own report.

    Parameters
    ----------
    groups
        In the order of the members.
    frames
        How many were trained on.
    sample
        Frames to compare the members on; None: those that members left out.
    """
    ensemble = Ensemble([model for group in groups for model in group.models])
    chosen = _left_out(groups) if sample is None else list(sample)
    predictions = ensemble.predict(chosen)
    apart = [prediction.deviation.max() for prediction in predictions]
    reports: list[dict[str, Any]] = []
    first = 0
    for group in groups:
        report = {"class": group.class_name, "members": len(group.models), **group.report}
        if "held_out_rmse" not in report:
            members = slice(first, first + len(group.models))
            pairs = [(p.members[members], labels(atoms).forces) for p, atoms in zip(predictions, chosen, strict=True)]
            # a fit to energies alone needs no forces of its frames
            errors = [(predicted - forces).ravel() for predicted, forces in pairs if forces is not None]
            if errors:
                report["held_out_rmse"] = float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))
        first += len(group.models)
        reports.append(report)
    fitted = [report for group, report in zip(groups, reports, strict=True) if "held_out_frames" in group.report] or reports
    terms = [count for report in reports for count in report.get("terms", [])]
    ensemble.report = {
        "frames": frames,
        **({"terms": terms} if terms else {}),
        "held_out_rmse": _together(fitted),
        "held_out_frames": max(report.get("held_out_frames", len(chosen)) for report in fitted),
        "reference_disagreement": float(np.median(apart)) if apart else None,
        "reference_disagreement_q90": float(np.quantile(apart, 0.9)) if apart else None,
        "groups": reports,
    }
    return ensemble


def _left_out(groups: Sequence[FittedGroup]) -> list[Atoms]:
    """Return frames that members of any group left out, each once, and no more than one group keeps."""
    by_id = {frame_id(atoms): atoms for group in groups for atoms in group.left_out}
    return list(by_id.values())[:SAMPLE]


def _together(reports: Sequence[dict[str, Any]]) -> float | None:
    """Return the root mean square of the groups' held-out errors over their members, None where there is none."""
    held_out = [(report["held_out_rmse"], report["members"]) for report in reports if report.get("held_out_rmse") is not None]
    if len(held_out) == 1:
        return float(held_out[0][0])
    return float(np.sqrt(sum(n * error**2 for error, n in held_out) / sum(n for _, n in held_out))) if held_out else None
