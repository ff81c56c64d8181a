"""Which descriptors an ensemble's members chose, and how much of the forces each makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workchains.report.data import Term, Terms

if TYPE_CHECKING:
    from ase import Atoms

    from alworkflows.models import Ensemble

__all__ = ["describe_terms", "force_shares"]


def describe_terms(ensemble: Ensemble, frames: Sequence[Atoms]) -> Terms:
    """Return the terms of a linear ensemble; ``frames`` are those whose forces weigh them."""
    names = ensemble.members[0].descriptors.names
    bodies = [name[0] for name in names]
    chosen = np.array([member.weights != 0 for member in ensemble.members])
    shares = force_shares(ensemble, frames).mean(axis=0) if frames else None
    found = np.flatnonzero(chosen.any(axis=0))
    order = found if shares is None else found[np.argsort(-shares[found], kind="stable")]
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


def force_shares(ensemble: Ensemble, frames: Sequence[Atoms]) -> np.ndarray:
    """Return, for each member, the share of each term in the sizes of the forces, (M, P).

        share_p = sum_c |X_cp w_p| / sum_q sum_c |X_cq w_q|

    with force rows X over all components c of the frames and weights w: opposite terms that cancel both count.

    References
    ----------
    Benoit et al., "Measuring transferability issues in machine-learning force fields: the example of gold-iron interactions with
    linearized potentials", arXiv:1912.10761, section on the nature of the interactions, compares descriptors the same way.
    """
    descriptors = ensemble.members[0].descriptors
    sizes = np.zeros(descriptors.size)
    for frame in frames:
        sizes += np.abs(descriptors.design(frame, stress=False).forces).sum(axis=0)
    parts = sizes * np.abs([member.weights for member in ensemble.members])
    return parts / np.maximum(parts.sum(axis=1, keepdims=True), np.finfo(float).tiny)


def _count(bodies: Sequence[str], chosen: np.ndarray) -> dict[str, int]:
    counts = Counter(body for body, used in zip(bodies, chosen, strict=True) if used)
    return {body: counts.get(body, 0) for body in dict.fromkeys(bodies)}
