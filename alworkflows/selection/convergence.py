"""Has a stage converged, and is it worth going on: criteria on what an iteration showed, each with its number and its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from alworkflows.frame_errors import FrameErrors
from alworkflows.settings import Combine, Convergence

__all__ = ["Decision", "Ending", "decide", "stage_error"]


class Ending(StrEnum):
    """Why a stage ends."""

    CONVERGED = "converged"
    NO_GAIN = "no gain"
    ITERATIONS = "iterations"
    FIXED = "fixed"  # its plan was a number of iterations, or a single one that had no ensemble to ask: it did that, and is done


@dataclass(frozen=True)
class Decision:
    """What an iteration decided about its stage.

    Attributes
    ----------
    accurate_share
        Of the candidates with a valid geometry; None without an ensemble.
    test_error
        RMS force error on the stage's own test frames (eV/A); None if it has none.
    gain
        eV/A that 100 labels took off that error since the iteration before, on the frames known to both; None if unknown.
    criteria
        By name: ``value``, ``limit``, and whether it ``holds``.
    held
        Whether their combination holds in this iteration.
    converged
        Whether it held over as many iterations in a row as it must.
    ending
        Why the stage ends; None: it goes on.
    sentence
        The same for a person.
    """

    accurate_share: float | None
    test_error: float | None
    gain: float | None
    criteria: dict[str, dict[str, Any]] = field(default_factory=dict)
    held: bool = False
    converged: bool = False
    ending: Ending | None = None
    sentence: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {**asdict(self), "ending": str(self.ending) if self.ending else None}


def stage_error(points: Mapping[str, FrameErrors], names: Sequence[str], only: set[str] | None = None) -> float | None:
    """Return the RMS force error over the test frames of some batches, eV/A; None if there is no frame.

    Parameters
    ----------
    points
        Of each test batch, as in a fit's report.
    names
        The batches that count.
    only
        Ids of the frames that count; None: all.
    """
    batches = [points[name] for name in names if name in points]
    counts = np.array([only is None or identity in only for batch in batches for identity in batch.id], dtype=bool)
    if not counts.any():
        return None
    atoms = np.concatenate([batch.column("atoms") for batch in batches])[counts]
    errors = np.concatenate([batch.column("rms_error") for batch in batches])[counts]
    return float(np.sqrt((atoms * errors**2).sum() / atoms.sum()))


def decide(
    rule: Convergence,
    share: float | None,
    now: Mapping[str, FrameErrors],
    before: Mapping[str, FrameErrors],
    tests: Sequence[str],
    labels: int,
    history: Sequence[Mapping[str, Any]],
    iterations: int,
) -> Decision:
    """Decide about a stage after one of its iterations.

    Parameters
    ----------
    rule
        The stage's criteria.
    share
        Share of accurate candidates; None if there was no ensemble to ask.
    now, before
        What this iteration's ensemble, and the one before it, are worth on each test frame, by test batch; empty: no fit.
    tests
        Names of the stage's own test batches.
    labels
        Labels that were added to the training set between the two.
    history
        Earlier decisions of this stage, oldest first, as dictionaries.
    iterations
        Most iterations of the stage.
    """
    error = stage_error(now, tests)
    earlier_ids = {identity for name in tests if name in before for identity in before[name].id}
    earlier, same = stage_error(before, tests), stage_error(now, tests, earlier_ids)
    gain = 100 * (earlier - same) / labels if earlier is not None and same is not None and labels else None

    criteria: dict[str, dict[str, Any]] = {}
    if rule.accurate_share is not None:
        holds = share is not None and share >= rule.accurate_share
        criteria["accurate_share"] = {"value": share, "limit": rule.accurate_share, "holds": holds}
    if rule.test_error is not None:
        holds = error is not None and error <= rule.test_error
        criteria["test_error"] = {"value": error, "limit": rule.test_error, "holds": holds}
    holding = [item["holds"] for item in criteria.values()]
    held = bool(holding) and (all(holding) if rule.combine is Combine.ALL else any(holding))
    number = len(history) + 1
    row = [*(bool(item["held"]) for item in history), held]
    converged = number >= rule.over and all(row[-rule.over :])

    gains = [*(item["gain"] for item in history), gain][-rule.over :]
    stale = rule.least_gain is not None and len(gains) == rule.over and None not in gains
    if stale:
        mean = float(np.mean([value for value in gains if value is not None]))
        stale = mean < float(rule.least_gain or 0.0)
        criteria["least_gain"] = {"value": mean, "limit": rule.least_gain, "holds": not stale}

    ending: Ending | None = None
    if converged:
        ending = Ending.CONVERGED
    elif stale:
        ending = Ending.NO_GAIN
    elif number >= iterations:
        planned = not rule.has_criterion or (iterations == 1 and share is None)
        ending = Ending.FIXED if planned else Ending.ITERATIONS
    decision = Decision(share, error, gain, criteria, held, converged, ending)
    return replace(decision, sentence=_sentence(decision, rule, number, iterations))


def _sentence(decision: Decision, rule: Convergence, number: int, iterations: int) -> str:
    """Say where a stage stands; without a criterion, how far it got."""
    criteria, ending, said = decision.criteria, decision.ending, []
    for name, value, text, form in (
        ("accurate_share", decision.accurate_share, "{} of the candidates are accurate", ".0%"),
        ("test_error", decision.test_error, "force error on its test frames {} eV/A", ".3g"),
    ):
        if value is not None and (name in criteria or not rule.has_criterion):
            wanted = f" (wanted: {format(criteria[name]['limit'], form)})" if name in criteria else ""
            said.append(text.format(format(value, form)) + wanted)
    if item := criteria.get("least_gain"):
        said.append(f"100 labels took {item['value']:.3g} eV/A off that error (wanted: at least {item['limit']:.3g})")
    heads = {
        Ending.CONVERGED: "converged" + (f" over {rule.over} iterations" if rule.over > 1 else ""),
        Ending.NO_GAIN: "not converged, and more labels gain too little",
        Ending.ITERATIONS: f"not converged after its {'only iteration' if iterations == 1 else f'{iterations} iterations'}",
        Ending.FIXED: (
            "done: a single iteration, in which there was no ensemble to ask"
            if decision.accurate_share is None and iterations == 1
            else f"done: {'its one iteration' if iterations == 1 else f'its {iterations} iterations'}, as planned"
        ),
    }
    head = heads[ending] if ending else f"goes on after iteration {number} of at most {iterations}"
    return f"{head}: {'; '.join(said)}" if said else head
