"""Training frames looked at after a fit: whose labels contradict those of frames like them, found robustly, and what is done.

Bad labels spoil the very fit that they are judged by: then good frames, too, have large residuals. So where anything is suspected
the members that can be are fitted again without the suspects, until these no longer change; what is named is what a fit without
it contradicts. Where nothing is suspected this costs one prediction for each frame, by members that did not see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms

from alworkflows.deadline import TimeIsUp
from alworkflows.models.batches import Batches
from alworkflows.models.contract import Job, Reweighting, Trainer
from alworkflows.models.likeness import Likeness
from alworkflows.models.outliers import ALONE, FEWEST, Finding, Scores, find, is_serious, score, suspects
from alworkflows.models.residuals import Residuals, Witnesses
from alworkflows.settings import LinearSettings, OutlierRule

__all__ = ["MOST", "Scrutiny", "scrutinise"]

#: share of the frames up to which some are left out or count less; more, and the data are broken
MOST = 0.1
#: share of the frames that the search may do without; rounds in which suspects settle, and in which what is named does
TRIED, SETTLING, CONFIRMING = 0.25, 3, 2
#: weights that count less fall with the square of how far beyond a frame is, down to this
LEAST = 1e-6


@dataclass
class Scrutiny:
    """What a look at the training frames, and at test frames, brought.

    ``trainers``: those that the ensemble's members are of; ``findings`` and ``tests``: frames whose labels are off, the worst
    first; ``looked_at``: numbers of training and test frames; ``refits``: fits that the search took; ``rules``: of each trainer;
    ``fitted``: what of a label any of them is fitted to;
    ``weights``: of frames that do not count as they came, by number; ``fit_without``: force error (eV/A) on the test frames that
    are not off, of the fit without any training frame that is; ``skipped``: why nothing was looked at.
    """

    trainers: list[Trainer]
    findings: list[Finding] = field(default_factory=list)
    tests: list[Finding] = field(default_factory=list)
    looked_at: tuple[int, int] = (0, 0)
    refits: int = 0
    rules: list[OutlierRule] = field(default_factory=list)
    fitted: list[str] = field(default_factory=list)
    weights: dict[int, float] = field(default_factory=dict)
    fit_without: float | None = None
    skipped: str | None = None

    @property
    def contradicted(self) -> list[Finding]:
        """The training frames whose labels contradict those of frames like them."""
        return [finding for finding in self.findings if finding.contradicts]

    @property
    def is_broken(self) -> bool:
        """Whether more frames are off than may be left out."""
        return len(self.contradicted) > MOST * self.looked_at[0]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types: the same for the same data.

        ``looked_at`` and ``tests_looked_at``: numbers of frames; ``rules`` of the groups; ``fitted``: what any is fitted to;
        ``count`` of ``frames``: training frames that those like them contradict; ``alone``: those that are off, but nothing says
        so for sure; ``tests``: test frames that others contradict. Of each: ``number`` (in the order of the data), ``batch`` and
        ``index`` in it, ``id``, ``formula``, ``atoms``, ``off`` (``what``, ``amount``, ``alike``, ``beyond``), ``held_out``,
        ``alone``, ``nearest``, and ``weight`` where that was changed. ``broken``: more than may be left out; ``refits``,
        ``fit_without``, ``skipped``.
        """
        frames = [
            {**item.as_dict(), **({"weight": self.weights[item.number]} if item.number in self.weights else {})}
            for item in self.contradicted
        ]
        return {
            "looked_at": self.looked_at[0],
            "tests_looked_at": self.looked_at[1],
            "rules": [rule.value for rule in self.rules],
            "fitted": self.fitted,
            "count": len(frames),
            "frames": frames,
            "alone": [item.as_dict() for item in self.findings if not item.contradicts],
            "tests": [item.as_dict() for item in self.tests if item.contradicts],
            "broken": self.is_broken,
            "refits": self.refits,
            "fit_without": self.fit_without,
            "skipped": self.skipped,
        }


def scrutinise(trainers: Sequence[Trainer], species: Sequence[str], training: Batches, tests: Batches, job: Job) -> Scrutiny:
    """Return what is off, with trainers as their settings want frames that are.

    Raises
    ------
    TimeIsUp
        If the deadline comes before a fit is made again.
    """
    if training.once or tests.once:
        return Scrutiny(list(trainers), skipped="the frames can be gone through only once")
    look = _Look(trainers, species, training, tests, job)
    if look.count < FEWEST:
        return Scrutiny(list(trainers), skipped=f"of fewer than {FEWEST} frames none can be said to be unlike the others")
    return look.search()


class _Look:
    """Frames and what is like them, and how far off they are by members as they are fitted at a time."""

    scores: Scores
    first: Scores
    table: Residuals

    def __init__(self, trainers: Sequence[Trainer], species: Sequence[str], training: Batches, tests: Batches, job: Job) -> None:
        from alworkflows.selection.fingerprint import fingerprints

        self._first, self._trainers, self._job = list(trainers), list(trainers), job
        self._training, self._tests, self._refits = training, tests, 0
        self._fitted = {name for trainer in trainers for name in _fitted(trainer)}
        parts = [fingerprints(batch, species).astype(np.float32) for batch in training]
        self.count = sum(map(len, parts))
        parts += [fingerprints(batch, species).astype(np.float32) for batch in tests]
        if self.count >= FEWEST:
            self.likeness = Likeness.of(np.concatenate(parts))
            self._far = self.likeness.alone[: self.count] >= ALONE

    def search(self) -> Scrutiny:
        """Find what is off, and fit as the settings want it."""
        self._judge()
        self.first = self.scores
        without: list[int] = []
        can_refit = any(isinstance(trainer, Reweighting) for trainer in self._first)
        if can_refit and is_serious(self.scores, self._fitted, self._far):
            for _ in range(SETTLING):
                chosen = suspects(self.scores, self._fitted, self._far, int(TRIED * self.count))
                if chosen == without:
                    break
                without = chosen
                self._refit(dict.fromkeys(without, 0.0))
        findings = self._findings()
        if without:
            findings, without = self._confirmed(findings, without)
        return self._end(findings, without)

    def _confirmed(self, findings: list[Finding], without: list[int]) -> tuple[list[Finding], list[int]]:
        """Return what a fit without itself, but with all other suspects, contradicts; and what the last fit was without."""
        for _ in range(CONFIRMING):
            named = self._named(findings)
            if named == without:
                break
            without = named
            self._refit(dict.fromkeys(named, 0.0))
            findings = self._findings()
            if not named:
                break
        return findings, without

    def _end(self, findings: list[Finding], without: list[int]) -> Scrutiny:
        """Return the result, with trainers as the settings want them."""
        result = Scrutiny(
            self._first,
            [item for item in findings if item.number < self.count],
            [item for item in findings if item.number >= self.count],
            (self.count, len(self.table) - self.count),
            rules=[_rule(trainer) for trainer in self._first],
            fitted=sorted(self._fitted),
        )
        named = {item.number: item.strength(self._fitted) for item in result.contradicted if item.strength(self._fitted) > 0}
        if named and sorted(named) == without and len(self.table) > self.count:
            result.fit_without = self._test_error({item.number for item in result.tests if item.contradicts})
        if named and not result.is_broken:
            self._apply(result, named, without)
        result.refits = self._refits
        return result

    def _apply(self, result: Scrutiny, named: dict[int, float], without: list[int]) -> None:
        """Fit again without those that are off, or with smaller weights."""
        result.trainers = list(self._first)
        for place, (trainer, rule) in enumerate(zip(self._first, result.rules, strict=True)):
            if rule is OutlierRule.KEEP or not isinstance(trainer, Reweighting):
                continue
            drop = rule is OutlierRule.DROP
            weights = {number: 0.0 if drop else max(LEAST, beyond**-2) for number, beyond in named.items()}
            is_there = drop and sorted(named) == without
            result.trainers[place] = self._trainers[place] if is_there else self._again(trainer, weights)
            for number, weight in weights.items():
                result.weights[number] = min(weight, result.weights.get(number, 1.0))

    def _again(self, trainer: Reweighting, weights: dict[int, float]) -> Trainer:
        if not self._job.deadline.allows(0.0):
            raise TimeIsUp("looking for labels that are off, to be gone on with")
        self._refits += 1
        fitted = trainer.reweighted(weights)
        assert isinstance(fitted, Trainer)
        return fitted

    def _refit(self, weights: dict[int, float]) -> None:
        """Fit with weights all trainers that can, and judge the frames by what comes of it."""
        self._trainers = list(self._first)
        if weights:
            self._job.say(f"labels that are off: a fit without {len(weights)} of {self.count} frames")
            self._trainers = [
                self._again(trainer, weights) if isinstance(trainer, Reweighting) else trainer for trainer in self._first
            ]
        self._judge()

    # ------------------------------------------------------------------------------------------------ judging

    def _judge(self) -> None:
        trained = [trainer for trainer in self._trainers if trainer.is_trained] or self._trainers
        self._witnesses = Witnesses([model for trainer in trained for model in trainer.models_], _unseen(trained))
        self.table = Residuals.of(self._training, self._witnesses) + Residuals.of(self._tests, self._witnesses, held_out=True)
        self.scores = score(self.table, self.likeness)

    def _findings(self) -> list[Finding]:
        wanted = set(self.scores.named.tolist())
        apart = {number: self._witnesses.apart(atoms) for number, atoms in enumerate(self._frames()) if number in wanted}
        return find(self.table, self.scores, self.first, self.likeness, apart)

    def _frames(self) -> Iterator[Atoms]:
        for batches in (self._training, self._tests):
            for batch in batches:
                yield from batch

    def _named(self, findings: Iterable[Finding]) -> list[int]:
        """Return the training frames that are off in what is fitted: others spoil nothing."""
        return sorted(
            item.number for item in findings if item.contradicts and item.number < self.count and item.strength(self._fitted) > 0
        )

    def _test_error(self, without: set[int]) -> float | None:
        numbers = [number for number in range(self.count, len(self.table)) if number not in without]
        if not numbers:
            return None
        atoms = np.array([self.table.places[number].atoms for number in numbers], dtype=float)
        return float(np.sqrt(np.average(self.table.column("force")[numbers] ** 2, weights=atoms)))


def _rule(trainer: Trainer) -> OutlierRule:
    return trainer.settings.fit.outliers if isinstance(trainer.settings, LinearSettings) else OutlierRule.KEEP


def _fitted(trainer: Trainer) -> tuple[str, ...]:
    """Return the quantities that a trainer fits, as they are called where they are off."""
    names = trainer.settings.fit.quantities if isinstance(trainer.settings, LinearSettings) else ("forces", "energy", "stress")
    return (*names, *(["net force"] if "forces" in names else []))


def _unseen(trainers: Sequence[Trainer]) -> Any:
    """Return what tells the members, numbered over all trainers, that a frame was kept from."""
    firsts = np.cumsum([0, *(len(trainer.models_) for trainer in trainers)]).tolist()

    def unseen_by(atoms: Atoms) -> list[int]:
        return [first + member for first, trainer in zip(firsts, trainers, strict=False) for member in trainer.unseen_by(atoms)]

    return unseen_by
