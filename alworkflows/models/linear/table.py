"""The path as a table: for models of falling penalty, how many terms they have and how large their errors are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from alworkflows.errors import InputError
from alworkflows.settings import TermsRule

__all__ = ["PathRow", "PathTable"]


@dataclass(frozen=True)
class Errors:
    """Root mean square errors, in units of the fitted rows (eV/A where forces alone are fitted with equal weights).

    ``train``: mean over members, each on what it was fitted to; ``held_out``: each member on the frames it left out, None where
    there were none; ``tests`` and ``transfers``: the mean of the members on the forces of other sets, eV/A.
    """

    train: float
    held_out: list[float | None]
    tests: dict[str, float]
    transfers: dict[str, float]

    @property
    def held_out_mean(self) -> float:
        """Mean over the members that left something out."""
        return float(np.mean([error for error in self.held_out if error is not None]))

    def flat(self) -> dict[str, float]:
        """Return the errors by name."""
        return {
            "train": self.train,
            "held-out": self.held_out_mean,
            **{f"test {name}" if name != "test" else name: error for name, error in self.tests.items()},
            **{f"transfer {name}": error for name, error in self.transfers.items()},
        }


@dataclass(frozen=True)
class PathRow:
    """One penalty: ``terms`` of each member, ``errors`` of the models, ``penalised``: of the Lasso's own coefficients."""

    alpha: float | None
    terms: list[int]
    errors: Errors
    penalised: Errors | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "alpha": self.alpha,
            "terms": self.terms,
            "held_out": self.errors.held_out,
            "errors": self.errors.flat(),
            "penalised": None if self.penalised is None else self.penalised.flat(),
        }


class PathTable:
    """Rows of the path, from the largest penalty down; printed, a table."""

    def __init__(self, rows: list[PathRow]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[PathRow]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> PathRow:
        return self.rows[index]

    def choose(self, rule: TermsRule) -> int:
        """Return the index of the row that a rule takes.

        ``one-standard-error``: the fewest terms whose error exceeds the smallest by no more than the standard error of that
        difference over members: folds differ in difficulty, but a size that is worse is worse on most of them (Hastie,
        Tibshirani, Friedman, "The Elements of Statistical Learning", 7.10). Of one member alone it is ``best``.

        Raises
        ------
        InputError
            If the rule needs a transfer set and there is none.
        """
        if rule is TermsRule.TRANSFER:
            if not self.rows[0].errors.transfers:
                raise InputError("the rule 'transfer' needs a transfer set: frames of a kind that is not trained on, got none")
            return int(np.argmin([np.mean(list(row.errors.transfers.values())) for row in self.rows]))
        errors = np.array([[error for error in row.errors.held_out if error is not None] for row in self.rows])
        best = int(np.argmin(errors.mean(axis=1)))
        if rule is TermsRule.BEST or errors.shape[1] < 2:
            return best  # one member's error has no spread to compare with
        excess = errors - errors[best]
        spread = excess.std(axis=1, ddof=1) / np.sqrt(errors.shape[1])
        return int(np.argmax(excess.mean(axis=1) <= spread + 1e-12))

    def __str__(self) -> str:
        names = list(self.rows[0].errors.flat())
        widths = [max(9, min(len(name), 18)) for name in names]
        head = f"{'alpha':>9} {'terms':>6} " + " ".join(
            f"{name[:18]:>{width}}" for name, width in zip(names, widths, strict=True)
        )
        lines = [head]
        for row in self.rows:
            alpha = "-" if row.alpha is None else f"{row.alpha:.1e}"
            cells = " ".join(f"{value:>{width}.4f}" for value, width in zip(row.errors.flat().values(), widths, strict=True))
            lines.append(f"{alpha:>9} {round(float(np.mean(row.terms))):>6} {cells}")
        return "\n".join(lines)

    __repr__ = __str__
