r"""Errors of energies less a zero: labels and model count energies from zeros of their own, which move no atom.

With the error e_f of the energy of frame f divided by its number of atoms, and x_fs the share of species s among them, what is
taken off is, over all frames that are compared,

.. math:: \arg\min_c \sum_f (e_f - c)^2 \quad\text{and}\quad \arg\min_c \sum_f \big(e_f - \sum_s x_{fs} c_s\big)^2 ,

one constant, and where compositions vary one energy for each species. It is the same for all groups of the frames: an offset
between two of them is an error of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["EnergyShift"]


@dataclass(frozen=True)
class EnergyShift:
    """What the model's energies lie above the labels.

    ``constant``: eV an atom; ``species``: eV for an atom of each, None where compositions do not vary, or there are not more
    frames than energies to find.
    """

    constant: float
    species: dict[str, float] | None

    @classmethod
    def of(cls, errors: np.ndarray, shares: np.ndarray, species: Sequence[str]) -> EnergyShift | None:
        """Return the best shifts; None for fewer than two frames, which have no error beyond theirs.

        Parameters
        ----------
        errors : (F,) float
            Of energies, eV an atom.
        shares : (F, S) float
            Of the species among the atoms of each frame.
        species
            Chemical symbols.
        """
        if len(errors) < 2:
            return None
        best, _, rank, _ = np.linalg.lstsq(shares, errors, rcond=1e-9)
        varied = 1 < rank < len(errors)
        return cls(float(errors.mean()), dict(zip(species, best.tolist(), strict=True)) if varied else None)
