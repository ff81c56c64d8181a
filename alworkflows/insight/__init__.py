"""What a fitted model is made of: force shares, curves of its terms, errors against complexity; numbers and pictures."""

from alworkflows.insight.distances import measure
from alworkflows.insight.plip.curves import angle_curves, density_curves, pair_curves
from alworkflows.insight.plip.look import Insight, write
from alworkflows.insight.plip.shares import Share
from alworkflows.insight.registry import force_shares, look_into

__all__ = ["Insight", "Share", "angle_curves", "density_curves", "force_shares", "look_into", "measure", "pair_curves", "write"]
