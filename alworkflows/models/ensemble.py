"""``Ensemble``: a committee of models, its mean, its disagreement, and its file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from alworkflows.descriptors import build
from alworkflows.descriptors.neighbours import kinds_of
from alworkflows.errors import CommitteeError, InputError
from alworkflows.models.linear.baseline import Baseline
from alworkflows.models.linear.model import Committee, LinearModel
from alworkflows.settings import DescriptorSettings, parse
from alworkflows.settings.model import BaselineSettings

if TYPE_CHECKING:
    from alworkflows.models.calculator import EnsembleCalculator

__all__ = ["Ensemble", "Prediction"]

FORMAT, VERSION = "alworkflows-ensemble", 2


@dataclass(frozen=True)
class Prediction:
    """Mean energy (eV), forces (N, 3) (eV/A) and stress (6,) (eV/A^3) of the members, and how far they are apart.

    ``deviation`` (N,): sqrt(mean over members of |F_m - mean F|^2) of each atom, eV/A; ``members``: each one's forces (M, N, 3).
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray
    deviation: np.ndarray
    members: np.ndarray


class Ensemble:
    """Members fitted on different shares of the same data."""

    def __init__(self, members: Sequence[LinearModel], report: dict[str, Any] | None = None) -> None:
        if len(members) < 2:
            raise CommitteeError(f"an ensemble needs at least two members to disagree, got {len(members)}")
        first = members[0]
        if any(
            (member.settings, member.species, member.baseline) != (first.settings, first.species, first.baseline)
            for member in members
        ):
            raise InputError("the members of a linear ensemble must share descriptors, baseline and species")
        self.members, self.report = list(members), dict(report or {})
        self.settings, self.species, self.baseline = first.settings, first.species, first.baseline

    @cached_property
    def committee(self) -> Committee:
        """All members as one evaluation."""
        descriptors = build(self.settings, self.species)
        return Committee(
            descriptors,
            np.array([member.weights for member in self.members]),
            np.array([member.levels for member in self.members]),
            Baseline(self.baseline, descriptors) if self.baseline else None,
        )

    def predict(self, frames: Sequence[Atoms]) -> list[Prediction]:
        """Return mean and deviation for each frame.

        Raises
        ------
        InputError
            If a frame holds a species the ensemble was not made for, or positions that are not finite.
        """
        found = []
        for atoms in frames:
            pairs = self.committee.descriptors.neighbours(atoms)
            positions = np.ascontiguousarray(atoms.positions, dtype=float)
            energies, forces, virials = self.committee.evaluate(
                kinds_of(atoms, self.species), positions, pairs.without(positions), np.eye(3)
            )
            mean = forces.mean(axis=0)
            volume = atoms.get_volume() if atoms.pbc.all() else np.inf
            found.append(
                Prediction(float(energies.sum(axis=1).mean()), mean, virials.mean(axis=0) / volume, deviation(forces), forces)
            )
        return found

    def calculator(self) -> EnsembleCalculator:
        """Return an ASE calculator of the mean, made for dynamics."""
        from alworkflows.models.calculator import EnsembleCalculator

        return EnsembleCalculator(self)

    @property
    def reference_disagreement(self) -> float | None:
        """Median disagreement on frames that members left out, eV/A."""
        return self.report.get("reference_disagreement")

    def summary(self) -> dict[str, Any]:
        """Return what it is made of, as plain JSON types."""
        return {
            "format": VERSION,
            "model": "linear",
            "descriptors": self.settings.name,
            "baseline": self.baseline.name if self.baseline else None,
            "size": len(self.members[0].weights),
            "species": list(self.species),
            "members": len(self.members),
            "terms": [len(member.support) for member in self.members],
            "reference_disagreement": self.reference_disagreement,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.npz``: arrays and a JSON header, no pickle."""
        header = {
            "format": FORMAT,
            "version": VERSION,
            "class": "linear",
            "descriptors": self.settings.model_dump(mode="json"),
            "baseline": self.baseline.model_dump(mode="json") if self.baseline else None,
            "species": list(self.species),
            "members": len(self.members),
            "report": self.report,
        }
        with open(path, "wb") as handle:
            np.savez(
                handle,
                header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
                weights=np.array([member.weights for member in self.members]),
                levels=np.array([member.levels for member in self.members]),
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Ensemble:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        InputError
            If the file is missing, corrupt, not ours, or of a newer version.
        """
        try:
            with np.load(Path(path), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            header = json.loads(arrays["header"].tobytes().decode())
            if header["format"] != FORMAT:
                raise KeyError("format")
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except Exception as error:  # whatever a foreign or truncated zip raises, the user needs the same sentence
            raise InputError(f"{path}: not a model file of alworkflows ({type(error).__name__} on reading it)") from error
        if header["version"] != VERSION:
            raise InputError(f"{path}: model format version {header['version']}, but this program knows version {VERSION}")
        settings = parse(DescriptorSettings, header["descriptors"], f"{path}: descriptors")
        baseline = header["baseline"] and parse(BaselineSettings, header["baseline"], f"{path}: baseline")
        species = tuple(header["species"])
        size = build(settings, species).size
        weights, levels = arrays["weights"], arrays["levels"]
        if weights.shape != (header["members"], size) or levels.shape != (header["members"], len(species)):
            raise InputError(f"{path}: expected weights of shape {(header['members'], size)}, got {weights.shape}")
        if not (np.isfinite(weights).all() and np.isfinite(levels).all()):
            raise InputError(f"{path}: expected finite weights, got NaN or infinity")
        members = [LinearModel(settings, species, w, e, baseline) for w, e in zip(weights, levels, strict=True)]
        return cls(members, header["report"])


def deviation(forces: np.ndarray) -> np.ndarray:
    """Return sqrt(mean over members of |F_m - mean F|^2) for forces (M, N, 3), (N,) in eV/A."""
    return np.sqrt(((forces - forces.mean(axis=0)) ** 2).sum(axis=2).mean(axis=0))
