"""What an ensemble's members are made of: which descriptors they chose, how much of the forces each makes, and curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alworkflows.errors import InputError
from alworkflows.insight import look_into
from alworkflows.models.capabilities import LinearTerms
from workchains.report.data import Term, Terms

if TYPE_CHECKING:
    from ase import Atoms

    from alworkflows.insight import Insight
    from alworkflows.models import Ensemble

__all__ = ["describe_terms", "force_shares", "look"]


def look(ensemble: Ensemble, frames: Sequence[Atoms]) -> tuple[Terms | None, Insight | None, dict[str, str]]:
    """Return the terms, the force shares and curves, and of what members have not got, a sentence by section."""
    terms, insight, missing = None, None, {}
    try:
        terms = describe_terms(ensemble, frames)
    except InputError as error:
        missing["terms"] = _sentence(error)
    try:
        insight = look_into(ensemble, frames) if frames else None
    except InputError as error:
        missing["insight"] = _sentence(error)
    return terms, insight, missing


def _sentence(error: InputError) -> str:
    return f"Nothing to show: {str(error).partition(': ')[2]}."


def describe_terms(ensemble: Ensemble, frames: Sequence[Atoms]) -> Terms:
    """Return the terms of the linear members, of the largest group of them; ``frames`` are those whose forces weigh them.

    Raises
    ------
    InputError
        If no member is linear in descriptors.
    """
    linear, _ = ensemble.having(LinearTerms, "terms")
    names = linear.descriptors.names
    bodies = [name[0] for name in names]
    chosen = linear.weights != 0
    shares = force_shares(linear, frames).mean(axis=0) if frames else None
    used = np.flatnonzero(chosen.any(axis=0))
    order = used if shares is None else used[np.argsort(-shares[used], kind="stable")]
    terms = tuple(
        Term(
            names[index].partition(" ")[2],
            bodies[index],
            int(chosen[:, index].sum()),
            None if shares is None else float(shares[index]),
        )
        for index in order
    )
    return Terms(tuple(_count(bodies, member) for member in chosen), dict(Counter(bodies)), terms)


def force_shares(linear: LinearTerms, frames: Sequence[Atoms]) -> np.ndarray:
    """Return, for each member, the share of each term in the sizes of the forces, (M, P).

        share_p = sum_c |X_cp w_p| / sum_q sum_c |X_cq w_q|

    with force rows X over all components c of the frames and weights w: opposite terms that cancel both count.

    References
    ----------
    Benoit et al., "Measuring transferability issues in machine-learning force fields: the example of gold-iron interactions with
    linearized potentials", arXiv:1912.10761, section on the nature of the interactions, compares descriptors the same way.
    """
    descriptors = linear.descriptors
    sizes = np.zeros(descriptors.size)
    for frame in frames:
        sizes += np.abs(descriptors.design(frame, stress=False).forces).sum(axis=0)
    parts = sizes * np.abs(linear.weights)
    return parts / np.maximum(parts.sum(axis=1, keepdims=True), np.finfo(float).tiny)


def _count(bodies: Sequence[str], chosen: np.ndarray) -> dict[str, int]:
    counts = Counter(body for body, used in zip(bodies, chosen, strict=True) if used)
    return {body: counts.get(body, 0) for body in dict.fromkeys(bodies)}
