"""The model file of the LAMMPS pair style: folded models as text, read by ``plugin/plip.c``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alworkflows.atomic import replacing
from alworkflows.descriptors.plip.flat import DEGREE, FlatModels

__all__ = ["write_model"]

FORMAT, VERSION = "alworkflows-plip", 3


def write_model(path: Path, flat: FlatModels, species: Sequence[str], energies: np.ndarray) -> None:
    """Write one folded model; reference ``energies`` (S,) in eV an atom. Numbers keep all their digits."""
    if flat.models != 1:
        raise ValueError(f"expected one model, got {flat.models}")
    arrays = {
        "reference_energies": energies,
        "range": np.array([flat.cutoff, flat.inner, flat.outer]),
        "size": np.array([flat.lmax, flat.bins, DEGREE + 1, flat.linear, flat.angular, flat.most]),
        **{name: values for name, values in flat.arrays().items() if isinstance(values, np.ndarray)},
    }
    with replacing(path) as part, part.open("w") as handle:
        handle.write(f"{FORMAT} {VERSION}\nspecies {len(species)}\n{' '.join(species)}\n")
        for name, values in arrays.items():
            flattened = np.asarray(values).ravel()
            handle.write(f"{name} {flattened.size}\n")
            for start in range(0, flattened.size, 8):
                handle.write(" ".join(repr(value) for value in flattened[start : start + 8].tolist()) + "\n")
