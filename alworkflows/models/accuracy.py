"""Errors of an ensemble on labelled frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from alworkflows.frames import check_labelled, labels

if TYPE_CHECKING:
    from alworkflows.models.ensemble import Ensemble
    from alworkflows.models.evaluation import EnsemblePrediction

__all__ = ["force_errors"]


def force_errors(
    ensemble: Ensemble, frames: Sequence[Atoms], predictions: Sequence[EnsemblePrediction] | None = None
) -> dict[str, Any]:
    """Return how far the mean is from the labels; ``predictions``: of these frames, if they are there already.

    ``summary``: ``frames``, ``force_rmse``, ``force_mae``, ``force_q999`` (99.9 % quantile of the error of a component),
    ``force_std`` (of the reference), ``energy_rmse`` (eV an atom) and ``stress_rmse`` (eV/A^3) where labels are there;
    ``reference_forces`` and ``predicted_forces`` (sum N, 3); per frame ``largest_error`` (largest norm of an atom's force error),
    ``disagreement``, ``force_rms`` (of the reference's components), ``largest_force`` (norm) and ``rms_error`` (of components),
    all in eV/A; by the name of each member its own ``member_rmse`` (eV/A).

    Raises
    ------
    InputError
        If there are no frames, or some have no forces.
    """
    check_labelled(frames, ("forces",), "frames to compare with")
    predictions = ensemble.predict(frames) if predictions is None else predictions
    reference = np.concatenate([labels(frame).forces for frame in frames])
    predicted = np.concatenate([prediction.forces for prediction in predictions])
    error = predicted - reference
    ends = np.cumsum([len(frame) for frame in frames])[:-1]
    norms, forces = np.split(np.linalg.norm(error, axis=1), ends), np.split(reference, ends)
    summary: dict[str, Any] = {
        "frames": len(frames),
        "force_rmse": _rms(error),
        "force_mae": float(np.abs(error).mean()),
        "force_q999": float(np.quantile(np.abs(error), 0.999)),
        "force_std": float(reference.std()),
    }
    energies = [
        (prediction.energy - stored.energy) / len(frame)
        for prediction, frame in zip(predictions, frames, strict=True)
        if (stored := labels(frame)).energy is not None
    ]
    if energies:
        summary["energy_rmse"] = _rms(np.array(energies))
    stresses = [
        prediction.stress - stored.stress
        for prediction, frame in zip(predictions, frames, strict=True)
        if (stored := labels(frame)).stress is not None
    ]
    if stresses:
        summary["stress_rmse"] = _rms(np.array(stresses))
    return {
        "summary": summary,
        "reference_forces": reference,
        "predicted_forces": predicted,
        "largest_error": np.array([norm.max() for norm in norms]),
        "disagreement": np.array([prediction.deviation.max() for prediction in predictions]),
        "force_rms": np.array([_rms(of_frame) for of_frame in forces]),
        "largest_force": np.array([np.linalg.norm(of_frame, axis=1).max() for of_frame in forces]),
        "rms_error": np.array([_rms(of_frame) for of_frame in np.split(error, ends)]),
        "member_rmse": dict(zip(ensemble.names, _each(predictions, reference), strict=True)),
    }


def _each(predictions: Sequence[EnsemblePrediction], reference: np.ndarray) -> list[float]:
    """Return the root mean square error of each member."""
    members = np.concatenate([prediction.members for prediction in predictions], axis=1)
    return [_rms(forces - reference) for forces in members]


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))
