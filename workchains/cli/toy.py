"""What a dry run makes small: samplers of a few hundred steps, an ensemble of a few terms, labels that cost nothing."""

from __future__ import annotations

from typing import Any

from ase import Atoms

from alworkflows.errors import SimulationError
from alworkflows.settings import (
    CalculatorSettings,
    Campaign,
    DrivenDynamics,
    Dynamics,
    LabelSettings,
    LinearSettings,
    MeltSettings,
    ModelSettings,
    QuenchSettings,
    SurfaceMeltSettings,
    parse,
)

__all__ = ["TOY_FRAMES", "shorten", "toy_labels", "toy_model"]

#: steps of a sampler's trial
STEPS = 200
#: frames the toy ensemble is fitted to: enough that its two members, each of which leaves out about half, differ
TOY_FRAMES = 10
#: what makes a toy of a group of linear models: few descriptors
TOY = {
    "folds": 2,
    "descriptors": {"functions": [{"family": "gaussian", "centres": [1.0, 2.0, 3.0, 4.0], "widths": [1.0]}], "l": [0], "m": [4]},
    "fit": {"quantities": ["forces"], "terms": 6, "max_terms": 6},
}


def toy_model(model: ModelSettings) -> ModelSettings:
    """Return an ensemble like a campaign's, small: two linear members for all that are fitted, pretrained ones as they are."""
    pretrained = [group for group in model.groups if not group.is_trained]
    if not model.is_trained:
        return model
    toy = parse(LinearSettings, {**TOY, "members": 2}, "toy model")
    return ModelSettings.of(toy, *pretrained)


def toy_labels(frames: list[Atoms], campaign: Campaign) -> list[Atoms]:
    """Label frames by a classical potential, where the campaign's labels come from jobs: that of a melt, else springs.

    Raises
    ------
    SimulationError
        If no frame got a label.
    """
    from alworkflows.labelling import label

    melt = next((stage.sampler for stage in campaign.stages if isinstance(stage.sampler, MeltSettings)), None)
    if melt is not None:
        calculator = CalculatorSettings(name="classical", parameters={"potential": melt.potential})
    else:
        calculator = CalculatorSettings(name="morse", parameters={"r0": 2.5, "epsilon": 0.5})
    labelled: list[Atoms] = []
    failures = label(frames, LabelSettings(calculator=calculator, largest_force=1e6), labelled.append)
    if not labelled:
        raise SimulationError(f"no toy ensemble: {failures[0]['reason']}")
    return labelled


def shorten(sampler: Any) -> Any:
    """Return a sampler's settings with durations cut so that all takes a few hundred steps and leaves a few frames."""
    changes: dict[str, Any] = {"snapshots": min(sampler.snapshots, 4)}
    if not isinstance(sampler, Dynamics):
        return sampler.model_copy(update=changes)
    short = STEPS * sampler.timestep
    if isinstance(sampler, QuenchSettings):
        first, last = sampler.temperature
        part = short / 4
        changes |= {
            "melt_duration": min(sampler.melt_duration, part),
            "equilibrate": min(sampler.equilibrate, part),
            "hold": min(sampler.hold, part),
            "rate": max(sampler.rate, (first - last) / part * 1e3),
        }
    elif isinstance(sampler, MeltSettings | SurfaceMeltSettings):
        changes["duration"] = min(sampler.duration, short)
    if isinstance(sampler, DrivenDynamics):
        changes["watch_every"] = min(sampler.watch_every, 20)
    return sampler.model_copy(update=changes)
