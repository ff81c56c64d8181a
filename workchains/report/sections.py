"""The sections of the page: a plot, what to look for in it, the same in words, and what stands there if it is missing."""

from __future__ import annotations

from collections.abc import Callable

from alworkflows.insight.plip.shares import ALL
from alworkflows.plotting import svg
from alworkflows.plotting.accuracy import plot_path
from alworkflows.plotting.terms import plot_pairs, plot_shares
from workchains.report import plots
from workchains.report.captions import CAPTIONS
from workchains.report.costs import costs
from workchains.report.data import LEVELS, Iteration, Report
from workchains.report.label_section import labels
from workchains.report.outlier_section import outliers
from workchains.report.section import Section, Table
from workchains.report.text import duration, number, percent, plural
from workchains.report.timing import timing
from workchains.report.trust_section import trust

__all__ = ["SECTIONS", "sections"]


def sections(report: Report) -> list[Section]:
    """Return all sections of a report, also those that have nothing to show yet."""
    return [make(report) for make in SECTIONS]


def learning(report: Report) -> Section:
    """Error over labels: of all ensembles on the final test set, else of each on the test frames there were."""
    anchor, title = "error", "Force error against labels"
    judged = report.evaluation
    rows = [row for row in report.iterations if row.trained_on]
    if judged is not None and judged.errors:
        first, last = min(judged.errors), max(judged.errors)
        sentences = []
        for name in judged.names():
            before, after = (number(judged.errors[key].get(name)) for key in (first, last))
            share = percent(judged.share(last, name))
            sentences.append(f"{name}: {before} eV/Å after iteration {first}, {after} after {last} ({share} of std)")
        return Section(
            anchor, title, CAPTIONS["judged"], svg(plots.errors(judged, rows, report.stages), "errors"), "; ".join(sentences)
        )
    missing = report.missing.get("evaluation", "No ensemble has been judged on the final test set yet.")
    fitted = [row for row in rows if row.test_error is not None]
    if not fitted:
        return Section(anchor, title, missing=missing)
    alt = "; ".join(f"iteration {row.number}: {number(row.test_error)} eV/Å with {row.trained_on} frames" for row in fitted)
    return Section(anchor, title, f"{CAPTIONS['fitted']} {missing}", svg(plots.learning(fitted), "learning"), alt)


def parity(report: Report) -> Section:
    """Predicted against reference forces."""
    anchor, title = "parity", "Forces: predicted against reference"
    judged = report.evaluation
    if judged is None or not len(judged.reference):
        return Section(anchor, title, missing=_no_judgement(report))
    errors = judged.errors[max(judged.errors)]
    alt = "Force components along the diagonal; RMSE " + ", ".join(
        f"{name} {number(errors.get(name))} eV/Å" for name in judged.groups
    )
    return Section(anchor, title, CAPTIONS["parity"], svg(plots.parity(judged), "parity"), alt)


def calibration(report: Report) -> Section:
    """Disagreement against true error."""
    anchor, title = "disagreement", "Does the ensemble know where it is wrong?"
    judged = report.evaluation
    if judged is None or not len(judged.disagreement):
        return Section(anchor, title, missing=_no_judgement(report))
    rank = number(plots.rank_correlation(judged.disagreement, judged.largest_error), 2)
    caption = f"{CAPTIONS['calibration']} All stages together: rank correlation {rank}."
    alt = (
        f"Disagreement and largest true force error of {plural(len(judged.disagreement), 'test frame')}; rank correlation {rank}"
    )
    return Section(
        anchor, title, caption, svg(plots.calibration(judged, report.stages, plots.last_window(report)), "calibration"), alt
    )


def _no_judgement(report: Report) -> str:
    return report.missing.get("evaluation", "The last ensemble has not been judged on the final test set.")


def window(report: Report) -> Section:
    """Counts of the trust window."""
    anchor, title = "window", "What the trust window made of the candidates"
    rows = [row for row in report.iterations if row.counts]
    if not rows:
        return Section(anchor, title, missing=report.missing.get("selection", "No selection has been made yet."))
    alt = "; ".join(_counted(row) for row in rows)
    return Section(anchor, title, CAPTIONS["window"], svg(plots.levels(rows), "levels"), alt)


def _counted(row: Iteration) -> str:
    counts = ", ".join(f"{row.counts.get(name, 0)} {name}" for name in LEVELS)
    return f"iteration {row.number} ({row.stage}): {counts}; {row.counts.get('chosen', 0)} chosen"


def frame_map(report: Report) -> Section:
    """Map of frames."""
    anchor, title = "map", "Map of the frames"
    mapped = report.frame_map
    if mapped is None:
        return Section(anchor, title, missing=report.missing.get("frame_map", "No candidates have been described yet."))
    counts = ", ".join(f"{name} {(mapped.stage == index).sum()}" for index, name in enumerate(mapped.stages))
    alt = f"Frames by stage ({counts}) on two axes that hold {percent(sum(mapped.explained), 0)} of the variance"
    return Section(anchor, title, CAPTIONS["map"], svg(plots.frame_map(mapped), "map"), alt)


STRONGEST = 12
"""Rows in the table of terms."""


def terms(report: Report) -> Section:
    """Chosen descriptors."""
    anchor, title = "terms", "The chosen descriptors"
    terms = report.terms
    if terms is None or not terms.per_member:
        return Section(anchor, title, missing=report.missing.get("terms", "No ensemble has been fitted yet."))
    members = len(terms.per_member)
    offered = ", ".join(f"{count:,} {body}-body" for body, count in terms.available.items())
    caption = (
        f"Of {sum(terms.available.values()):,} descriptors ({offered}) the {members} members of the last ensemble chose "
        f"{len(terms.chosen)} different ones; all members share {percent(terms.shared, 0)} of these. {CAPTIONS['terms']}"
    )
    alt = "; ".join(
        f"member {index}: " + ", ".join(f"{count} {body}-body" for body, count in member.items())
        for index, member in enumerate(terms.per_member, 1)
    )
    rows = [
        (term.name, f"{term.body}-body", f"{term.members} of {members}", percent(term.weight))
        for term in terms.chosen[:STRONGEST]
    ]
    table = Table(
        "The strongest terms (lengths in Å); weight: share in the summed sizes of all terms' forces, mean over members",
        ("descriptor", "kind", "members", "weight"),
        rows,
        frozenset({0, 1}),
    )
    return Section(anchor, title, caption, svg(plots.descriptors(terms), "descriptors"), alt, [table] if rows else [])


def path(report: Report) -> Section:
    """Errors against complexity."""
    anchor, title = "path", "How complex a model?"
    if report.path is None:
        none = report.missing.get("terms", "No ensemble has been fitted yet.")
        return Section(anchor, title, missing=none if report.terms is None else "The members of the last fit come of no path.")
    rows, chosen = report.path
    errors = ", ".join(f"{name} {number(rows[chosen][name])} eV/Å" for name in rows[chosen] if name not in ("alpha", "terms"))
    alt = f"Errors of {len(rows)} models; the chosen one has {plural(rows[chosen]['terms'], 'term')}: {errors}"
    return Section(anchor, title, CAPTIONS["path"], svg(plot_path(rows, chosen), "path"), alt)


def shares(report: Report) -> Section:
    """Which terms make the forces."""
    anchor, title = "shares", "What makes the forces"
    insight = report.insight
    if insight is None:
        return Section(anchor, title, missing=_no_insight(report))
    rows = [share for share in insight.shares if share.interaction == ALL and share.kind == "body order"]
    alt = "Share of the force: " + ", ".join(f"{share.group} {percent(share.share)}" for share in rows)
    return Section(anchor, title, CAPTIONS["shares"], svg(plot_shares(insight.shares), "shares"), alt)


def _no_insight(report: Report) -> str:
    missing = report.missing
    return missing.get("insight") or missing.get("terms", "No ensemble has been fitted yet.")


def pairs(report: Report) -> Section:
    """Fitted pair terms."""
    anchor, title = "pairs", "Fitted pair terms"
    insight = report.insight
    if insight is None:
        return Section(anchor, title, missing=_no_insight(report))
    alt = "Pair energy against distance for " + ", ".join(curve.pair for curve in insight.pairs)
    return Section(anchor, title, CAPTIONS["pairs"], svg(plot_pairs(insight.pairs, insight.distances), "pairs"), alt)


PARTS = {
    "start": "before the first step",
    "submitting": "a job was on its way to run",
    "fetching": "a job had ended and was fetched and parsed",
    "functions": "calcfunctions in the daemon",
    "engine": "work chains between their steps",
}


def time(report: Report) -> Section:
    """Where the time went."""
    anchor, title = "timing", "Where the time went"
    if not report.jobs:
        return Section(anchor, title, missing=report.missing.get("jobs", "No job has run yet."))
    alt = f"{plural(len(report.jobs), 'job')} over {duration(report.seconds)}"
    tables = []
    if report.idle:
        alt += f"; no job ran during {percent(report.idle_share)} of it"
        largest = sorted(report.idle, key=report.idle.__getitem__, reverse=True)
        rows = [
            (PARTS.get(name, name), duration(report.idle[name]), percent(report.idle[name] / report.seconds)) for name in largest
        ]
        rows.append(("in all", duration(sum(report.idle.values())), percent(report.idle_share)))
        tables.append(Table("Time in which no job ran", ("what went on", "time", "of wall time"), rows, frozenset({0})))
    return Section(
        anchor, title, CAPTIONS["timing"], svg(timing(report.jobs, report.started, report.ended), "timing"), alt, tables
    )


COLUMNS = (
    *("no.", "stage", "state", "candidates", "trust window (eV/\u2060Å)", "accurate", "chosen", "labels + test", "no label"),
    *("terms", "RMSE (eV/Å)", "time"),
)


def per_iteration(report: Report) -> Section:
    """Table of iterations."""
    anchor, title = "iterations", "Iterations"
    if not report.iterations:
        return Section(anchor, title, missing=report.missing.get("iterations", "The first iteration has not begun."))
    judged = report.evaluation.errors if report.evaluation else {}
    rows = [_row(row, judged.get(row.number, {}).get("all", row.test_error)) for row in report.iterations]
    what = "RMSE: on the final test set, all stages" if judged else "RMSE: on the test frames there were when it was fitted"
    return Section(anchor, title, tables=[Table(what, COLUMNS, rows, frozenset({1, 2}))])


def _row(row: Iteration, error: float | None) -> tuple[str, ...]:
    return (
        str(row.number),
        row.stage,
        row.state,
        number(row.candidates),
        f"{row.window[0]:#.2g}–{row.window[1]:#.2g}" if row.window else "–",
        percent(row.accurate_share, 0),
        number(row.counts.get("chosen")),
        "–" if row.batch is None and row.tests is None else f"{number(row.batch or 0)} + {number(row.tests or 0)}",
        number(row.failed_labels),
        number(row.terms, 0),
        number(error),
        duration(row.seconds),
    )


def failures(report: Report) -> Section:
    """Table of failures."""
    anchor, title = "failures", "What failed, and why"
    if not report.failures:
        return Section(anchor, title, missing="No job ended with an error, no frame was refused and no label failed.")
    rows = [(str(item.iteration or "–"), item.step, str(item.count), item.reason) for item in report.failures]
    table = Table("Failures by iteration and reason", ("iteration", "step", "count", "reason"), rows, frozenset({1, 3}))
    return Section(anchor, title, CAPTIONS["failures"], tables=[table])


#: in the order of the page
SECTIONS: tuple[Callable[[Report], Section], ...] = (
    *(learning, per_iteration, parity, calibration, trust, window),
    *(frame_map, terms, path, shares, pairs, labels, outliers, costs, time, failures),
)
