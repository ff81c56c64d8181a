"""Sums of rows as if some frames had other weights: what these had too much is taken out of what is there.

What was summed, and is in the cache, is of the weights that frames came with; it is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from ase import Atoms

from alworkflows.errors import InputError
from alworkflows.models.batches import Batches, frame_weight
from alworkflows.models.linear.accumulate import accumulate
from alworkflows.models.linear.normal import Normal
from alworkflows.models.linear.regression import ROUNDING, Sums
from alworkflows.models.linear.rows import RowMaker

__all__ = ["check_left", "reweighted_sums"]

#: share of the targets' squares below which what is left has lost too many digits to be a difference
DIGITS = 1e-6

Group = Callable[[Atoms], int]


class _Weighted(Batches):
    """Batches in which frames have the weights ``weight(number, own)``; those without any are not there."""

    def __init__(self, batches: Batches, weight: Callable[[int, float], float]) -> None:
        self._batches, self._weight = batches, weight
        self.where, self.once = batches.where, batches.once

    @property
    def total(self) -> None:
        """Not known."""

    def __iter__(self) -> Iterator[list[Atoms]]:
        number = 0
        for batch in self._batches:
            kept = []
            for atoms in batch:
                own = frame_weight(atoms)
                weight = self._weight(number, own)
                number += 1
                if weight == own:
                    kept.append(atoms)
                elif weight > 0:
                    kept.append(_with_weight(atoms, weight))
            yield kept


def _with_weight(atoms: Atoms, weight: float) -> Atoms:
    other = atoms.copy()
    other.calc = atoms.calc  # labels
    other.info["weight"] = weight
    return other


def reweighted_sums(sums: Sums, batches: Batches, weights: Mapping[int, float], maker: RowMaker, group: Group) -> Sums:
    """Return the sums with some frames weighted anew.

    Parameters
    ----------
    sums
        Of all frames with the weights that they came with.
    batches
        The frames, in their order.
    weights
        Of at most 1, by the number of a frame in that order.
    group
        Returns the number of the sums that a frame is in; that after the last is of frames that no member leaves out.
    """
    members = len(sums.held)

    def summed(weight: Callable[[int, float], float]) -> list[Normal]:
        return accumulate(_Weighted(batches, weight), maker, group, members + 1, lambda line: None)

    gone = summed(lambda number, own: own * (1.0 - weights[number]) if number in weights else 0.0)
    if sum(part.yy for part in gone) > (1.0 - DIGITS) * sums.total.yy:
        # labels so far off that all others drown in their rounding: sum again without them
        left = summed(lambda number, own: own * weights.get(number, 1.0))
        return Sums(left[:members], _together(left))
    partly = summed(lambda number, own: own if weights.get(number, 0.0) > 0 else 0.0) if any(weights.values()) else None
    held = [_less(old, part) for old, part in zip(sums.held, gone, strict=False)]
    total = _less(sums.total, _together(gone))
    if partly is not None:  # frames that count less are still there
        for old, part in zip([*held, total], [*partly[:members], _together(partly)], strict=True):
            _count(old, part)
    return Sums(held, total)


def _together(parts: list[Normal]) -> Normal:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _less(whole: Normal, part: Normal) -> Normal:
    """Return a difference in which columns that only the part had are zero, and not what rounding leaves of them."""
    if not part.frames:
        return whole
    left = whole - part
    empty = np.diag(left.xx) <= ROUNDING * np.diag(whole.xx)
    left.xx[empty] = left.xx[:, empty] = 0.0
    left.xy[empty] = 0.0
    return left


def _count(left: Normal, part: Normal) -> None:
    left.rows += part.rows
    left.frames += part.frames
    left.energies += part.energies
    left.fitted += part.fitted


def check_left(sums: Sums) -> None:
    """Raise an :class:`InputError` if frames that are left out leave nothing to fit, or to judge on."""
    if not sums.total.rows or not any(part.rows for part in sums.held):
        raise InputError("training frames: nothing is left to fit or to judge on without those that are off")
