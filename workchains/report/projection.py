"""Frames on a plane: principal components of their fingerprints."""

from __future__ import annotations

import numpy as np

from alworkflows.selection.duplicates import standardise

__all__ = ["project"]


def project(fingerprints: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the first two principal components and the share of the variance on each.

    Columns are standardised as they are for selection, so that distances on the map are those by which frames were chosen, seen
    from where they differ most. The sign of an axis is fixed: its largest loading is positive.

    Parameters
    ----------
    fingerprints
        (F, D), finite.

    Returns
    -------
    points, explained
        (F, 2), in root mean square standard deviations; two shares of the variance.
    """
    points, _ = standardise(fingerprints, np.zeros((0, fingerprints.shape[1])))
    left, singular, loadings = np.linalg.svd(points, full_matrices=False)
    count = min(2, len(singular))
    signs = np.sign(loadings[np.arange(count), np.abs(loadings[:count]).argmax(axis=1)])
    plane = np.zeros((len(points), 2))
    plane[:, :count] = left[:, :count] * singular[:count] * np.where(signs == 0, 1, signs)
    total = float(np.sum(singular**2))
    shares = [float(value**2) / total if total else 0.0 for value in singular[:count]] + [0.0] * (2 - count)
    return plane, (shares[0], shares[1])
