"""What became of the frames to be labelled, and what labels took: plain data, and from where it comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from aiida import orm

    from workchains.provenance import IterationRecord

__all__ = ["Costs", "LabelRow", "Labelling", "labelling"]


@dataclass(frozen=True)
class LabelRow:
    """One iteration's frames: asked for, labelled anew, taken over, recovered at a further try, without a label."""

    iteration: int
    stage: str
    total: int
    new: int
    reused: int
    recovered: int
    failed: int


@dataclass(frozen=True)
class Costs:
    """What new labels took, (F,) each: seconds, cores that were kept busy, atoms, index of the stage."""

    seconds: np.ndarray
    cores: np.ndarray
    atoms: np.ndarray
    stage: np.ndarray

    def core_hours(self, stage: int | None = None) -> float:
        """Return those of all labels, or of a stage's."""
        part = slice(None) if stage is None else self.stage == stage
        return float((self.seconds * self.cores)[part].sum() / 3600.0)


@dataclass(frozen=True)
class Labelling:
    """All labels of a campaign.

    Attributes
    ----------
    rows
        By iteration.
    kinds, examples
        Frames without a label by kind of failure, and a reason of each kind.
    costs
        Of the new labels that say what they took; None if none does.
    cap
        Most jobs in flight at once where labels are made, over all campaigns; None: any number.
    """

    rows: tuple[LabelRow, ...]
    kinds: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    costs: Costs | None = None
    cap: int | None = None

    def sum(self, name: str) -> int:
        """Return a column's sum over the iterations."""
        return sum(getattr(row, name) for row in self.rows)

    def summary(self) -> dict[str, Any]:
        """Return the figures as plain JSON types."""
        names = ("total", "new", "reused", "recovered", "failed")
        sums: dict[str, Any] = {name: self.sum(name) for name in names}
        costs = self.costs
        has_times = costs is not None and len(costs.seconds) > 0
        return {
            **sums,
            "kinds": dict(self.kinds),
            "examples": dict(self.examples),
            "seconds_per_label": float(costs.seconds.mean()) if has_times and costs is not None else None,
            "core_hours": costs.core_hours() if has_times and costs is not None else None,
        }


def labelling(node: orm.ProcessNode, records: Sequence[IterationRecord], stages: tuple[str, ...]) -> Labelling | None:
    """Return what became of the frames of a campaign; None before any was to be labelled."""
    from workchains.machines import job_cap
    from workchains.provenance import together

    tallied = [(record, record.labelling) for record in records if record.labelling is not None]
    if not tallied:
        return None
    rows = tuple(
        LabelRow(record.number, record.stage, tally.total, tally.done, tally.reused, tally.recovered, tally.failed)
        for record, tally in tallied
    )
    whole = together([tally for _, tally in tallied])
    code = node.inputs.label_code if "label_code" in node.inputs else node.inputs.code if "code" in node.inputs else None
    cap = job_cap(code.computer) if code is not None else None
    return Labelling(rows, whole.kinds, whole.examples, _costs(records, stages), cap)


def _costs(records: Sequence[IterationRecord], stages: tuple[str, ...]) -> Costs | None:
    from aiida import orm

    rows = []
    for record in records:
        for name in ("batch", "test_batch", "transfer_batch"):
            if name not in record.nodes:
                continue
            for frame in orm.load_node(record.nodes[name]).get_frames():
                note = frame.info.get("origin", {}).get("label", {})
                if note.get("seconds") is not None and "reused_from" not in note:
                    rows.append((note["seconds"], note.get("cores") or 1, len(frame), stages.index(record.stage)))
    if not rows:
        return None
    seconds, cores, atoms, stage = (np.array(column) for column in zip(*rows, strict=True))
    return Costs(seconds.astype(float), cores.astype(float), atoms, stage)
