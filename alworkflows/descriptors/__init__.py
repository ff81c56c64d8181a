"""Descriptor sets behind one contract: values, energy, force and stress rows, vector-Jacobian product, folded models."""

from alworkflows.descriptors.contract import Descriptors, Design, Folded
from alworkflows.descriptors.registry import DESCRIPTORS, build

__all__ = ["DESCRIPTORS", "Descriptors", "Design", "Folded", "build"]
