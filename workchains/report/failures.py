"""What failed in a campaign, counted by reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from aiida import orm

from workchains.provenance import IterationRecord, Places, Step
from workchains.provenance.costs import steps_of_jobs
from workchains.report.data import Failure

__all__ = ["failures", "without_numbers"]


def failures(node: orm.ProcessNode, records: Sequence[IterationRecord], steps: Sequence[Step]) -> tuple[Failure, ...]:
    """Return frames refused by the geometry filter, labels that failed, runs that stopped early and jobs that died, by reason."""
    counts: Counter[tuple[int, str, str]] = Counter()
    for record in records:
        for reason, count in record.failures.items():
            counts[record.number, "label", reason] += count
        if "selection" in record.nodes:
            for reason in orm.load_node(record.nodes["selection"]).get_dict().get("refused", {}).values():
                counts[record.number, "geometry", without_numbers(reason)] += 1
    places, named = Places(node, steps), steps_of_jobs(steps)
    for step in steps:
        if step.kind == "workchain" or not step.ended:
            continue
        place = places.of(step.pk)
        number, name = place.number if place is not None else 0, named.get(step.pk, step.key)
        if name == "label":
            continue  # what became of its frames is counted above; a job that failed may have been repeated, or labelled most
        if not step.ok:
            counts[(number, name, f"{step.label or step.process} ended: {step.exit_message or step.state}")] += 1
        elif step.process == "SampleJob":
            report = orm.load_node(step.pk).outputs.report.get_dict()
            if report.get("stopped"):
                counts[(number, name, f"{step.label} stopped early: {report.get('message') or report['stopped']}")] += 1
    return tuple(Failure(number, step, reason, count) for (number, step, reason), count in sorted(counts.items()))


def without_numbers(reason: str) -> str:
    """Return a reason with its numbers masked, so that reasons which differ in a figure or an atom's index count together."""
    return re.sub(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?", "…", reason)
