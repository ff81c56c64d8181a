"""The page: sections and key figures in one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from alworkflows import __version__
from workchains.report.data import Report
from workchains.report.sections import sections
from workchains.report.text import duration, moment, number, percent, plural

__all__ = ["KeyFigure", "key_figures", "render"]


@dataclass(frozen=True)
class KeyFigure:
    """One figure at the top of the page: what, how much, and in what light."""

    name: str
    value: str
    note: str = ""


def key_figures(report: Report) -> list[KeyFigure]:
    """Return the figures a reader wants first."""
    rows = report.iterations
    training, tests = sum(row.batch or 0 for row in rows), sum(row.tests or 0 for row in rows)
    candidates = sum(row.candidates or 0 for row in rows)
    failed = sum(row.failed_labels or 0 for row in rows)
    figures = [
        _error(report),
        KeyFigure(
            "labels",
            number(report.labels),
            f"{training} to train on, {tests} to test on" + (f"; {failed} failed" if failed else ""),
        ),
        KeyFigure(
            "candidates",
            number(candidates),
            f"{percent(report.labels / candidates)} of them labelled" if candidates else "none sampled yet",
        ),
        KeyFigure("iterations", str(len(rows)), plural(len(report.stages), "stage") + ": " + ", ".join(report.stages)),
    ]
    if report.terms is not None and report.terms.per_member:
        sizes = [sum(member.values()) for member in report.terms.per_member]
        spread = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)}–{max(sizes)}"
        total = sum(report.terms.available.values())
        figures.append(KeyFigure("terms of a member", spread, f"of {total:,} descriptors; {plural(len(sizes), 'member')}"))
    idle = f"{percent(report.idle_share)} of it without a running job" if report.idle_share is not None else ""
    figures.append(KeyFigure("wall time", duration(report.seconds), idle))
    return figures


def _error(report: Report) -> KeyFigure:
    judged = report.evaluation
    if judged is not None and judged.errors:
        last = max(judged.errors)
        shares = {name: judged.share(last, name) or 0.0 for name in judged.groups}
        worst = max(shares, key=lambda name: shares[name])
        note = f"{percent(judged.share(last, 'all'))} of the force std; worst on {worst}: {percent(shares[worst])}"
        return KeyFigure("force error (test set)", f"{number(judged.errors[last].get('all'))} eV/Å", note)
    fitted = [row for row in report.iterations if row.test_error is not None]
    if fitted:
        note = f"on the {fitted[-1].tested_on} test frames there were after iteration {fitted[-1].number}"
        return KeyFigure("force error (so far)", f"{number(fitted[-1].test_error)} eV/Å", note)
    return KeyFigure("force error", "–", "no ensemble has been judged yet")


def render(report: Report, made: datetime | None = None) -> str:
    """Return the page as HTML; ``made`` is when (default: now)."""
    from jinja2 import Environment, StrictUndefined

    room = files("workchains.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["data_uri"] = data_uri
    template = environment.from_string(room.joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        report=report,
        css=room.joinpath("page.css").read_text(encoding="utf-8"),
        figures=key_figures(report),
        sections=sections(report),
        started=moment(report.started),
        ended=moment(report.ended),
        version=__version__,
        made=moment(made or datetime.now(tz=UTC)),
    )


def data_uri(picture: str) -> str:
    """Return SVG as a data URI: an image has a text alternative, and ids of its own."""
    return "data:image/svg+xml;base64," + base64.b64encode(picture.encode()).decode()
