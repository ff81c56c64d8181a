"""The section on labels: what was bought, taken over and lost, what it took, and how the queue was filled."""

from __future__ import annotations

from workchains.report.captions import CAPTIONS
from workchains.report.data import Report
from workchains.report.flights import in_flight, peak
from workchains.report.labelling import Labelling
from workchains.report.section import Section, Table
from workchains.report.text import number, plural

__all__ = ["labels"]


def labels(report: Report) -> Section:
    """What became of the frames to be labelled."""
    from alworkflows.plotting import svg

    anchor, title = "labels", "Labels: new, taken over, lost"
    labelling = report.labelling
    if labelling is None:
        return Section(anchor, title, missing=report.missing.get("labels", "No frame was to be labelled yet."))
    tables = [_per_iteration(labelling)]
    if labelling.kinds:
        tables.append(_kinds(labelling))
    if labelling.costs is not None:
        tables.append(_costs(labelling, report.stages))
    summary = (
        f"{plural(labelling.sum('total'), 'frame')} to label: {labelling.sum('new')} new labels, "
        f"{labelling.sum('reused')} taken over, {labelling.sum('failed')} without a label"
    )
    jobs = [job for job in report.jobs if job.step == "label"]
    if not jobs:
        return Section(anchor, title, summary + ".", tables=tables)
    cap = f", at most {labelling.cap} allowed over all campaigns" if labelling.cap is not None else ""
    alt = f"{summary}; {plural(len(jobs), 'job')}, at most {peak(jobs, report.ended)} in flight at once{cap}"
    picture = svg(in_flight(jobs, report.started, report.ended, labelling), "labels")
    return Section(anchor, title, CAPTIONS["labels"], picture, alt, tables)


def _per_iteration(labelling: Labelling) -> Table:
    heads = ("iteration", "stage", "frames", "new labels", "taken over", "recovered", "no label")
    names = ("total", "new", "reused", "recovered", "failed")
    rows = [(str(row.iteration), row.stage, *(str(getattr(row, name)) for name in names)) for row in labelling.rows]
    rows.append(("in all", "", *(str(labelling.sum(name)) for name in names)))
    return Table("Frames to be labelled, by iteration", heads, rows, frozenset({0, 1}))


def _kinds(labelling: Labelling) -> Table:
    rows = [(kind, str(count), labelling.examples.get(kind, "")) for kind, count in labelling.kinds.items()]
    return Table("Frames without a label, by kind of failure", ("kind", "frames", "a reason"), rows, frozenset({0, 2}))


def _costs(labelling: Labelling, stages: tuple[str, ...]) -> Table:
    """Return what labels took, by stage."""
    costs = labelling.costs
    assert costs is not None
    rows = []
    for name, mask in [(stage, costs.stage == index) for index, stage in enumerate(stages)] + [("all", costs.stage >= 0)]:
        if not mask.any():
            continue
        seconds, cores = costs.seconds[mask], costs.cores[mask]
        per_atom = (seconds * cores).sum() / costs.atoms[mask].sum()
        rows.append(
            (name, str(int(mask.sum())), f"{seconds.mean():.3g}", f"{seconds.min():.3g}–{seconds.max():.3g}",
             f"{cores.mean():g}", f"{per_atom:.3g}", number((seconds * cores).sum() / 3600.0))
        )  # fmt: skip
    heads = ("stage", "labels", "mean time (s)", "span (s)", "cores", "core-s per atom", "core-hours")
    return Table("What new labels took, as their programs measured it", heads, rows, frozenset({0}))
