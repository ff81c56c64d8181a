"""Which candidates are paid for: disagreement, trust window, diversity, and the honest test set.

Numpy alone, so that the database's worker can run it; only :func:`fingerprints` needs descriptors, where frames are made.
"""

from alworkflows.selection.diversity import farthest_points
from alworkflows.selection.fingerprint import fingerprints
from alworkflows.selection.levels import Level, classify, count, resolve
from alworkflows.selection.select import Choice, Selection, select
from alworkflows.selection.strategies import STRATEGIES, Pick, Pool

__all__ = [
    "STRATEGIES",
    "Choice",
    "Level",
    "Pick",
    "Pool",
    "Selection",
    "classify",
    "count",
    "farthest_points",
    "fingerprints",
    "resolve",
    "select",
]
