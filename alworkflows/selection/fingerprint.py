"""A short vector that says what kinds of environments a frame holds, for diversity and for maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alworkflows.errors import InputError
from alworkflows.settings import PlipSettings

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["FINGERPRINT", "fingerprints"]

FINGERPRINT = PlipSettings.gaussians((1.5, 2.5, 3.5, 4.5), cutoff=5.0, l=(1, 2), m=())
"""Two- and three-body terms that tell coordination, distances and angles apart; 60 of them for two species."""


def fingerprints(frames: Sequence[Atoms], species: Sequence[str]) -> np.ndarray:
    """Return the fingerprint of each frame: mean and deviation, over the atoms of each species, of a small descriptor set.

    The mean tells phases apart; the standard deviation keeps a local defect visible in a large cell. Invariant under rotation,
    translation, permutation of atoms and repetition of the cell. A species that is absent from a frame counts as zeros.

    Parameters
    ----------
    frames
        F frames, of any size.
    species
        Chemical symbols of the campaign, S of them.

    Returns
    -------
    numpy.ndarray
        (F, 2 S P) for P descriptors.

    Raises
    ------
    InputError
        If a frame holds another species.

    """
    from alworkflows.descriptors import build

    descriptors = build(FINGERPRINT, species)
    rows = []
    for number, frame in enumerate(frames):
        symbols = np.array(frame.get_chemical_symbols())
        strangers = sorted(set(symbols) - set(species))
        if strangers:
            raise InputError(f"frame {number}: expected the species {', '.join(species)}, got also {', '.join(strangers)}")
        values = descriptors.values(frame)
        parts = []
        for symbol in species:
            of_symbol = values[symbols == symbol]
            if not len(of_symbol):
                of_symbol = np.zeros((1, values.shape[1]))
            parts += [of_symbol.mean(axis=0), of_symbol.std(axis=0)]
        rows.append(np.concatenate(parts))
    return np.array(rows) if rows else np.zeros((0, 0))
