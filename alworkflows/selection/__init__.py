"""Which candidates are paid for: criteria, trust window, diversity, and the honest test set.

Choosing is numpy alone, so that the database's worker can run it; what needs descriptors - :func:`fingerprints`,
:class:`ActiveSet`, :mod:`.pool` - runs where frames are made.
"""

from alworkflows.selection.criteria import CRITERIA, Known, Ranking, Scores
from alworkflows.selection.diversity import DIVERSITY, Rule, Shortlist
from alworkflows.selection.fingerprint import fingerprints
from alworkflows.selection.grade import ActiveSet
from alworkflows.selection.select import Choice, Selection, select
from alworkflows.selection.trust_levels import Level, classify, count
from alworkflows.selection.window import TestBatch, Window, find_window

__all__ = [
    "CRITERIA",
    "DIVERSITY",
    "ActiveSet",
    "Choice",
    "Known",
    "Level",
    "Ranking",
    "Rule",
    "Scores",
    "Selection",
    "Shortlist",
    "TestBatch",
    "Window",
    "classify",
    "count",
    "find_window",
    "fingerprints",
    "select",
]
