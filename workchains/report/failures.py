"""What failed in a campaign, counted by reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from aiida import orm

from workchains.provenance import IterationRecord, Step
from workchains.report.data import Failure

__all__ = ["failures", "without_numbers"]

_ITERATION = re.compile(r"iteration_(\d+)_(\w+?)(?:/|$)")


def failures(records: Sequence[IterationRecord], steps: Sequence[Step]) -> tuple[Failure, ...]:
    """Return frames refused by the geometry filter, labels that failed, runs that stopped early and jobs that died, by reason."""
    counts: Counter[tuple[int, str, str]] = Counter()
    for record in records:
        for reason, count in record.failures.items():
            counts[record.number, "label", reason] += count
        if "selection" in record.nodes:
            for reason in orm.load_node(record.nodes["selection"]).get_dict().get("refused", {}).values():
                counts[record.number, "geometry", without_numbers(reason)] += 1
    for step in steps:
        if step.kind == "workchain" or not step.ended:
            continue
        match = _ITERATION.match(step.path)
        place = (int(match[1]), match[2]) if match else (0, step.path.split("/")[0])
        if place[1] in ("label", "label_test"):
            continue  # what became of its frames is counted above; a job that failed may have been repeated, or labelled most
        if not step.ok:
            counts[(*place, f"{step.label or step.process} ended: {step.exit_message or step.state}")] += 1
        elif step.process == "SampleJob":
            report = orm.load_node(step.pk).outputs.report.get_dict()
            if report.get("stopped"):
                counts[(*place, f"{step.label} stopped early: {report.get('message') or report['stopped']}")] += 1
    return tuple(Failure(number, step, reason, count) for (number, step, reason), count in sorted(counts.items()))


def without_numbers(reason: str) -> str:
    """Return a reason with its numbers masked, so that reasons which differ in a figure or an atom's index count together."""
    return re.sub(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?", "…", reason)
