"""What a fitted model is made of: force shares, curves of its terms, errors against complexity; numbers and pictures."""

from alworkflows.insight.distances import measure
from alworkflows.insight.plip.curves import angle_curves, density_curves, pair_curves
from alworkflows.insight.plip.look import Insight, look_into, write
from alworkflows.insight.plip.shares import Share, force_shares

__all__ = ["Insight", "Share", "angle_curves", "density_curves", "force_shares", "look_into", "measure", "pair_curves", "write"]
