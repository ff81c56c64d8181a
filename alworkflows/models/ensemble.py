"""``Ensemble``: members of any classes, their mean, and how far they are apart."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.errors import CommitteeError, InputError
from alworkflows.models import model_files
from alworkflows.models.calculator import EnsembleCalculator
from alworkflows.models.capabilities import Capability, Joint, require
from alworkflows.models.contract import Committee, Model, OneAfterAnother
from alworkflows.models.evaluation import SKIN, EnsemblePrediction, Evaluator, OneByOne
from alworkflows.models.predictions import Evaluations, Predictions, in_parts

__all__ = ["Ensemble", "Group"]


@dataclass(frozen=True)
class Group:
    """Members that are evaluated together, by their numbers in the ensemble."""

    committee: Committee
    places: tuple[int, ...]

    def __str__(self) -> str:
        return f"{len(self.places)} of {self.committee.make}"


class Ensemble:
    """Members whose mean is the potential, and whose deviation from it says how far to trust it.

    Parameters
    ----------
    members
        At least two, of any classes, for the same species. Those that can be evaluated together are.
    report
        What is known of the fit, as plain JSON types.
    """

    def __init__(self, members: Sequence[Model], report: dict[str, Any] | None = None) -> None:
        if len(members) < 2:
            raise CommitteeError(f"an ensemble needs at least two members to disagree, got {len(members)}")
        self.members, self.report = list(members), dict(report or {})
        self.species = members[0].species
        for name, member in zip(self.names, members, strict=True):
            if set(member.species) != set(self.species):
                raise InputError(
                    f"the members of an ensemble must be for the same species: {self.names[0]} is for "
                    f"{', '.join(self.species)}, {name} for {', '.join(member.species)}"
                )

    @property
    def names(self) -> list[str]:
        """A name for each member: its make, and a number where there are several of it."""
        makes = [member.make for member in self.members]
        total, seen = Counter(makes), Counter[str]()
        names = []
        for make in makes:
            seen[make] += 1
            names.append(f"{make} {seen[make]}" if total[make] > 1 else make)
        return names

    @cached_property
    def groups(self) -> list[Group]:
        """The members as groups, each evaluated together."""
        keys = [(type(m), m.joint_key) if isinstance(m, Joint) else number for number, m in enumerate(self.members)]
        groups = []
        for key in dict.fromkeys(keys):
            places = [number for number, other in enumerate(keys) if other == key]
            first = self.members[places[0]]
            if isinstance(first, Joint):
                groups.append(Group(first.together([self.members[place] for place in places]), tuple(places)))
            else:
                groups.append(Group(OneAfterAnother(first), tuple(places)))
        return groups

    def having(self, capability: type[Capability], what: str) -> tuple[Capability, list[Group]]:
        """Return the largest group that has a capability, and the groups that are left out.

        Raises
        ------
        InputError
            If no group has it; ``what`` is what was to be done.
        """
        able = [group for group in self.groups if isinstance(group.committee, capability)]
        largest = max(able, key=lambda group: len(group.places), default=self.groups[0])
        return require(largest.committee, capability, what), [group for group in self.groups if group is not largest]

    def predict(self, frames: Sequence[Atoms]) -> list[EnsemblePrediction]:
        """Return mean and deviation for each frame.

        Raises
        ------
        InputError
            If a frame has no atoms, a species the ensemble was not made for, or positions that are not finite.
        """
        return [prediction for part in self.predict_parts(frames) for prediction in part.each()]

    def predict_parts(self, frames: Sequence[Atoms]) -> Iterator[Predictions]:
        """Yield mean and deviation of all frames in order, of some at a time, as arrays; raises as :meth:`predict`.

        Cheaper than :meth:`predict` where frames are many and small, and no more than one part needs to be in memory.
        """
        for part in in_parts(frames):
            yield Predictions.of(self._evaluate(part), part)

    def _evaluate(self, frames: Sequence[Atoms]) -> Evaluations:
        parts = [group.committee.evaluate_each(frames) for group in self.groups]
        if len(parts) == 1:
            return parts[0]
        return Evaluations.together(parts, _inverse([place for group in self.groups for place in group.places]))

    def evaluator(self, skin: float = SKIN) -> Evaluator:
        """Return the members as they follow one structure through dynamics."""
        parts = [group.committee.evaluator(skin) for group in self.groups]
        if len(parts) == 1:
            return parts[0]
        order = [place for group in self.groups for place in group.places]
        return OneByOne(parts, [len(group.places) for group in self.groups], _inverse(order))

    def calculator(self, skin: float = SKIN) -> EnsembleCalculator:
        """Return an ASE calculator of the mean, made for dynamics."""
        return EnsembleCalculator(self.evaluator(skin))

    @property
    def reference_disagreement(self) -> float | None:
        """Median disagreement on frames that members left out, eV/A."""
        return self.report.get("reference_disagreement")

    def summary(self) -> dict[str, Any]:
        """Return what it is made of, as plain JSON types.

        Lists have an entry for each member, ``terms`` for those that have any; what ``microseconds_per_atom`` rest on, each
        member's own summary says.
        """
        each = [member.summary() for member in self.members]
        terms = [member["terms"] for member in each if "terms" in member]
        return {
            "format": model_files.VERSION,
            "species": list(self.species),
            "members": len(self.members),
            "names": self.names,
            "classes": [member["class"] for member in each],
            "parameters": [member["parameters"] for member in each],
            "microseconds_per_atom": [member["cost"]["microseconds_per_atom"] for member in each],
            **({"terms": terms} if terms else {}),
            "reference_disagreement": self.reference_disagreement,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.npz``: arrays and a JSON header, no pickle."""
        model_files.save(path, self.members, self.report)

    @classmethod
    def load(cls, path: str | os.PathLike[str], to_run: bool = True) -> Ensemble:
        """Read a file that :meth:`save` wrote, of this version or an earlier one.

        Parameters
        ----------
        to_run
            Whether what its members run on must be installed.

        Raises
        ------
        InputError
            If the file is missing, corrupt, not ours, of a newer version, or of a class that is not known.
        MissingExtraError
            If a member runs on a package that is not installed.
        """
        members, report = model_files.load(path)
        if to_run:
            for member in members:
                member.check_installed()
        return cls(members, report)


def _inverse(order: Sequence[int]) -> np.ndarray:
    """Return where in ``order`` each number stands."""
    return np.argsort(order)
