"""Energies of the species: given, or such that reference frames are met."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from alworkflows.descriptors import Descriptors
from alworkflows.errors import InputError, unknown
from alworkflows.frames import check_labelled, labels
from alworkflows.models.linear.baseline import Baseline
from alworkflows.settings import FitSettings

__all__ = ["check_reference_energies", "energies_of_references"]


def check_reference_energies(settings: FitSettings, species: Sequence[str], references: Sequence[Atoms]) -> None:
    """Check that energies of the species can follow from what is given.

    Raises
    ------
    InputError
        If fixed reference energies lack a species or name another, or references do not determine every one, or both are given.
    """
    fixed = settings.fixed_energies
    if fixed is not None:
        for symbol in fixed:
            if symbol not in species:
                raise unknown("species in reference_energies", symbol, species)
        lacking = [symbol for symbol in species if symbol not in fixed]
        if lacking:
            raise InputError(
                f"reference_energies: expected an energy for each of {', '.join(species)}; missing: {', '.join(lacking)}"
            )
        if references:
            raise InputError("expected fixed reference energies or reference frames, got both")
    if references:
        check_labelled(references, ("energy",), "reference frames")
        counts = _counts(references, species)
        if np.linalg.matrix_rank(counts) < len(species):
            formulas = ", ".join(frame.get_chemical_formula() for frame in references[:6])
            raise InputError(
                f"reference frames: {len(references)} frames ({formulas}) "
                f"do not determine the energy of each of {', '.join(species)}: expected, for example, a pure phase of each"
            )


def energies_of_references(
    references: Sequence[Atoms], descriptors: Descriptors, weights: np.ndarray, baseline: Baseline | None = None
) -> np.ndarray:
    """Return energies of the species (S,), eV, so that the energies per atom of reference frames are met best.

    With as many references as species they are met exactly: the model then has their cohesive energies (Benoit et al.,
    "Measuring transferability issues in machine-learning force fields", 2020).
    """
    counts = _counts(references, descriptors.species)
    atoms = counts.sum(axis=1)
    lacking = []
    for frame in references:
        energy = labels(frame).energy
        assert energy is not None, "checked before"
        base = float(baseline.evaluate(frame).energy[0]) if baseline else 0.0
        lacking.append(energy - base - float(descriptors.design(frame, stress=False).energy @ weights))
    return np.linalg.lstsq(counts / atoms[:, None], np.array(lacking) / atoms, rcond=None)[0]


def _counts(frames: Sequence[Atoms], species: Sequence[str]) -> np.ndarray:
    return np.array([[frame.get_chemical_symbols().count(symbol) for symbol in species] for frame in frames], dtype=float)
