"""The section on trust levels: what a disagreement stands for, and how far that is to be believed."""

from __future__ import annotations

from alworkflows.plotting import svg
from workchains.report.data import Report
from workchains.report.section import Section, Table
from workchains.report.text import number, percent
from workchains.report.trust import Trust
from workchains.report.trust_plot import calibrations, drawn

__all__ = ["trust"]

CAPTION = """
    Before each iteration the last ensemble's disagreement was compared with its true error on the test frames there were:
    random candidates that were labelled and never trained on. The solid line is the error to expect at a disagreement, the
    dashed one the error that the stated share of frames stays below. The lower level is where the dashed line meets the
    error that still counts as accurate; the upper, where runs end, is where the solid line meets an error so large that the
    prediction says nothing. Look for points that rise to the right (rank correlation near 1: the ensemble knows which
    frames it gets wrong), and for a share below the bound near the stated one. A smaller share means that new frames are
    worse than those before them suggested, as happens at the start of a stage. Frames of other stages are faint where the
    stage has enough of its own."""
LEVELS = ("no.", "stage", "levels", "lower", "its error", "upper", "its error")
CALIBRATION = (
    *("no.", "stage", "test frames", "of", "rank corr.", "below bound: stated", "found"),
    *("frames judged", "error / disagreement"),
)
SCOPES = {"stage": "the stage", "all": "all stages", "none": "–"}


def trust(report: Report) -> Section:
    """Trust levels by iteration."""
    anchor, title = "trust", "Trust levels: what a disagreement stands for"
    if not report.trust:
        return Section(anchor, title, missing=report.missing.get("trust", "No ensemble has been asked yet."))
    tables = [
        Table(
            "Levels: disagreements and the errors they stand for (eV/Å)",
            LEVELS,
            [_levels(trust) for trust in report.trust],
            frozenset({1, 2}),
        ),
        Table("How good their calibration was", CALIBRATION, [_calibration(trust) for trust in report.trust], frozenset({1, 3})),
    ]
    caption, last = " ".join(CAPTION.split()), report.trust[-1]
    sentence = f"iteration {last.number}: {last.sentence}"
    if not drawn(report.trust):
        return Section(anchor, title, f"{caption} Last: {sentence}.", tables=tables)
    alt = "; ".join(f"iteration {trust.number} ({trust.stage}): {trust.calibration['sentence']}" for trust in drawn(report.trust))
    picture = svg(calibrations(report.trust, report.stages), "trust")
    return Section(anchor, title, f"{caption} Last, {sentence}.", picture, alt, tables)


def _levels(trust: Trust) -> tuple[str, ...]:
    levels = (f"{trust.lower:.3g}", _short(trust.lower_error), f"{trust.upper:.3g}", _short(trust.upper_error))
    return (str(trust.number), trust.stage, trust.kind, *levels)


def _calibration(trust: Trust) -> tuple[str, ...]:
    values = trust.calibration
    return (
        str(trust.number),
        trust.stage,
        str(values["n"]),
        SCOPES[values["scope"]],
        number(values["rank_correlation"], 2),
        percent(values["stated_coverage"], 0),
        percent(values["coverage"], 0),
        str(values["coverage_n"]),
        _short(values["factor"]),
    )


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
