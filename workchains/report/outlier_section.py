"""The section on labels that contradict those of frames like them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alworkflows.models.telling import off_in_words, outlier_sentence
from workchains.report.data import Report
from workchains.report.section import Section, Table
from workchains.report.text import plural

__all__ = ["outliers"]

CAPTION = """
    After each fit every label was held against what members that did not see it say, and that against the same of the frames
    most like it by fingerprint. Named are frames that are many times farther off than those: look at how they were labelled. A
    frame that is like no others may be of a rare kind, and its label right."""
HEADS = ("frame", "formula", "batch", "what is off", "counted")
#: frames of a kind that are shown
SHOWN = 100


def outliers(report: Report) -> Section:
    """Frames whose labels are off, as the last fit found them."""
    anchor, title = "outliers", "Labels that contradict frames like them"
    found = report.outliers
    if found is None:
        return Section(anchor, title, missing=report.missing.get("outliers", "No fit has looked at labels yet."))
    if found["skipped"]:
        return Section(anchor, title, missing=f"Labels were not held against each other: {found['skipped']}.")
    sentence = outlier_sentence(found) or f"None of {plural(found['looked_at'], 'training frame')} is off"
    tests = plural(len(found["tests"]), "test frame") if found["tests"] else "no test frame"
    names = {
        "frames": "Training frames whose labels contradict frames like them",
        "tests": "Test frames whose labels contradict frames like them",
        "alone": "Training frames that are off and like no others",
    }
    tables = [_table(name, found[kind], kind) for kind, name in names.items() if found[kind]]
    verb = "are" if len(found["tests"]) > 1 else "is"
    return Section(anchor, title, f"{' '.join(CAPTION.split())} {sentence}; {tests} {verb} off.", tables=tables)


def _table(caption: str, frames: list[Mapping[str, Any]], kind: str) -> Table:
    rows = [
        (frame["id"], frame["formula"], f"{frame['file']}[{frame['index']}]", off_in_words(frame), _counted(frame, kind))
        for frame in frames[:SHOWN]
    ]
    more = f" (the first {SHOWN} of {len(frames)})" if len(frames) > SHOWN else ""
    return Table(caption + more, HEADS, rows, frozenset(range(len(HEADS))))


def _counted(frame: Mapping[str, Any], kind: str) -> str:
    if kind == "tests":
        return "never trained on"
    weight = frame.get("weight", 1.0)
    return "in full" if weight == 1.0 else "left out" if weight == 0.0 else f"{weight:.2g} of it"
