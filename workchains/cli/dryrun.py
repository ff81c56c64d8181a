"""Every part of a campaign, for real but tiny, in this process: structures, samplers, calculator, a toy ensemble."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ase import Atoms

from alworkflows.errors import InputError, MissingExtraError, SimulationError
from alworkflows.settings import (
    Campaign,
    DrivenDynamics,
    Dynamics,
    MeltSettings,
    ModelSettings,
    QuenchSettings,
    Stage,
    SurfaceMeltSettings,
    merge,
    parse,
)

__all__ = ["DryRun", "Item", "dry_run"]

#: steps of a sampler's trial
STEPS = 200
#: frames the toy ensemble is fitted to: enough that its two members, each of which leaves out about half, differ
TOY_FRAMES = 10
#: what makes a toy of a model: few descriptors, two members
TOY = {
    "members": 2,
    "folds": 2,
    "descriptors": {"functions": [{"family": "gaussian", "centres": [1.0, 2.0, 3.0, 4.0], "widths": [1.0]}], "l": [0], "m": [4]},
    "fit": {"quantities": ["forces"], "terms": 6, "max_terms": 6},
}


@dataclass(frozen=True)
class Item:
    """One thing that was tried: what, whether it works, what was seen or what is wrong, and how long it took."""

    what: str
    ok: bool
    message: str
    seconds: float


@dataclass
class DryRun:
    """All that was tried.

    Attributes
    ----------
    items
        In the order of trying.
    seconds_per_atom
        Time of a label over the frame's atoms, without loading the calculator; None if no label came.
    atoms
        Atoms of each structure that could be built.
    """

    items: list[Item] = field(default_factory=list)
    seconds_per_atom: float | None = None
    atoms: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Nothing failed."""
        return all(item.ok for item in self.items)


class _TrialError(Exception):
    """A trial did not work; the rest goes on without it."""


def dry_run(campaign: Campaign, base: Path, report: Callable[[Item], None], run: bool = True) -> DryRun:
    """Try every part of a campaign.

    Parameters
    ----------
    campaign
        Its settings.
    base
        Folder that relative file names start from.
    report
        Gets each item as soon as it was tried.
    run
        Whether samplers and calculator run; if not, structures are built and checked only.
    """
    trial = _Trial(campaign, base, report)
    trial.build_structures()
    if run:
        trial.try_calculator()
        for stage in campaign.stages:
            trial.try_sampler(stage)
    return trial.result


class _Trial:
    """State of a dry run: the structures that could be built, the frames so far, the toy ensemble."""

    def __init__(self, campaign: Campaign, base: Path, report: Callable[[Item], None]) -> None:
        self.campaign, self.base, self.report = campaign, base, report
        self.result = DryRun()
        self.structures: dict[str, Atoms] = {}
        self.frames: list[Atoms] = []
        self.toy: Any = None

    def attempt(self, what: str, action: Callable[[], str]) -> None:
        """Do something and note how it went."""
        start = time.perf_counter()
        try:
            message, ok = action(), True
        except (InputError, SimulationError, MissingExtraError, _TrialError) as error:
            message, ok = str(error), False
        except Exception as error:  # a trial is there to find what goes wrong, whatever it is
            message, ok = f"{type(error).__name__}: {error}", False
        item = Item(what, ok, message, time.perf_counter() - start)
        self.result.items.append(item)
        self.report(item)

    # -------------------------------------------------------------------------------------------- structures

    def build_structures(self) -> None:
        """Build and check all structures that a stage uses."""
        used = {name for stage in self.campaign.stages for name in stage.structures}
        for name in self.campaign.structures:
            if name in used:
                self.attempt(f"structure {name}", lambda name=name: self._build(name))  # type: ignore[misc]

    def _build(self, name: str) -> str:
        from alworkflows.structures import build, check

        settings = self.campaign.structures[name]
        atoms = build(settings, name, self.base)
        limits = self.campaign.selection.geometry
        allowed = limits.in_a_box() if settings.isolated else limits
        check(atoms, self.campaign.species, allowed, name, slab=settings.miller is not None)
        self.structures[name] = atoms
        self.result.atoms[name] = len(atoms)
        polar = " polar surface" if atoms.info["origin"].get("polar") else ""
        lengths = " x ".join(f"{length:.1f}" for length in atoms.cell.lengths())
        return f"{atoms.get_chemical_formula()},{polar} {lengths} A"

    # -------------------------------------------------------------------------------------------- calculator

    def try_calculator(self) -> None:
        """Load the calculator, label a frame, and label it again to see what one costs once all is loaded."""
        self.attempt(f"calculator {self.campaign.label.calculator.name}", self._label)

    def _label(self) -> str:
        if not self.structures:
            raise _TrialError("not tried: there is no structure to label")
        atoms = next(iter(self.structures.values())).copy()
        atoms.rattle(0.02, seed=self.campaign.seed)
        start = time.perf_counter()
        self._labelled([atoms])
        first = time.perf_counter() - start
        atoms.rattle(0.02, seed=self.campaign.seed + 1)
        start = time.perf_counter()
        frame = self._labelled([atoms])[0]
        seconds = time.perf_counter() - start
        self.result.seconds_per_atom = seconds / len(frame)
        return f"{seconds:.2f} s for {len(frame)} atoms, after {max(first - seconds, 0):.1f} s of loading"

    def _labelled(self, frames: list[Atoms]) -> list[Atoms]:
        from alworkflows.calculators import label

        found: list[Atoms] = []
        failures = label(frames, self.campaign.label, found.append)
        if failures:
            raise _TrialError(str(failures[0]["reason"]))
        return found

    # -------------------------------------------------------------------------------------------- samplers

    def try_sampler(self, stage: Stage) -> None:
        """Run a stage's sampler for a few hundred steps on its first structure."""
        self.attempt(f"stage {stage.name}: {stage.sampler.name}", lambda: self._sample(stage))

    def _sample(self, stage: Stage) -> str:
        from alworkflows.sampling import sample

        name = next((name for name in stage.structures if name in self.structures), None)
        if name is None:
            raise _TrialError("not tried: none of its structures could be built")
        driven = stage.sampler.needs_ensemble
        driver = self._driver() if driven else None
        kept: list[Atoms] = []
        report = sample(shorten(stage.sampler), self.structures[name], name, self.campaign.seed, kept.append, driver)
        if not driven:
            self.frames += kept
        if not kept and not (driven and report.stopped):
            raise _TrialError(f"no frame came: {report.message or 'no reason given'}")
        tail = ""
        if report.stopped:
            tail = f"; stopped: {report.message}" + (" (as a toy ensemble may)" if driven else "")
        return f"{report.steps} steps of {name}, {len(kept)} frames{tail}"

    def _driver(self) -> Any:
        if self.toy is None:
            self.toy = self._toy()
        return self.toy.calculator()

    def _toy(self) -> Any:
        """Fit a small ensemble to a few frames with labels: what the melt gave, filled up with rattled structures."""
        from alworkflows.models import train

        model = parse(ModelSettings, merge(self.campaign.model.model_dump(mode="json"), TOY), "toy model")
        frames = self._labelled(self.frames[: TOY_FRAMES // 2] + list(self._rattled(TOY_FRAMES - TOY_FRAMES // 2)))
        return train(frames, model, self.campaign.species, self.campaign.seed)[0]

    def _rattled(self, count: int) -> Iterator[Atoms]:
        source = min(self.structures.values(), key=len)
        for index in range(count):
            atoms = source.copy()
            atoms.rattle(0.05 + 0.05 * index, seed=self.campaign.seed + index)
            yield atoms


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
