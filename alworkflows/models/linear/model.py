"""A potential that is linear in descriptors."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from ase import Atoms

from alworkflows.descriptors import Descriptors, Foldable, build
from alworkflows.descriptors.plip import Plip
from alworkflows.errors import InputError
from alworkflows.models.contract import Model
from alworkflows.models.evaluation import SKIN, Evaluation, Evaluator
from alworkflows.models.linear.baseline import Baseline
from alworkflows.models.linear.committee import FoldedCommittee, LinearCommittee
from alworkflows.models.linear.plip import PlipBaseline, PlipCommittee
from alworkflows.settings import DescriptorSettings, parse
from alworkflows.settings.model import BaselineSettings

__all__ = ["LinearModel", "baseline_of"]

#: microseconds an atom, in dynamics of zinc oxide with a cutoff of 6 A on one core: folded models without terms, and for each;
#: on a set that is not folded the same, for each descriptor
FOLDED, FOLDED_TERM, PLAIN, PLAIN_TERM = 1.5, 0.045, 50.0, 0.7


@dataclass(frozen=True)
class LinearModel(Model):
    """Energy = sum over atoms of E0[species] + weights . descriptors, and the baseline if there is one.

    ``weights`` (P,) in eV per descriptor; ``reference_energies`` (S,): E0 of each species, eV an atom.
    """

    class_name: ClassVar[str] = "linear"

    settings: DescriptorSettings
    species: tuple[str, ...]
    weights: np.ndarray
    reference_energies: np.ndarray
    baseline: BaselineSettings | None = None

    @property
    def make(self) -> str:
        """The class and the name of the descriptor set."""
        return f"linear ({self.settings.name})"

    @property
    def support(self) -> np.ndarray:
        """Indices of the descriptors that count."""
        return np.flatnonzero(self.weights)

    @cached_property
    def descriptors(self) -> Descriptors:
        """The descriptor set."""
        return build(self.settings, self.species)

    @property
    def joint_key(self) -> Hashable:
        """Models on the same descriptors, with the same baseline and species, are evaluated together."""
        return self.settings, self.species, self.baseline

    @classmethod
    def together(cls, models: Sequence[LinearModel]) -> LinearCommittee:
        """Return models of one key as a committee."""
        first = models[0]
        descriptors = first.descriptors
        weights, energies = (np.array([getattr(m, name) for m in models]) for name in ("weights", "reference_energies"))
        kind: type[LinearCommittee] = LinearCommittee
        if isinstance(descriptors, Plip):
            kind = PlipCommittee
        elif isinstance(descriptors, Foldable):
            kind = FoldedCommittee
        return kind(descriptors, weights, energies, baseline_of(first.baseline, descriptors), first.make)

    @cached_property
    def as_committee(self) -> LinearCommittee:
        """The model as a committee of one."""
        return self.together([self])

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Return what it says of a frame."""
        return self.as_committee.evaluate(atoms)

    def evaluator(self, skin: float = SKIN) -> Evaluator:
        """Return what follows one structure through dynamics."""
        return self.as_committee.evaluator(skin)

    def pack(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return descriptors and baseline as settings, weights and reference energies as arrays."""
        header = {
            "descriptors": self.settings.model_dump(mode="json"),
            "baseline": self.baseline.model_dump(mode="json") if self.baseline else None,
        }
        return header, {"weights": self.weights, "reference_energies": self.reference_energies}

    @classmethod
    def unpack(
        cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], species: tuple[str, ...], where: str
    ) -> LinearModel:
        """Return the model that was packed."""
        settings = parse(DescriptorSettings, header["descriptors"], f"{where}: descriptors")
        stored = header["baseline"]
        baseline = None if stored is None else parse(BaselineSettings, stored, f"{where}: baseline")
        if baseline is not None and baseline.outer > settings.cutoff:
            within = f"within the cutoff of {settings.cutoff:g} A"
            raise InputError(f"{where}: baseline: expected outer {within}, got {baseline.outer:g} A")
        try:
            descriptors = build(settings, species)
            baseline_of(baseline, descriptors)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        expected = {"weights": (descriptors.size,), "reference_energies": (len(species),)}
        for name, shape in expected.items():
            if name not in arrays or arrays[name].shape != shape:
                actual = arrays[name].shape if name in arrays else "none"
                raise InputError(f"{where}: expected {name} of shape {shape}, got {actual}")
            if not np.isfinite(arrays[name]).all():
                raise InputError(f"{where}: expected finite {name.replace('_', ' ')}, got NaN or infinity")
        return cls(settings, species, arrays["weights"], arrays["reference_energies"], baseline)

    def summary(self) -> dict[str, Any]:
        """Return what it is; parameters are the weights that are not zero, and the reference energies."""
        terms = len(self.support)
        folded = isinstance(self.descriptors, Foldable)
        cost = FOLDED + FOLDED_TERM * terms if folded else PLAIN + PLAIN_TERM * self.descriptors.size
        return {
            "class": self.class_name,
            "make": self.make,
            "descriptors": self.settings.name,
            "baseline": self.baseline.name if self.baseline else None,
            "size": len(self.weights),
            "parameters": terms + len(self.species),
            "terms": terms,
            "cost": {
                "microseconds_per_atom": round(cost, 2),
                "basis": "estimated from the number of terms, for sixty neighbours within the cutoff",
            },
        }


def baseline_of(settings: BaselineSettings | None, descriptors: Descriptors) -> Baseline | None:
    """Return the baseline that settings describe, in the tables of the descriptors where they take it."""
    if settings is None:
        return None
    return PlipBaseline(settings, descriptors) if isinstance(descriptors, Plip) else Baseline(settings, descriptors)
