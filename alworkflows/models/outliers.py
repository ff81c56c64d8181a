r"""Labels that contradict those of frames like them: the rule.

A frame is compared with those nearest to it by fingerprint, whose median tells what a good label would show: a hot melt has
larger residuals than a cold crystal, and that is no fault of its labels. With the residual r of a frame, the size f of its
forces and med the median over its neighbours,

.. math:: q = \frac{r + r_0}{\mathrm{med}(r) + r_0}, \qquad
   u = \frac{r}{\sqrt{f^2 + \mathrm{med}(f)^2 + f_0^2}}, \qquad p = \frac{u + u_0}{\mathrm{med}(u) + u_0}

where r_0 and u_0 are a tenth of the median over all frames, f_0 a fiftieth of the RMS force of all but the tenth with the
largest. Forces are off if both q and p are large, so that neither a frame with larger forces than its neighbours nor one of a
crystal without forces is taken for wrong, and u, the residual as a share of the forces, is not small. They are asked of the RMS
over a frame and of its worst atom. Neighbours whose forces any model gets right, since symmetry makes them zero, have no say.

Energies and stresses are off by what their residual differs from the median over the neighbours, against the same for these, and
against q where that is larger: a frame that is hard for the members in everything has no wrong energy.

A frame whose neighbours are much farther than theirs are from them is *alone*: nothing like it says what is right. So is one of
which larger forces are predicted than any neighbour has, and one on which the members themselves are as far apart as the label
is from them. Such frames are named apart, and never left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from alworkflows.models.likeness import Likeness
from alworkflows.models.residuals import Apart, Place, Residuals

__all__ = ["FEWEST", "Finding", "Off", "Scores", "find", "is_serious", "score", "suspects"]

#: frames below which none can be said to be unlike the others
FEWEST = 10
#: q and p from which forces are named, and suspected in the search; u likewise
FORCES, FORCES_SUSPECT = 5.0, 2.5
SHARE, SHARE_SUSPECT = 0.3, 0.25
#: share of the forces of all frames that is small
SMALL = 0.02
#: of a small force, below which a prediction is zero by symmetry
MUTE = 1e-3
#: q from which forces are suspected whatever p: labels this wrong spoil the fit, and with it p of all frames
ABSURD = 30.0
#: the same of energies and stresses; and what they are off by at least: eV an atom, eV/A^3
OTHERS, OTHERS_SUSPECT = 8.0, 5.0
LEAST = {"energy": 2e-3, "stress": 2e-3}
#: net forces: over what their neighbours have, as a share of the force, and at least (eV/A)
NET, NET_SHARE, NET_LEAST = 10.0, 0.2, 0.05
#: of neighbours' distances, from which a frame is alone; of the members' disagreement, what a label has to be off by
ALONE, APART = 2.5, 4.0
#: of the largest force of the neighbours, beyond which a prediction tells of a frame that is not like them
REACH = 2.0
#: a label that is farther off than this times what it was where it was fitted to is one that a fit can describe
MADE_GOOD = 1.5
#: times what makes a suspect, from which the search is begun at all
SERIOUS = 2.0


@dataclass(frozen=True)
class Off:
    """What of a label is off.

    ``what``: ``forces``, ``energy``, ``stress`` or ``net force``; ``amount``: by how much, in eV/A (RMS of components, or the net
    force over the root of the number of atoms), eV an atom or eV/A^3; ``alike``: the same of frames like it; ``beyond``: how many
    times farther than they; ``strength``: that over what it takes to be named.
    """

    what: str
    amount: float
    alike: float
    beyond: float
    strength: float


@dataclass(frozen=True)
class Finding:
    """A frame whose label is off: its number and place, what is off (the worst first), and how it stands to others.

    ``seen``: whether all members were fitted to it; ``alone``: how much farther its neighbours are than usual; ``nearest``: id of
    the frame most like it; ``contradicts``: whether frames like it, and members that agree, say otherwise.
    """

    number: int
    place: Place
    off: tuple[Off, ...]
    seen: bool
    alone: float
    nearest: str
    contradicts: bool

    def strength(self, quantities: Collection[str]) -> float:
        """Return how far beyond what it takes to be named it is in any of some quantities; 0: in none."""
        return max((item.strength for item in self.off if item.what in quantities), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        off = [{"what": item.what, "amount": item.amount, "alike": item.alike, "beyond": item.beyond} for item in self.off]
        return {
            "number": self.number,
            **asdict(self.place),
            "off": off,
            "held_out": not self.seen,
            "alone": self.alone,
            "nearest": self.nearest,
        }


@dataclass(frozen=True)
class Scores:
    """Of F frames by quantity: amount, the same of their neighbours, how far beyond; and where they are named or suspected."""

    amount: dict[str, np.ndarray]
    alike: dict[str, np.ndarray]
    beyond: dict[str, np.ndarray]
    strength: dict[str, np.ndarray]
    suspicion: dict[str, np.ndarray]

    @property
    def named(self) -> np.ndarray:
        """Numbers of the frames that are far enough beyond those like them in anything."""
        return np.flatnonzero(np.max(list(self.strength.values()), axis=0) >= 1.0)


def score(table: Residuals, likeness: Likeness) -> Scores:
    """Return how far every frame is from what those like it show."""
    amount: dict[str, np.ndarray] = {}
    alike: dict[str, np.ndarray] = {}
    beyond: dict[str, np.ndarray] = {}
    strength: dict[str, np.ndarray] = {}
    size, voices = table.column("size"), _voices(table)
    suspicion: dict[str, np.ndarray] = {}
    amount["forces"] = table.column("force")
    by_force = [
        _forces(table.column(residual), table.column(label), likeness, voices)
        for residual, label in (("force", "size"), ("largest", "largest_size"))
    ]
    worst = np.argmax([item[0] for item in by_force], axis=0)
    strength["forces"], beyond["forces"], suspicion["forces"] = (
        np.choose(worst, [item[part] for item in by_force]) for part in range(3)
    )
    alike["forces"] = likeness.typical(amount["forces"], voices)
    amount["net force"] = table.column("net")
    alike["net force"] = likeness.typical(amount["net force"])
    beyond["net force"] = amount["net force"] / (alike["net force"] + 0.1 * NET_LEAST)
    fair = amount["net force"] > np.maximum(NET_SHARE * np.hypot(size, likeness.typical(size)), NET_LEAST)
    strength["net force"] = np.where(fair, beyond["net force"] / NET, 0.0)
    hard = np.maximum(np.nan_to_num(_against(amount["forces"], likeness, voices), nan=1.0), 1.0)
    for name in ("energy", "stress"):
        off = _offsets(table.column(name).reshape(len(table), -1), likeness)
        amount[name], alike[name] = off, likeness.typical(off)
        floor = _median(off)
        beyond[name] = (off + floor) / np.where(alike[name] + floor > 0, alike[name] + floor, 1.0)
        against = np.where(off > LEAST[name], beyond[name] / hard, 0.0)
        strength[name], suspicion[name] = against / OTHERS, against / OTHERS_SUSPECT
    suspicion["net force"] = strength["net force"]
    for values in (*beyond.values(), *strength.values(), *suspicion.values()):
        values[~np.isfinite(values)] = 0.0
    return Scores(amount, alike, beyond, strength, suspicion)


def _voices(table: Residuals) -> np.ndarray:
    """Return which frames (F,) have forces that are not zero by symmetry, whatever the model."""
    return np.asarray(table.column("predicted") > MUTE * _small(table.column("largest_size")))


def _forces(
    residual: np.ndarray, size: np.ndarray, likeness: Likeness, voices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how far beyond what it takes to be named, how far beyond frames alike, and to be suspected, each (F,)."""
    usual = likeness.typical(size)
    share = residual / np.sqrt(size**2 + usual**2 + _small(size) ** 2)
    ratio, relative = _against(residual, likeness, voices), _against(share, likeness, voices)
    both = np.minimum(ratio, relative)
    named = np.where(share >= SHARE, both / FORCES, 0.0)
    suspected = np.maximum(np.where(share >= SHARE_SUSPECT, both / FORCES_SUSPECT, 0.0), ratio / ABSURD)
    return named, both, suspected


def _small(size: np.ndarray) -> float:
    """Return a force (eV/A) that is small in these frames: a share of the RMS of all but the tenth with the largest."""
    some = np.sort(size[np.isfinite(size)])[: max(1, int(0.9 * len(size)))]
    return SMALL * float(np.sqrt((some**2).mean())) + 1e-9 if len(some) else 1.0


def _against(values: np.ndarray, likeness: Likeness, voices: np.ndarray) -> np.ndarray:
    """Return values over those of frames alike; a tenth of the median is no difference."""
    floor = 0.1 * _median(values[voices])
    alike = likeness.typical(values, voices) + floor
    return np.asarray((values + floor) / np.where(alike > 0, alike, 1.0))


def _offsets(residual: np.ndarray, likeness: Likeness) -> np.ndarray:
    """Return how far residuals (F, C) are from the median of frames alike: RMS over components, (F,)."""
    return np.asarray(np.sqrt(((residual - likeness.typical(residual)) ** 2).mean(axis=1)))


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else 0.0


def _alone(table: Residuals, likeness: Likeness) -> np.ndarray:
    """Return which frames (F,) are like no others: by their distance, or by forces that none of those nearest has."""
    largest = table.column("largest_size")
    # of one neighbour the label may be wrong
    reached = np.sort(np.nan_to_num(largest[likeness.neighbours]), axis=1)[:, -2:][:, 0]
    reaches = table.column("predicted") > REACH * np.maximum(reached, 0.1 * _small(largest))
    return np.asarray((likeness.alone >= ALONE) | (reaches & np.isfinite(largest)))


def is_serious(scores: Scores, quantities: Collection[str], alone: np.ndarray) -> bool:
    """Return whether any training frame is so far off that it may have spoiled the fit; none that is ``alone`` (F,)."""
    names = [name for name in scores.suspicion if name in quantities]
    suspected, named = (
        np.max([part[name] for name in names], axis=0)[: len(alone)][~alone] for part in (scores.suspicion, scores.strength)
    )
    return bool((suspected >= SERIOUS).any() or (named >= 1.0).any())


def suspects(scores: Scores, quantities: Collection[str], alone: np.ndarray, most: int) -> list[int]:
    """Return which training frames a fit to ``quantities`` is tried without; ``alone`` (F,): of each of them.

    That is the worst, at most ``most``, none that is alone.
    """
    suspicion = np.max([scores.suspicion[name] for name in scores.suspicion if name in quantities], axis=0)[: len(alone)]
    worst = np.argsort(-suspicion, kind="stable")
    chosen = [int(number) for number in worst if suspicion[number] >= 1.0 and not alone[number]]
    return sorted(chosen[:most])


def find(table: Residuals, scores: Scores, first: Scores, likeness: Likeness, apart: Mapping[int, Apart]) -> list[Finding]:
    """Return the frames whose labels are off, the worst first.

    Parameters
    ----------
    scores, first
        By the last fit, and by the first, to all frames: what that could make good is not wrong.
    apart
        How far the members are apart on each of ``scores.named``.
    """
    alone = _alone(table, likeness)
    found = []
    for number in scores.named.tolist():
        off = [
            Off(name, *(float(part[name][number]) for part in (scores.amount, scores.alike, scores.beyond, scores.strength)))
            for name in scores.strength
            if scores.strength[name][number] >= 1.0
        ]
        off.sort(key=lambda item: -item.strength)
        forces, energy = apart[number]
        known = {"forces": APART * forces, "energy": APART * energy}
        sure = any(
            item.amount > known.get(item.what, 0.0) and item.amount < MADE_GOOD * first.amount[item.what][number] for item in off
        )
        found.append(
            Finding(
                number,
                table.places[number],
                tuple(off),
                bool(table.seen[number]),
                float(likeness.alone[number]),
                table.places[int(likeness.neighbours[number, 0])].id,
                sure and not alone[number],
            )
        )
    return sorted(found, key=lambda finding: -finding.off[0].strength)
