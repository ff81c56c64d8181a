"""The ranking of frames that may be chosen by a criterion, and the picks among those of the highest rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from alworkflows.selection.criteria import CRITERIA, Known
from alworkflows.selection.diversity import DIVERSITY, Shortlist
from alworkflows.settings import Criterion, Diversity, SelectionSettings

__all__ = ["Ranked", "rank"]


@dataclass(frozen=True)
class Ranked:
    """Frames in falling rank, and which ranks were picked.

    ``order`` (F,): indices by rank; ``scores`` (F,): in that order, None where nothing was asked; ``picked``: ranks, from 0, in
    the order of picking; ``size``: how many of the highest rank were picked among; ``criterion`` and ``diversity``: what did it.
    """

    order: np.ndarray
    scores: np.ndarray | None
    picked: list[int]
    size: int
    criterion: str
    diversity: Diversity

    def index(self, place: int) -> int:
        """Return the index of the pick at a place, from 0."""
        return int(self.order[self.picked[place]])

    def why(self, place: int, disagreement: float | None, window: tuple[float, float] | None) -> dict[str, Any]:
        """Return criterion, score, rank (from 1), rule of diversity of the pick at a place (from 0), and all as a sentence."""
        phrase = DIVERSITY[self.diversity].told.format(place=place + 1, total=len(self.picked))
        note = {"criterion": self.criterion, "score": None, "rank": None, "diversity": str(self.diversity)}
        if self.scores is None:
            return {**note, "reason": f"no ensemble yet, {phrase}"}
        at = self.picked[place]
        score = float(self.scores[at])
        parts = [CRITERIA[Criterion(self.criterion)].told.format(score=score)]
        if window is not None and disagreement is not None:
            limits = f"within [{window[0]:.3g}, {window[1]:.3g}]"
            if self.criterion == Criterion.DISAGREEMENT:
                parts = [f"{parts[0]} {limits}"]
            else:
                parts.append(f"disagreement {disagreement:.3g} eV/A {limits}")
        parts.append(f"rank {at + 1} of {len(self.order)}")
        parts.append(phrase if self.diversity is Diversity.NONE else f"{phrase} among the {self.size} of highest rank")
        return {**note, "score": score, "rank": at + 1, "reason": ", ".join(parts)}


def rank(known: Known, settings: SelectionSettings, budget: int) -> Ranked:
    """Rank frames, no two of which are the same, and pick the budget among ``pool`` times as many of the highest rank.

    Without an ensemble, a criterion that needs one ranks none, and the rule of diversity picks among all.
    """
    ranking, total = CRITERIA[settings.criterion], len(known.points)
    diversity = settings.diversity if ranking.spread else Diversity.NONE
    scores, order, size = None, np.arange(total), total
    criterion = str(Criterion.RANDOM) if diversity is Diversity.NONE else "diversity"
    if known.scores is not None or not ranking.needs_ensemble:
        scores = ranking.score(known)
        order = np.argsort(-scores, kind="stable")
        scores, size = scores[order], min(total, int(np.ceil(settings.pool * budget)))
        criterion = str(settings.criterion)
    picked = DIVERSITY[diversity].pick(Shortlist(known.points[order[:size]], known.known), budget)
    return Ranked(order, scores, picked, size, criterion, diversity)
