"""Two-body descriptors on Chebyshev polynomials of the distance, in numpy."""

from alworkflows.descriptors.chebyshev.descriptors import Chebyshev

__all__ = ["Chebyshev"]
