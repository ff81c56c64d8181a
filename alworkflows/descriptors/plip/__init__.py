"""PLIP: two-, three- and N-body descriptors on radial functions, their kernels, and models folded for dynamics."""

from alworkflows.descriptors.plip.descriptors import Plip, Term

__all__ = ["Plip", "Term"]
