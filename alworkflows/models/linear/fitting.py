"""``Fit``: frames in, the path of models and committees of it out."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from ase import Atoms
from threadpoolctl import threadpool_limits

from alworkflows import __version__
from alworkflows.deadline import TimeIsUp
from alworkflows.descriptors import build
from alworkflows.errors import CommitteeError, InputError
from alworkflows.models.batches import Batches, FrameSource
from alworkflows.models.ensemble import Ensemble
from alworkflows.models.fitted import FittedGroup, ensemble_of
from alworkflows.models.linear.accumulate import accumulate
from alworkflows.models.linear.cache import Cache
from alworkflows.models.linear.isolated import with_isolated_atoms
from alworkflows.models.linear.model import LinearModel, baseline_of
from alworkflows.models.linear.normal import Normal
from alworkflows.models.linear.reference_energies import check_reference_energies, energies_of_references
from alworkflows.models.linear.regression import Candidate, Regression, Sums, regression
from alworkflows.models.linear.reweighting import check_left, reweighted_sums
from alworkflows.models.linear.rows import RowMaker
from alworkflows.models.linear.table import Errors, PathRow, PathTable
from alworkflows.models.linear.unfinished import Unfinished
from alworkflows.models.sample import Checked, Sample, species_of
from alworkflows.settings import FitSettings, LinearSettings, TermsRule

__all__ = ["Fit"]

#: settings of the fit that rows and sums depend on
OF_ROWS = {"quantities", "energy_weight", "stress_weight", "force_limit", "force_scale", "reference_energies", "type_weights"}


class Fit:
    """Linear models of all penalties, fitted to frames; member k of a committee leaves out fold k.

    >>> fit = Fit(frames, species=("Zn", "O"), tests={"melt": melt})
    >>> print(fit.path)
    >>> ensemble = fit.ensemble(terms=100)

    Parameters
    ----------
    frames
        Frames with labels, lists of them, files of them, or an iterator of these; one batch is in memory at a time.
    settings
        Descriptors, regression, members.
    species
        Chemical symbols; by default those in the frames (or references), sorted - which an iterator cannot be asked for.
    seed
        Of the folds.
    tests, transfers
        Frames to judge on by name: of the kind that is trained on, and of other kinds.
    references
        Frames with energies, such as pure phases: the energies of the species are shifted so that these are met.
    progress
        Called with a line of text now and then.
    cache
        Where sums of earlier fits are kept; None: nowhere. By default that of this computer.
    unfinished
        Checkpoint of the job, whose deadline ends the fit before its path is made.

    Attributes
    ----------
    path : PathTable
        Errors of models of falling penalty.
    report : dict
        What was fitted and found, as plain JSON types.
    """

    def __init__(
        self,
        frames: FrameSource,
        settings: LinearSettings | None = None,
        species: Sequence[str] | None = None,
        seed: int = 0,
        *,
        tests: Mapping[str, FrameSource] | None = None,
        transfers: Mapping[str, FrameSource] | None = None,
        references: Sequence[Atoms] | None = None,
        progress: Callable[[str], None] | None = None,
        cache: Cache | str | None = "default",
        unfinished: Unfinished | None = None,
    ) -> None:
        start = time.perf_counter()
        self.settings, self.seed = settings or LinearSettings(), seed
        self._say = progress or (lambda message: None)
        self._cache = Cache.of_environment() if isinstance(cache, str) else cache
        self._unfinished = unfinished
        batches = Batches(frames, "training frames")
        self.species = tuple(species) if species else species_of(batches)
        self._references = list(references or [])
        if isinstance(frames, list) and all(isinstance(frame, Atoms) for frame in frames) and not self._references:
            self.settings = with_isolated_atoms(self.settings, self.species, frames, self._say)
        check_reference_energies(self.settings.fit, self.species, self._references)
        if self.settings.needs_transfer_set and not transfers:
            raise InputError("the rule 'transfer' needs a transfer set: frames of a kind that is not trained on, got none")
        self._descriptors = build(self.settings.descriptors, self.species)
        self._baseline = baseline_of(self.settings.baseline, self._descriptors)
        self._sums = self._accumulate(batches)
        self._tests = {name: self._forces_of(source, f"test {name}") for name, source in (tests or {}).items()}
        self._transfers = {name: self._forces_of(source, f"transfer {name}") for name, source in (transfers or {}).items()}
        if unfinished is not None and unfinished.ends():
            raise TimeIsUp("all frames are summed, to be gone on with")
        self._seconds = {"seconds_accumulate": round(time.perf_counter() - start, 3)}
        self._solve()

    def _solve(self) -> None:
        """Find the path of models that follows from the sums."""
        start = time.perf_counter()
        with threadpool_limits(1, "blas"):  # vectors this short take longer on many threads
            self._regression: Regression = regression(self._sums, self.settings.fit, self._say)
            self.path = PathTable([self._row(self._regression.at(alpha)) for alpha in self._regression.alphas])
        self._seconds = {**self._seconds, "seconds_path": round(time.perf_counter() - start, 3)}

    def reweighted(self, frames: FrameSource, weights: Mapping[int, float]) -> Fit:
        """Return the fit as if the squared errors of some frames had other weights.

        Parameters
        ----------
        frames
            Those that were fitted, in their order.
        weights
            Of at most 1, by the number of a frame in that order; they multiply its own. 0: as if it had not been there.

        Raises
        ------
        InputError
            If nothing is left to fit.
        """
        again = copy.copy(self)
        vars(again).pop("report", None)  # it is of this fit
        batches, fit = Batches(frames, "training frames"), self.settings.fit
        again._sums = reweighted_sums(self._sums, batches, weights, self._maker(fit), self._folds.group)
        check_left(again._sums)
        again._solve()
        return again

    def unseen_by(self, atoms: Atoms) -> tuple[int, ...]:
        """Return the member that leaves a frame out, if one does."""
        member = self._folds.group(atoms)
        return (member,) if member < self.settings.members else ()

    # ------------------------------------------------------------------------------------------------ sums

    def _maker(self, fit: FitSettings) -> RowMaker:
        return RowMaker(self._descriptors, fit, self._baseline)

    def _accumulate(self, batches: Batches) -> Sums:
        fit, members = self.settings.fit, self.settings.members
        sample = Sample(self.seed, self.settings.folds, members)
        checked = Checked(batches, fit.quantities, sample, self._baseline)
        key = {"seed": self.seed, "folds": self.settings.folds, "members": members}
        groups = self._sum(checked, fit, sample.group, members + 1, key)
        if not checked.frames:
            raise InputError("training frames: expected at least one frame, got none")
        total = groups[0]
        for part in groups[1:]:
            total = total + part
        if sum(part.frames > 0 for part in groups[:members]) < min(2, members):
            raise CommitteeError(
                f"expected frames enough that at least {'two of ' if members > 1 else ''}{members} "
                f"member{'s leave' if members > 1 else ' leaves'} some out, got {total.frames} frames: "
                "label more, or use fewer folds"
            )
        if not total.rows:
            raise InputError(
                f"training frames: no force is below the limit of {fit.force_limit} eV/A, so there is nothing to fit"
            )
        if not np.abs(total.xy).max(initial=0.0) > 0:
            raise InputError("training frames: all that is to be fitted is zero, or no atom has a neighbour within the cutoff")
        self._folds, self._sample, self._reached = sample, sample.frames(), checked.reached
        for pair, shortest in checked.reached.items():
            self._say(
                f"the baseline reaches into the data: {pair} come as close as {shortest:.2f} A, and it ends at "
                f"{self._baseline.outer:.2f} A"  # type: ignore[union-attr]
            )
        return Sums(groups[:members], total)

    def _forces_of(self, source: FrameSource, where: str) -> Normal:
        """Return sums over the forces of a set to judge on, each counted once."""
        fit = FitSettings(quantities=("forces",))
        checked = Checked(Batches(source, where), ("forces",))
        sums = self._sum(checked, fit, lambda atoms: 0, 1, {"set": True})[0]
        if not checked.frames:
            raise InputError(f"{where}: expected at least one frame, got none")
        return sums

    def _sum(
        self, batches: Batches, fit: FitSettings, group: Callable[[Atoms], int], groups: int, more: dict[str, Any]
    ) -> list[Normal]:
        key = self._key(fit, more)
        return accumulate(batches, self._maker(fit), group, groups, self._say, self._cache, key, self._unfinished)

    def _key(self, fit: FitSettings, more: dict[str, Any]) -> dict[str, Any]:
        return {
            "program": __version__,
            "descriptors": json.loads(self.settings.descriptors.model_dump_json()),
            "baseline": json.loads(self.settings.baseline.model_dump_json()) if self.settings.baseline else None,
            "species": list(self.species),
            "fit": json.loads(fit.model_dump_json(include=OF_ROWS)),
            **more,
        }

    # ------------------------------------------------------------------------------------------------ the path

    def _row(self, candidate: Candidate) -> PathRow:
        penalised = None if candidate.penalised is None else self._errors(candidate.penalised)
        return PathRow(candidate.alpha, candidate.terms, self._errors(candidate.weights), penalised)

    def _errors(self, weights: np.ndarray) -> Errors:
        """Return the errors of members with weights (M, P), from sums alone."""
        train, held_out = [], []
        for member, row in enumerate(weights):
            support = np.flatnonzero(row)
            training = self._sums.training(member, support)
            energies = training.reference_energies(row[support])
            train.append(training.error(row[support], energies) or 0.0)
            held_out.append(self._sums.held[member].restricted(support).error(row[support], energies))
        mean = weights.mean(axis=0)
        support, none = np.flatnonzero(mean), np.zeros(len(self.species))

        def errors_on(sets: dict[str, Normal]) -> dict[str, float]:
            return {name: sums.restricted(support).error(mean[support], none) or 0.0 for name, sums in sets.items()}

        return Errors(float(np.mean(train)), held_out, errors_on(self._tests), errors_on(self._transfers))

    # ------------------------------------------------------------------------------------------------ models

    def ensemble(self, terms: int | None = None, alpha: float | None = None, rule: TermsRule | str | None = None) -> Ensemble:
        """Return the members of :meth:`group` as an ensemble, with a report on it; raises as that does."""
        return ensemble_of([self.group(terms, alpha, rule)], self._sums.total.frames)

    def group(self, terms: int | None = None, alpha: float | None = None, rule: TermsRule | str | None = None) -> FittedGroup:
        """Return members with a number of terms, at a penalty, or that a rule chooses; by default, as the settings say.

        Raises
        ------
        InputError
            If more than one is given, or the method knows no such choice.
        """
        if sum(choice is not None for choice in (terms, alpha, rule)) > 1:
            raise InputError(f"expected one of terms, alpha, rule; got terms {terms}, alpha {alpha}, rule {rule}")
        fit = self.settings.fit
        if terms is None and alpha is None and rule is None:
            terms, alpha = fit.terms, fit.alpha
        if terms is not None:
            candidate = self._regression.with_terms(terms)
        elif alpha is not None:
            candidate = self._regression.at(alpha)
        else:
            candidate = self._regression.at(self.path[self.path.choose(TermsRule(rule or fit.rule))].alpha)
        return self._group(candidate)

    def _group(self, candidate: Candidate) -> FittedGroup:
        settings, models = self.settings, []
        for member, weights in enumerate(candidate.weights):
            energies = self._reference_energies(member, weights)
            models.append(LinearModel(settings.descriptors, self.species, weights, energies, settings.baseline))
        row = self._row(candidate)
        held_out = [(error or 0.0, normal.rows) for error, normal in zip(row.errors.held_out, self._sums.held, strict=True)]
        report = {
            "frames": self._sums.total.frames,
            "rows": self._sums.total.rows,
            "alpha": candidate.alpha,
            "terms": candidate.terms,
            "held_out_rmse": float(np.sqrt(sum(rows * error**2 for error, rows in held_out) / sum(rows for _, rows in held_out))),
            "held_out_frames": sum(part.frames for part in self._sums.held),
            "path": [each.as_dict() for each in self.path],
        }
        return FittedGroup(settings.class_, models, report, self._sample)

    def _reference_energies(self, member: int, weights: np.ndarray) -> np.ndarray:
        fixed = self._maker(self.settings.fit).fixed
        if fixed is not None:
            return fixed
        if self._references:
            return energies_of_references(self._references, self._descriptors, weights, self._baseline)
        support = np.flatnonzero(weights)
        return self._sums.training(member, support).reference_energies(weights[support])

    @cached_property
    def report(self) -> dict[str, Any]:
        """What was fitted and found, as plain JSON types; ``path``: the rows of the table."""
        total = self._sums.total
        return {
            "frames": total.frames,
            "rows": total.rows,
            "descriptors": self._descriptors.size,
            "energies": total.energies,
            "method": self.settings.fit.method.value,
            **({"baseline_reaches": self._reached} if self._baseline else {}),
            **self._regression.report(),
            "path": [row.as_dict() for row in self.path],
            **self._seconds,
        }
