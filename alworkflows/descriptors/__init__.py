"""Descriptor sets behind one contract: values, energy, force and stress rows, vector-Jacobian product."""

from alworkflows.descriptors.contract import Descriptors, Design
from alworkflows.descriptors.registry import DESCRIPTORS, build

__all__ = ["DESCRIPTORS", "Descriptors", "Design", "build"]
