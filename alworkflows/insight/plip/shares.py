r"""Force shares: which part of a model makes the forces.

After Benoit et al., "Measuring transferability issues in machine-learning force fields: the example of gold-iron interactions
with linearized potentials", Fig. 7: the force of each group of terms, in absolute value, over the sum of those of all groups,

.. math:: s_g = \langle |F_{g,i\alpha}| / \sum_{g'} |F_{g',i\alpha}| \rangle_{i\alpha}

averaged over the components of all atoms that feel any force. Groups are families of radial functions, or body orders, of the
whole model and of each interaction apart. An interaction is the set of species that a term joins: O-O-O and O-O are ``O-O``, a
zinc atom with two oxygen neighbours is ``Zn-O``. The model is the committee's mean; a baseline is a group of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from alworkflows.descriptors.neighbours import kinds_of, neighbours
from alworkflows.descriptors.plip.blocks import pair_index
from alworkflows.descriptors.plip.radial import RadialTable
from alworkflows.errors import InputError
from alworkflows.insight.distances import lengths, pair_names

if TYPE_CHECKING:
    from alworkflows.descriptors.plip.descriptors import Term
    from alworkflows.models.linear.plip_terms import PlipTerms

__all__ = ["ALL", "KINDS", "Share", "force_shares"]

#: the interaction that holds all others
ALL = "all"
#: the group of a baseline, in every kind of grouping but by interaction
BASELINE = "baseline"
#: what a group may be
KINDS = ("body order", "family", "interaction")


@dataclass(frozen=True)
class Share:
    """Share of one group of terms in the forces of one interaction.

    ``kind``: one of :data:`KINDS`; ``share``: between 0 and 1, those of one interaction and kind add up to 1; ``force``: mean
    absolute force component of the group alone, eV/A; ``terms``: how many terms of the mean model it has.
    """

    interaction: str
    kind: str
    group: str
    share: float
    force: float
    terms: int


@dataclass(frozen=True)
class _Part:
    """Terms that no grouping tells apart: interaction, body order, family, number of terms."""

    interaction: str
    order: str
    family: str
    terms: int

    def group(self, kind: str) -> str:
        return {"body order": self.order, "family": self.family, "interaction": self.interaction}[kind]


def force_shares(committee: PlipTerms, frames: Sequence[Atoms], progress: Callable[[str], None] | None = None) -> list[Share]:
    """Return the shares of all groups, for all interactions together and for each.

    Parameters
    ----------
    frames
        On whose atoms the average is taken; labels are not needed.

    Raises
    ------
    InputError
        If there are no frames, or one holds a species that the model lacks.
    """
    if not frames:
        raise InputError("force shares: expected at least one frame, got none")
    parts, selector = _parts(committee)
    interactions = [ALL, *dict.fromkeys(part.interaction for part in parts)]
    tallies = [_Tally(parts, interaction, kind) for interaction in interactions for kind in KINDS]
    tallies = [tally for tally in tallies if tally.kind != "interaction" or tally.interaction == ALL]
    for number, atoms in enumerate(frames):
        forces = _forces(committee, atoms, selector)
        for tally in tallies:
            tally.add(forces)
        if progress and ((number + 1) % 50 == 0 or number + 1 == len(frames)):
            progress(f"force shares: {number + 1} of {len(frames)} frames")
    return [share for tally in tallies for share in tally.shares()]


class _Tally:
    """Running averages for one interaction and one kind of group."""

    def __init__(self, parts: Sequence[_Part], interaction: str, kind: str) -> None:
        self.interaction, self.kind = interaction, kind
        mine = [index for index, part in enumerate(parts) if interaction in (ALL, part.interaction)]
        groups = dict.fromkeys(parts[index].group(kind) for index in mine)
        self.groups = list(groups) if kind == "interaction" else sorted(groups, key=lambda group: (group == BASELINE, group))
        self.terms = [sum(parts[index].terms for index in mine if parts[index].group(kind) == group) for group in self.groups]
        self._matrix = np.zeros((len(parts), len(self.groups)))
        for index in mine:
            self._matrix[index, self.groups.index(parts[index].group(kind))] = 1.0
        self._ratios, self._forces = np.zeros(len(self.groups)), np.zeros(len(self.groups))
        self._felt = self._components = 0

    def add(self, forces: np.ndarray) -> None:
        """Add force components of each part, (3 N, parts)."""
        sizes = np.abs(forces @ self._matrix)
        total = sizes.sum(axis=1)
        # a component that is zero by symmetry, but for rounding, has no shares
        felt = total > 1e-9
        self._ratios += (sizes[felt] / total[felt, None]).sum(axis=0)
        self._forces += sizes.sum(axis=0)
        self._felt += int(felt.sum())
        self._components += len(sizes)

    def shares(self) -> list[Share]:
        ratios, forces = self._ratios / max(self._felt, 1), self._forces / max(self._components, 1)
        rows = zip(self.groups, ratios, forces, self.terms, strict=True)
        return [Share(self.interaction, self.kind, group, float(s), float(f), terms) for group, s, f, terms in rows]


def _parts(committee: PlipTerms) -> tuple[list[_Part], np.ndarray]:
    """Return the parts of the mean model, those of a baseline last, and its weights spread over the others (P, parts)."""
    weights, descriptors = committee.mean().weights[0], committee.descriptors
    keys: dict[tuple[str, str, str], list[int]] = {}
    for column in np.flatnonzero(weights).tolist():
        keys.setdefault(_describe(descriptors.terms[column], descriptors.species), []).append(column)
    order = sorted(keys, key=lambda key: (key[0].count("-"), [descriptors.species.index(s) for s in key[0].split("-")], key[1:]))
    selector = np.zeros((len(weights), len(order)))
    for index, key in enumerate(order):
        selector[keys[key], index] = weights[keys[key]]
    parts = [_Part(interaction, body, family, len(keys[interaction, body, family])) for interaction, body, family in order]
    if committee.fixed is not None:
        parts += [_Part(pair, BASELINE, BASELINE, 0) for pair in pair_names(committee.species)]
    return parts, selector


def _describe(term: Term, species: Sequence[str]) -> tuple[str, str, str]:
    """Return interaction, body order and family of a column."""
    distinct = sorted(set(term.species), key=list(species).index)
    return "-".join(distinct if len(distinct) > 1 else distinct * 2), term.body, term.function.family


def _forces(committee: PlipTerms, atoms: Atoms, selector: np.ndarray) -> np.ndarray:
    """Return the force components of each part, (3 N, parts) in eV/A."""
    forces: np.ndarray = committee.descriptors.design(atoms, stress=False).forces @ selector
    fixed = committee.fixed
    return forces if fixed is None else np.hstack([forces, _baseline_forces(fixed, atoms, committee.species)])


def _baseline_forces(fixed: RadialTable, atoms: Atoms, species: tuple[str, ...]) -> np.ndarray:
    """Return the force components of a table of pair energies, pair of species by pair of species, (3 N, pairs) in eV/A."""
    kinds = kinds_of(atoms, species)
    pairs = neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, fixed.cutoff)
    length, centres = lengths(pairs), pairs.centres
    which = pair_index(len(species))[kinds[centres], kinds[pairs.second]]
    slope = fixed(length, derivative=1)[np.arange(len(length)), which]
    forces = np.zeros((len(atoms), fixed.size, 3))
    np.add.at(forces, (centres, which), (slope / length)[:, None] * pairs.vectors)
    return forces.transpose(0, 2, 1).reshape(3 * len(atoms), fixed.size)
