"""``ActiveLearningWorkChain``: the loop over stages and iterations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.engine import ExitCode, ProcessBuilder, ToContext, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, InstalledCode

from alworkflows.settings import Campaign
from workchains.calculations.evaluate_job import EvaluateJob
from workchains.data.frames import FramesData
from workchains.loop.given import GivenDataWorkChain
from workchains.loop.ports import declare
from workchains.loop.state import KEPT
from workchains.processes.keyed import ending, link_key
from workchains.processes.queueing import is_stopping
from workchains.steps.structures import build_structures

__all__ = ["ActiveLearningWorkChain"]


class ActiveLearningWorkChain(GivenDataWorkChain):
    """Sample, deviate, select, label, refit; stage after stage, until each ensemble agrees on what its sampler visits.

    What a run has is attached as it comes, so one that stops - for whatever reason - hands over all it has, and another one can
    go on from there: see :mod:`workchains.loop.resuming`.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outline, outputs and exit codes."""
        super().define(spec)
        declare(spec)
        steps: Any = cls  # the outline's types know the steps of a plain WorkChain only
        spec.outline(
            steps.setup,
            if_(steps.has_given)(
                while_(steps.should_describe_given)(steps.run_describe_given),
                steps.inspect_describe_given,
                if_(steps.should_train_given)(steps.run_train, steps.inspect_train),
            ),
            while_(steps.should_iterate)(
                if_(steps.has_choice)(steps.take_choice).else_(
                    steps.run_levels,
                    if_(steps.is_going_on)(steps.run_sample, steps.inspect_sample),
                    if_(steps.is_going_on)(while_(steps.should_deviate)(steps.run_deviate), steps.inspect_deviate),
                    if_(steps.is_going_on)(steps.run_select),
                ),
                if_(steps.is_going_on)(
                    while_(steps.should_wait)(steps.run_ask),
                    steps.run_label,
                    while_(steps.should_wait_for_labels)(steps.await_label),
                    steps.inspect_label,
                ),
                if_(steps.should_train)(steps.run_train, steps.inspect_train),
                steps.run_judge,
            ),
            while_(steps.late_are_coming)(steps.await_late),
            if_(steps.should_train_late)(steps.run_train, steps.inspect_train),
            if_(steps.has_judgement)(while_(steps.should_evaluate)(steps.run_evaluate), steps.inspect_evaluate),
            steps.results,
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: InstalledCode,
        material: str = "zno",
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        base: Path | None = None,
    ) -> ProcessBuilder:
        """Return a builder for a built-in material and protocol, with overrides laid over it.

        Parameters
        ----------
        overrides
            any part of a campaign file, as nested dictionaries
        options
            ``metadata.options`` per step (sample, deviate, label, fit, evaluate)
        base
            folder that relative paths of structure files start from; default: the working directory
        """
        from workchains.campaigns import resolve as resolve_campaign

        return cls.get_builder_from_campaign(code, resolve_campaign(material, protocol, overrides or {}), options, base)

    @classmethod
    def get_builder_from_campaign(
        cls, code: InstalledCode, campaign: Campaign, options: dict[str, Any] | None = None, base: Path | None = None
    ) -> ProcessBuilder:
        """Return a builder for a campaign that was read and checked; files it names are read here."""
        from workchains.campaigns import read_files
        from workchains.loop.given import find_given

        builder: Any = cls.get_builder()
        builder.code = code
        builder.campaign = Dict(campaign.model_dump(mode="json"))
        given = read_files(campaign, base or Path.cwd())
        files = {link_key(name): FramesData.from_frames(frames) for name, frames in given.items()}
        if files:
            builder.files = files
        if campaign.start:
            builder.given = find_given(campaign, base or Path.cwd())
        builder.options = Dict(options or {})
        builder.metadata.label = campaign.name
        builder.metadata.description = campaign.description
        return builder

    # ------------------------------------------------------------------------------------------------ start

    def setup(self) -> None:
        """Start with nothing, or with what the campaign had that this one goes on from; build the structures."""
        self.ctx.stage, self.ctx.stage_iteration, self.ctx.iteration = 0, 0, 0
        self.ctx.groups, self.ctx.unconverged, self.ctx.failure = {}, {}, None
        self.ctx.late, self.ctx.unused = {}, []
        self.ctx.lates = 0
        for name in KEPT:
            self.ctx[name] = {}
        if "resumed" in self.inputs:
            self.take_over()
        campaign = self.campaign
        used = {name for stage in campaign.stages for name in stage.structures}
        specs = {name: spec.model_dump(mode="json") for name, spec in campaign.structures.items() if name in used}
        files = {name: node for name, node in self.inputs.get("files", {}).items() if name in set(map(link_key, used))}
        geometry = campaign.selection.geometry.model_dump(mode="json")
        settings = Dict({"structures": specs, "species": list(campaign.species), "geometry": geometry})
        built = self.call_once("structures", build_structures, label="build structures", settings=settings, **files)
        if not built.is_finished_ok:
            self.end_with("ERROR_STRUCTURES_REFUSED", message=ending(built))
            return
        self.ctx.structures = built.outputs.result
        self.out("structures", self.ctx.structures)

    def take_over(self) -> None:
        """Take over what the earlier campaign had when its last iteration ended."""
        record = self.inputs.resumed.get_dict()
        for name, nodes in self.inputs.get("previous", {}).items():
            for key, node in nodes.items():
                self.keep(name, node, key)
        self.ctx.groups, self.ctx.unconverged = record["groups"], record["unconverged"]
        self.ctx.stage, self.ctx.stage_iteration = record["stage"], record["stage_iteration"]
        self.ctx.iteration = record["iteration"]
        self.ctx.lates, self.ctx.late = record["lates"], record["late"]
        self.report(record["sentence"])

    def should_iterate(self) -> bool:
        """Go on until the stages are done or something ended the campaign; begin the next iteration."""
        if self.ctx.failure is not None or self.ctx.stage >= len(self.campaign.stages):
            return False
        if is_stopping(self.node):
            self.end_as_asked()
            return False
        if self.has_spent_all():
            return False
        self.ctx.iteration += 1
        self.ctx.stage_iteration += 1
        self.ctx.selected = self.ctx.test = None
        return True

    def has_choice(self) -> bool:
        """The earlier campaign had chosen the frames of this iteration, and begun to label them."""
        chosen = "selections" in self.inputs.get("unfinished", {})
        return chosen and self.ctx.iteration == self.inputs.resumed["iteration"] + 1

    def take_choice(self) -> None:
        """Go on with the frames that were chosen; their labels, those that come too, are found by content."""
        given = self.inputs.unfinished
        for name in ("levels", "candidates", "fingerprints", "selections"):
            if name in given:
                self.keep(name, given[name])
        self.ctx.selected, self.ctx.test = given.get("selected"), given.get("test")

    # ------------------------------------------------------------------------------------------------ end

    def has_judgement(self) -> bool:
        """There is something to judge, and something to judge it on."""
        return bool(self.ctx.ensembles and self.ctx.tests)

    def should_evaluate(self) -> bool:
        """The ensembles are not judged yet."""
        return self.ended("evaluate") is None

    def run_evaluate(self) -> ToContext:
        """Judge every iteration's ensemble on the final test set."""
        return self.run_one("evaluate", self.computer, self.make_evaluate)

    def make_evaluate(self, _: str) -> tuple[type, dict[str, Any], dict[str, Any]]:
        """Return the job that judges."""
        inputs = {
            "label": f"judge {len(self.ctx.ensembles)} ensembles",
            "code": self.inputs.code,
            "ensembles": self.all_made("ensembles"),
            "tests": {f"test_{key}": node for key, node in self.all_made("tests").items()},
            "groups": Dict({f"test_{key}": self.ctx.groups[key] for key in self.ctx.tests}),
            "metadata": {"options": self.job_options("evaluate")},
        }
        return EvaluateJob, inputs, {}

    def inspect_evaluate(self) -> None:
        """Hand over the judgement."""
        node = self.ended("evaluate")
        assert node is not None
        if node.is_finished_ok:
            self.out("evaluation", node.outputs.report)
            self.tidy(node)
        elif self.ctx.failure is None:
            self.end_with("ERROR_EVALUATION_FAILED", message=ending(node))

    def results(self) -> ExitCode | None:
        """Hand over the last ensemble, and say how the campaign ended."""
        if self.ctx.ensembles:
            self.out("ensemble", self.ensemble())
        if self.ctx.failure is None and self.ctx.unconverged:
            stages = "; ".join(f"{name}: {sentence}" for name, sentence in self.ctx.unconverged.items())
            self.end_with("WARNING_NOT_CONVERGED", labels=self.labels_paid(), stages=stages)
        if self.ctx.failure is None:
            self.report(f"done: all {len(self.campaign.stages)} stages, with {self.labels_paid()} labels")
            return None
        label, values = self.ctx.failure
        return getattr(self.exit_codes, label).format(**values)
