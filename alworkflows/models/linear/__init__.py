"""Sparse linear regression on descriptors: rows, sums, paths, and the committees that are chosen on them."""

from alworkflows.models.linear.model import LinearModel
from alworkflows.models.linear.trainer import LinearTrainer

__all__ = ["LinearModel", "LinearTrainer"]
