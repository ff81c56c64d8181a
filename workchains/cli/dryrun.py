"""Every part of a campaign, for real but tiny, in this process: structures, samplers, calculator, a toy ensemble."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase import Atoms

from alworkflows.errors import InputError, MissingExtraError, SimulationError
from alworkflows.settings import Campaign, Stage
from workchains.cli.toy import TOY_FRAMES, shorten, toy_labels, toy_model

if TYPE_CHECKING:
    from aiida.orm import InstalledCode

    from alworkflows.settings import GivenData
    from workchains.cli.ready import Codes
    from workchains.data.frames import FramesData

__all__ = ["DryRun", "Item", "dry_run"]


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
    core_hours_per_atom
        Of labels with the same settings that are in the profile; None if none are, or it was not asked.
    atoms
        Atoms of each structure that could be built.
    """

    items: list[Item] = field(default_factory=list)
    seconds_per_atom: float | None = None
    core_hours_per_atom: float | None = None
    atoms: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Nothing failed."""
        return all(item.ok for item in self.items)


class _TrialError(Exception):
    """A trial did not work; the rest goes on without it."""


def dry_run(
    campaign: Campaign,
    base: Path,
    report: Callable[[Item], None],
    run: bool = True,
    find: Callable[[], Codes] | None = None,
) -> DryRun:
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
    find
        Returns the campaign's codes; None: the profile is not asked.
    """
    trial = _Trial(campaign, base, report)
    trial.build_structures()
    trial.try_settings(find)
    trial.try_given()
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
        self.given: dict[int, dict[str, FramesData]] = {}
        self.uses: dict[str, dict[str, Any]] = {}
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
        from alworkflows.sampling import notes, require_suited
        from alworkflows.structures import build, check
        from alworkflows.structures.distinct import require_distinct

        settings = self.campaign.structures[name]
        atoms = build(settings, name, self.base)
        limits = self.campaign.selection.geometry
        allowed = limits.in_a_box() if settings.isolated else limits
        check(atoms, self.campaign.species, allowed, name, slab=settings.miller is not None)
        require_distinct([*self.structures.items(), (name, atoms)])
        samplers = [stage.sampler for stage in self.campaign.stages if name in stage.structures]
        for sampler in samplers:
            require_suited(sampler, atoms, name)
        said = dict.fromkeys([*atoms.info.get("notes", ()), *(note for sampler in samplers for note in notes(sampler, atoms))])
        self.structures[name] = atoms
        self.result.atoms[name] = len(atoms)
        polar = " polar surface" if atoms.info["origin"].get("polar") else ""
        lengths = " x ".join(f"{length:.1f}" for length in atoms.cell.lengths())
        return "; ".join([f"{atoms.get_chemical_formula()},{polar} {lengths} A", *said])

    # -------------------------------------------------------------------------------------------- labels

    def try_settings(self, find: Callable[[], Codes] | None) -> None:
        """See that the machines have the programs, and that the label settings suit the structures and what the profile holds."""
        codes: list[Codes] = []
        if find is not None:

            def look() -> str:
                codes.append(find())
                pair = codes[0]
                same = pair.code.pk == pair.label_code.pk
                return pair.code.full_label + ("" if same else f"; labels by {pair.label_code.full_label}")

            self.attempt("machines", look)
        self.attempt("label settings", lambda: self._settings(codes[0].label_code if codes else None))

    def _settings(self, code: InstalledCode | None) -> str:
        from alworkflows.calculators import parameters

        frames = list(self.structures.values())
        settings = self.campaign.label
        if settings.engine == "ase":
            engine = parameters(settings.calculator)
            for name, frame in self.structures.items():
                try:
                    engine.check(frame)
                except InputError as error:
                    raise _TrialError(f"structure {name}: {error}") from error
        else:
            from workchains.cli.ready import require_labels

            require_labels(self.campaign, frames, code)
        if code is not None and frames:
            self._price(frames, code)
        note = "" if code is not None or settings.engine == "ase" else "; potentials not looked for, see above"
        return f"suit {len(frames)} structures{note}"

    def _price(self, frames: list[Atoms], code: InstalledCode) -> None:
        """Ask the profile what labels of the same settings took."""
        from workchains.data.frames import FramesData
        from workchains.loop.approval import estimate

        price = estimate(FramesData.from_frames(frames), self.campaign.label, code)
        if price["core_hours"] is not None:
            self.result.core_hours_per_atom = price["core_hours"] / price["atoms"]

    def try_given(self) -> None:
        """See that the frames to begin with are there, with labels; an archive is not imported."""
        for number, source in enumerate(self.campaign.start):
            self.attempt(f"given data {number + 1}", lambda source=source, number=number: self._given(source, number))  # type: ignore[misc]
        if len(self.given) > 1:
            self.attempt("given data together", self._given_together)

    def _given(self, source: GivenData, number: int) -> str:
        if source.archive is not None:
            path = self.base / source.archive
            if not path.is_file():
                raise InputError(f"{path}: no such file")
            return f"{path.name}: an archive, imported by launch"
        from workchains.loop.given_sources import find_given

        nodes, uses = find_given(self.campaign.model_copy(update={"start": (source,)}), self.base)
        self.given[number] = {f"{number}/{key}": node for key, node in nodes.items()}
        self.uses |= {f"{number}/{key}": use for key, use in uses.items()}
        total: dict[str, int] = {}
        for key, node in nodes.items():
            total[uses[key]["use"]] = total.get(uses[key]["use"], 0) + len(node)
        told = [line for node in nodes.values() for line in node.base.attributes.get("reading", {}).get("lines", ())]
        return "; ".join([", ".join(f"{frames} frames to {use}" for use, frames in total.items() if frames), *told])

    def _given_together(self) -> str:
        from alworkflows.frames import require_one_engine
        from workchains.loop.given_apart import require_once

        nodes = {key: node for entry in self.given.values() for key, node in entry.items()}
        require_one_engine({node.label or key: node.engine for key, node in nodes.items()}, "start")
        notes = require_once(self.given, self.uses)
        told = [line for node in nodes.values() for line in node.base.attributes.get("reading", {}).get("lines", ())]
        more = [line for lines in notes.values() for line in lines if line not in told]
        return "; ".join(["each frame once", *more])

    @property
    def runs_here(self) -> bool:
        """Whether the calculator can be tried in this process: programs that run as jobs cannot, nor what is elsewhere alone."""
        from alworkflows.calculators import parameters

        settings = self.campaign.label
        if settings.engine != "ase":
            return False
        elsewhere = settings.machine or self.campaign.machine
        return elsewhere is None or parameters(settings.calculator).installed()

    def try_calculator(self) -> None:
        """Load the calculator, label a frame, and label it again to see what one costs once all is loaded."""
        if not self.runs_here:
            settings = self.campaign.label
            name = settings.calculator.name if settings.engine == "ase" else settings.engine
            where = settings.machine or self.campaign.machine
            on = f" on {where}" if where else ""
            self.attempt(f"labels by {name}", lambda: f"not tried here: they run as jobs{on}; try them with alworkflows label")
            return
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
        from alworkflows.labelling import label

        labelled: list[Atoms] = []
        failures = label(frames, self.campaign.label, labelled.append)
        if failures:
            raise _TrialError(str(failures[0]["reason"]))
        return labelled

    # -------------------------------------------------------------------------------------------- samplers

    def try_sampler(self, stage: Stage) -> None:
        """Run a stage's sampler for a few hundred steps on its first structure."""
        self.attempt(f"stage {stage.name}: {stage.sampler.name}", lambda: self._sample(stage))

    def _sample(self, stage: Stage) -> str:
        from alworkflows.sampling import check_sampler, sample

        name = next((name for name in stage.structures if name in self.structures), None)
        if name is None:
            raise _TrialError("not tried: none of its structures could be built")
        for other in stage.structures:
            if other in self.structures:
                check_sampler(stage.sampler, self.structures[other], other)
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

        model = toy_model(self.campaign.model)
        chosen = self.frames[: TOY_FRAMES // 2] + list(self._rattled(TOY_FRAMES - TOY_FRAMES // 2))
        frames = self._labelled(chosen) if self.runs_here else toy_labels(chosen, self.campaign)
        return train(frames, model, self.campaign.species, self.campaign.seed)[0]

    def _rattled(self, count: int) -> Iterator[Atoms]:
        source = min(self.structures.values(), key=len)
        for index in range(count):
            atoms = source.copy()
            atoms.rattle(0.05 + 0.05 * index, seed=self.campaign.seed + index)
            yield atoms
