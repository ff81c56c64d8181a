"""Descriptor sets behind one contract: values, design rows, products with the derivative and, where a set can, folded models."""

from alworkflows.descriptors.contract import Descriptors, Design, Foldable, Folded
from alworkflows.descriptors.registry import DESCRIPTORS, build

__all__ = ["DESCRIPTORS", "Descriptors", "Design", "Foldable", "Folded", "build"]
