"""What an iteration hands to its steps: the campaign's settings, and what follows from where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiida.orm import Dict, List

from alworkflows.settings import Campaign, Criterion, GeometryLimits, Stage
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.loop.budget import share_out

__all__ = ["decision", "describing", "sampling", "selection", "training", "trust_levels"]


def trust_levels(campaign: Campaign, stage: Stage, groups: Sequence[tuple[str, str]], reference: float | None) -> dict[str, Any]:
    """Return the settings of :func:`~workchains.steps.trust_levels.find_trust_levels`; ``groups``: test sets, oldest first."""
    return {
        "levels": campaign.selection.levels.model_dump(mode="json"),
        "stage": stage.name,
        "stages": [[f"test_{key}", group] for key, group in groups],
        "reference": reference,
    }


def selection(
    campaign: Campaign, stage: Stage, candidates: int, window: Sequence[float] | None, most: int | None
) -> dict[str, Any]:
    """Return the settings of :func:`~workchains.steps.select.select_frames`.

    Parameters
    ----------
    candidates
        How many there are.
    window
        Lower and upper trust level, eV/A; None without an ensemble.
    most
        Labels that may be bought; None: as many as the settings want.
    """
    chosen_by = campaign.selection
    wanted, share = stage.budget or chosen_by.budget, chosen_by.test_share
    if not stage.train:
        # a transfer set follows the sampler's own distribution, as a test set does
        wanted, share = 0, min(1.0, wanted / candidates)
    if most is not None:
        wanted, share = share_out(most, wanted, share, candidates)
    values = chosen_by.model_dump(mode="json")
    return {**values, "window": None if window is None else list(window), "budget_now": wanted, "test_share": share}


def sampling(stage: Stage, seed: int, ensemble: EnsembleData | None, upper: float | None) -> dict[str, Any]:
    """Return what a sampling step needs to know of its stage; ``upper``: disagreement (eV/A) at which a run stops."""
    inputs: dict[str, Any] = {
        "names": List(list(stage.structures)),
        "sampler": Dict(stage.sampler.model_dump(mode="json")),
        "run": Dict({"seed": seed, "upper": upper}),
    }
    return inputs if ensemble is None else {**inputs, "ensemble": ensemble}


def describing(
    campaign: Campaign, limits: GeometryLimits, ensemble: EnsembleData | None, batches: Mapping[str, FramesData]
) -> dict[str, Any]:
    """Return settings, ensemble and, where the extrapolation grade is wanted, training set of a job that describes candidates."""
    grade = ensemble is not None and campaign.selection.criterion is Criterion.GRADE
    geometry = limits.model_dump(mode="json")
    inputs: dict[str, Any] = {"settings": Dict({"species": list(campaign.species), "geometry": geometry, "grade": grade})}
    if ensemble is not None:
        inputs["ensemble"] = ensemble
    if grade:
        inputs["batches"] = {f"batch_{key}": node for key, node in batches.items()}
    return inputs


def training(
    campaign: Campaign, seed: int, sets: Mapping[str, Mapping[str, FramesData]], groups: Mapping[str, str]
) -> tuple[dict[str, Any], str | None]:
    """Return settings and frames of a training step, and in words what of the campaign's settings cannot hold yet.

    Parameters
    ----------
    sets
        ``batches``, ``tests`` and ``transfers``, by key.
    groups
        Stage of each key of tests and transfers.
    """
    model, note = campaign.model, None
    if model.needs_transfer_set and not sets["transfers"]:
        model, note = model.without_transfer_set(), "no transfer set is labelled yet; this fit goes without one"
    settings = {"model": model.model_dump(mode="json"), "species": list(campaign.species), "seed": seed}
    inputs: dict[str, Any] = {"settings": Dict(settings)}
    for name, prefix in (("batches", "batch"), ("tests", "test"), ("transfers", "transfer")):
        if sets[name]:
            inputs[name] = {f"{prefix}_{key}": node for key, node in sets[name].items()}
    if sets["transfers"]:
        inputs["groups"] = Dict({f"transfer_{key}": groups[key] for key in sets["transfers"]})
    return inputs, note


def decision(stage: Stage, place: Mapping[str, Any], tests: Iterable[str], labels: int) -> dict[str, Any]:
    """Return the settings of :func:`~workchains.steps.convergence.decide_convergence`.

    Parameters
    ----------
    place
        Which iteration it is: ``iteration``, ``stage_iteration``.
    tests
        Keys of the stage's own test sets.
    labels
        Added to the training set.
    """
    return {
        "convergence": stage.convergence.model_dump(mode="json"),
        "iterations": stage.iterations,
        "stage": stage.name,
        "stage_iteration": place["stage_iteration"],
        "iteration": place["iteration"],
        "tests": [f"test_{key}" for key in tests],
        "labels": labels,
    }
