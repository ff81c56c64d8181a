"""A fully labelled set as if its labels had yet to be bought: rows computed once, refits from subsets of them.

What a criterion is worth is seen where every label is known: frames are chosen from the set batch after batch, an ensemble is
refitted to those chosen, and its error on frames that were never in the set is held against the number of labels. Design rows of
all frames are kept (memory or a file), so a refit adds the products of the new rows and follows the path; nothing is computed
twice, and a run of fifteen refits takes seconds. The fit is that of :class:`alworkflows.models.Fit` on the same frames.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from ase import Atoms

from alworkflows.descriptors import build
from alworkflows.errors import InputError
from alworkflows.frames import check_labelled, frame_id
from alworkflows.frames.leaks import repeats
from alworkflows.models.evaluation import deviation
from alworkflows.models.linear.model import baseline_of
from alworkflows.models.linear.normal import Normal
from alworkflows.models.linear.regression import Sums, regression
from alworkflows.models.linear.rows import RowMaker
from alworkflows.models.linear.table import Errors, PathRow, PathTable
from alworkflows.models.sample import fold_of
from alworkflows.selection.criteria import Scores
from alworkflows.selection.fingerprint import fingerprints
from alworkflows.selection.grade import inverse_of
from alworkflows.settings import FitSettings, LinearSettings

__all__ = ["LabelledSet", "PoolModel"]


class LabelledSet:
    """Frames with forces, their design rows and fingerprints.

    Parameters
    ----------
    frames
        F frames with forces, no two the same.
    settings
        Of the models, which are linear so that design rows can be kept; forces alone are fitted.
    species
        Chemical symbols.
    folder
        Where the rows (8 bytes for each of 3 N P) are kept in a file while they are used; none: a temporary folder.
    say
        Called with a line of text now and then.

    Attributes
    ----------
    design : (3 sum N, P)
        Force rows, not weighted.
    targets : (3 sum N,)
        Forces less the baseline, eV/A.
    starts : (F + 1,)
        Where the atoms of each frame begin.

    Raises
    ------
    InputError
        If there are no frames, one is there twice or lacks forces, or more than forces is to be fitted.
    """

    def __init__(
        self,
        frames: Sequence[Atoms],
        settings: LinearSettings,
        species: Sequence[str],
        folder: Path | None = None,
        say: Callable[[str], None] = lambda message: None,
    ) -> None:
        if settings.fit.quantities != ("forces",) or settings.fit.force_limit is not None:
            raise InputError("a pool is fitted to all of its forces: expected quantities 'forces' alone and no force_limit")
        check_labelled(frames, ("forces",), "pool")
        if repeated := repeats(frames):
            index, first = next(iter(repeated.items()))
            raise InputError(
                f"pool: expected each frame once, got {len(repeated)} repeated (first: frame {index} is frame {first})"
            )
        self.frames, self.settings, self.species = list(frames), settings, tuple(species)
        self.ids = [frame_id(frame) for frame in frames]
        self.descriptors = build(settings.descriptors, self.species)
        baseline = baseline_of(settings.baseline, self.descriptors)
        plain = RowMaker(self.descriptors, FitSettings(quantities=("forces",)), baseline)
        weighted = RowMaker(self.descriptors, settings.fit, baseline)
        self.scales = np.array([weighted.scale(frame) for frame in frames])
        self.starts = np.concatenate([[0], np.cumsum([len(frame) for frame in frames])])
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # gone with this object
        shape = (3 * int(self.starts[-1]), self.descriptors.size)
        # a disk that is full says so here; a page that finds no room later would end the process
        os.posix_fallocate(self._file.fileno(), 0, max(8 * shape[0] * shape[1], 1))
        self.design = np.memmap(self._file, dtype=float, mode="w+", shape=shape)
        self.targets = np.empty(shape[0])
        for index, frame in enumerate(frames):
            part, scale = slice(3 * self.starts[index], 3 * self.starts[index + 1]), plain.scale(frame)
            rows = plain(frame)
            self.design[part], self.targets[part] = np.concatenate(rows.x) / scale, rows.y / scale
            if index % 200 == 199:
                say(f"rows of {index + 1} of {len(frames)} frames")
        self.symbols = np.array([symbol for frame in frames for symbol in frame.get_chemical_symbols()])

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def fingerprints(self) -> np.ndarray:
        """(F, D) of the frames."""
        return fingerprints(self.frames, self.species)

    @cached_property
    def values(self) -> np.ndarray:
        """(sum N, P) descriptors of the atoms."""
        return np.concatenate([self.descriptors.values(frame) for frame in self.frames])

    def atoms_of(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the indices of the atoms of some frames."""
        return np.concatenate([np.arange(self.starts[index], self.starts[index + 1]) for index in indices])

    def over_atoms(self, values: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
        """Return the largest of values (sum N,) in each frame (F,), among some of the atoms if told; NaN where there are none."""
        counted = values if among is None else np.where(among, values, -np.inf)
        largest = np.maximum.reduceat(counted, self.starts[:-1])
        return np.where(np.isneginf(largest), np.nan, largest)

    def forces(self, weights: np.ndarray, indices: Sequence[int] | None = None) -> np.ndarray:
        """Return forces (M, n, 3) by linear models with weights (M, P), of all atoms or those of some frames in turn."""
        if indices is None:
            return np.asarray(self.design @ weights.T).T.reshape(len(weights), -1, 3)
        parts = [self.design[3 * self.starts[i] : 3 * self.starts[i + 1]] @ weights.T for i in indices]
        return np.concatenate(parts).T.reshape(len(weights), -1, 3)

    def rows(self, indices: Sequence[int], block: int = 16) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Return weighted rows and targets of some frames, a few frames at a time."""
        for start in range(0, len(indices), block):
            some = indices[start : start + block]
            parts = [slice(3 * self.starts[index], 3 * self.starts[index + 1]) for index in some]
            scaled = [
                (self.scales[index] * self.design[part], self.scales[index] * self.targets[part])
                for index, part in zip(some, parts, strict=True)
            ]
            yield np.concatenate([x for x, _ in scaled]), np.concatenate([y for _, y in scaled])


@dataclass(frozen=True)
class PoolModel:
    """A committee fitted to some frames of a set: ``weights`` (M, P)."""

    weights: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """The terms that any member uses."""
        return np.flatnonzero((self.weights != 0).any(axis=0))

    @property
    def terms(self) -> float:
        """Mean number of terms of the members."""
        return float((self.weights != 0).sum(axis=1).mean())

    def scores(self, pool: LabelledSet, trained: Sequence[int], grade: bool = False) -> Scores:
        """Return what selection asks of all frames of a set; ``trained``: what the grade is relative to."""
        of_atoms = deviation(pool.forces(self.weights))
        of_elements = np.array([pool.over_atoms(of_atoms, pool.symbols == symbol) for symbol in pool.species]).T
        return Scores(pool.over_atoms(of_atoms), of_elements, self.grades(pool, trained) if grade else None)

    def grades(self, pool: LabelledSet, trained: Sequence[int]) -> np.ndarray:
        """Return the extrapolation grade of each frame (F,)."""
        atoms, values = np.full(len(pool.symbols), np.inf), pool.values[:, self.columns]
        is_trained = np.zeros(len(atoms), dtype=bool)
        is_trained[pool.atoms_of(trained)] = True
        for symbol in set(pool.symbols[is_trained].tolist()):
            mask = pool.symbols == symbol
            atoms[mask] = np.abs(values[mask] @ inverse_of(values[mask & is_trained])).max(axis=1)
        return pool.over_atoms(atoms)

    def errors(self, held: LabelledSet, indices: Sequence[int] | None = None) -> dict[str, float]:
        """Return ``force_rmse`` and ``force_q999`` (99.9 % quantile of a component's error), eV/A, as ``force_errors`` does."""
        chosen = range(len(held)) if indices is None else indices
        target = np.concatenate([held.targets[3 * held.starts[i] : 3 * held.starts[i + 1]] for i in chosen])
        error = np.abs(held.forces(self.weights, indices).mean(axis=0).ravel() - target)
        return {"force_rmse": float(np.sqrt((error**2).mean())), "force_q999": float(np.quantile(error, 0.999))}


class Refitter:
    """Sums over the frames chosen so far, and the committee that they give."""

    def __init__(self, pool: LabelledSet, seed: int) -> None:
        settings = pool.settings
        self.pool, self.chosen = pool, list[int]()
        size, species = pool.descriptors.size, len(pool.species)
        self._groups = [Normal.empty(size, species) for _ in range(settings.members + 1)]
        self._fold = [min(fold_of(identity, seed, settings.folds), settings.members) for identity in pool.ids]

    def add(self, indices: Sequence[int]) -> None:
        """Add frames."""
        for number, normal in enumerate(self._groups):
            in_fold = [index for index in indices if self._fold[index] == number]
            for x, y in self.pool.rows(in_fold):
                normal.xx += x.T @ x
                normal.xy += y @ x
                normal.yy += float(y @ y)
                normal.rows += len(y)
            normal.frames += len(in_fold)
        self.chosen += indices

    def fit(self) -> PoolModel:
        """Return the committee that the settings choose.

        Raises
        ------
        InputError
            If fewer than two members leave a frame out.
        """
        settings = self.pool.settings
        total = self._groups[0]
        for part in self._groups[1:]:
            total = total + part
        sums = Sums(self._groups[: settings.members], total)
        if sum(part.frames > 0 for part in sums.held) < 2:
            raise InputError(f"expected labels enough that two members leave some out, got {total.frames}: start with more")
        models = regression(sums, settings.fit, lambda message: None)
        if settings.fit.terms is not None:
            return PoolModel(models.with_terms(settings.fit.terms).weights)
        if settings.fit.alpha is not None:
            return PoolModel(models.at(settings.fit.alpha).weights)
        candidates = [models.at(alpha) for alpha in models.alphas]
        rows = [PathRow(each.alpha, each.terms, _held_out(sums, each.weights), None) for each in candidates]
        return PoolModel(candidates[PathTable(rows).choose(settings.fit.rule)].weights)


def _held_out(sums: Sums, weights: np.ndarray) -> Errors:
    """Return the errors of members on what each left out."""
    none = np.zeros(len(sums.total.nn))
    member_errors = []
    for held, row in zip(sums.held, weights, strict=True):
        support = np.flatnonzero(row)
        member_errors.append(held.restricted(support).error(row[support], none))
    return Errors(0.0, member_errors, {}, {})
