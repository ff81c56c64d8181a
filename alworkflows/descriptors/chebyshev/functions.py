r"""Chebyshev polynomials of a distance, smoothly cut off.

    phi_k(r) = T_k(x) f_c(r),    x = 2 r / r_c - 1,    f_c(r) = (1 - r / r_c)^3,    k = 0 .. K

The map is of Artrith, Urban and Ceder, "Efficient and accurate machine-learning interpolation of atomic energies in compositions
with many species", Phys. Rev. B 96, 014112 (2017); the cutoff of Lindsey, Fried and Goldman, "ChIMES: a force matched
potential with explicit three-body interactions for molten carbon", J. Chem. Theory Comput. 13, 6222 (2017), whose two-body
energy is such a sum. It takes value, slope and curvature to zero at r_c.
"""

from __future__ import annotations

import numpy as np

__all__ = ["functions"]


def functions(r: np.ndarray, cutoff: float, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Return phi_k (M, K + 1) and d phi_k / dr (M, K + 1; A^-1) at distances ``r`` (M,) in A, zero beyond the cutoff.

    T_k = 2 x T_{k-1} - T_{k-2}, and dT_k/dx = k U_{k-1} with U_k = 2 x U_{k-1} - U_{k-2}.
    """
    x = 2.0 * r / cutoff - 1.0
    first = np.empty((degree + 1, len(r)))  # T_k, row by row
    second = np.zeros((degree + 1, len(r)))  # U_{k-1}
    first[0], first[1], second[1] = 1.0, x, 1.0
    for k in range(2, degree + 1):
        first[k] = 2.0 * x * first[k - 1] - first[k - 2]
        second[k] = 2.0 * x * second[k - 1] - second[k - 2]
    rest = np.maximum(1.0 - r / cutoff, 0.0)
    slope = 2.0 / cutoff * np.arange(degree + 1)[:, None] * second
    return (first * rest**3).T, (slope * rest**3 - first * (3.0 / cutoff * rest**2)).T
