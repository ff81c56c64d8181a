"""Labels that a fit found to be off: read from the report of its job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiida import orm

from workchains.provenance.record import IterationRecord
from workchains.provenance.tree import portions

__all__ = ["KINDS", "last_outliers", "outlier_of", "outliers_of"]

#: the lists of frames that are off, and what each means
KINDS = {
    "frames": "its label contradicts frames like it",
    "alone": "its label is off, and no frame is like it",
    "tests": "its label contradicts frames like it",
}


def outliers_of(reports: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return what each report of a fit says of labels that are off, by its PK; without those of fits that did not look."""
    found: dict[int, dict[str, Any]] = {}
    for some in portions(sorted(set(reports))):
        query = orm.QueryBuilder()
        query.append(orm.Dict, filters={"id": {"in": some}}, project=["id", "attributes.fit.outliers"])
        found.update({pk: outliers for pk, outliers in query.all() if outliers})
    return found


def last_outliers(records: Sequence[IterationRecord]) -> tuple[int, dict[str, Any]] | None:
    """Return the number of the last iteration with a fit that looked at labels, and what it says; None if there is none."""
    found = outliers_of(record.nodes["report"] for record in records if "report" in record.nodes)
    for record in reversed(records):
        if record.nodes.get("report") in found:
            return record.number, found[record.nodes["report"]]
    return None


def outlier_of(outliers: Mapping[str, Any], identity: str) -> tuple[str, Mapping[str, Any]] | None:
    """Return what a fit says of one frame, in words and as it is reported; None if its label is not off."""
    for kind, words in KINDS.items():
        for item in outliers[kind]:
            if item["id"] == identity:
                return words, item
    return None
