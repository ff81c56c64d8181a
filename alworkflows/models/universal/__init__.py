"""Pretrained potentials for many elements: they predict and drive dynamics, and are not fitted."""

from alworkflows.models.universal.model import UniversalModel
from alworkflows.models.universal.trainer import Pretrained

__all__ = ["Pretrained", "UniversalModel"]
