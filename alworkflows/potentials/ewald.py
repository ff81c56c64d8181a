r"""How finely an Ewald sum is to be done in a cell: the splitting and the waves, given to LAMMPS rather than left to it.

With N charges, :math:`Q^2 = \sum q_i^2`, in a cell of volume V, splitting :math:`\alpha`, cutoff :math:`r_c` in real space and
waves up to :math:`K`, the root mean square errors of a force are (Kolafa and Perram, Mol. Simul. 9, 351 (1992),
doi:10.1080/08927029208049126)

.. math::
    \Delta F_r = \frac{2 k_e Q^2}{\sqrt{N r_c V}} e^{-\alpha^2 r_c^2}, \qquad
    \Delta F_k = \frac{2 k_e Q^2 \alpha}{L} \sqrt{\frac{1}{\pi n N}} e^{-(\pi n / \alpha L)^2}, \quad K = 2 \pi n / L

where :math:`k_e` is Coulomb's constant and n counts waves along an edge of length L. Both are brought below the precision times
the force between two unit charges 1 A apart.

Left alone, LAMMPS estimates the same, but cuts the counts along the axes of a skewed cell to whole numbers after turning them,
and then takes waves along the third axis up to the largest of the three counts: phases of some were never computed, so that
energies and forces depend on what was in the memory before. Counts that cover the sphere of waves leave nothing unset.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["ewald_sizes"]

#: e^2 / (4 pi epsilon_0), eV A, as in LAMMPS' units `metal`
COULOMB = 14.399645
#: LAMMPS compares squares of wave vectors with one larger by 1e-5
SLACK = 1.00001


def ewald_sizes(cell: np.ndarray, charges: np.ndarray, cutoff: float, precision: float) -> tuple[float, tuple[int, int, int]]:
    """Return the splitting (1/A) and the counts of waves along the three axes.

    Parameters
    ----------
    cell : (3, 3)
        Lower triangular, as LAMMPS has it, A.
    charges : (N,)
        e.
    cutoff
        Of the sum in real space, A.
    precision
        Error of a force, over that between two unit charges 1 A apart.
    """
    edges = np.diag(cell)
    strength, count, allowed = COULOMB * float(np.sum(charges**2)), len(charges), COULOMB * precision
    share = allowed * math.sqrt(count * cutoff * float(np.prod(edges))) / (2 * strength)
    # a share above 1: so few charges in so large a cell that any splitting would do
    splitting = math.sqrt(-math.log(share)) / cutoff if share < 1 else (1.35 - 0.15 * math.log(allowed)) / cutoff
    largest = max(2 * math.pi * _waves(edge, splitting, strength, count, allowed) / edge for edge in edges)
    # of the waves in a sphere of radius K, the i-th index is at most K |a_i| / (2 pi)
    counts = [max(1, math.floor(largest * length / (2 * math.pi) * SLACK)) for length in np.linalg.norm(cell, axis=1)]
    # LAMMPS' own sphere follows from the counts; along the third axis it must not reach beyond what is counted
    counts[2] = max(
        counts[2], math.floor(edges[2] * max(number / edge for number, edge in zip(counts, edges, strict=True)) * SLACK)
    )
    return splitting, (counts[0], counts[1], counts[2])


def _waves(edge: float, splitting: float, strength: float, count: int, allowed: float) -> int:
    """Return the least count of waves along an edge whose error is allowed."""
    number = 1
    while (
        2
        * strength
        * splitting
        / edge
        * math.sqrt(1 / (math.pi * number * count))
        * math.exp(-((math.pi * number / (splitting * edge)) ** 2))
        > allowed
    ):
        number += 1
    return number
