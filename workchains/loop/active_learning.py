"""``ActiveLearningWorkChain``: a campaign, which walks through its stages one iteration after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ExitCode, ProcessBuilder, ToContext, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, InstalledCode, Int, ProcessNode

from alworkflows.selection.convergence import Ending
from alworkflows.settings import Approval, Campaign
from workchains.calculations.evaluate_job import EvaluateJob
from workchains.loop.approval import was_approved
from workchains.loop.budget import most_labels, what_is_used_up
from workchains.loop.given import GIVEN, GivenDataWorkChain
from workchains.loop.iteration import LATE_LABELS, IterationWorkChain
from workchains.loop.late_batches import LateBatches
from workchains.loop.ports import declare
from workchains.loop.products import LABELLED, OF_GIVEN, PRODUCTS
from workchains.processes.exit_statuses import CampaignStatus
from workchains.processes.keyed import ending
from workchains.processes.naming import link_key
from workchains.processes.queueing import is_stopping, load_process
from workchains.provenance.places import LABEL_EARLY, SAMPLE_AHEAD
from workchains.steps.structures import build_structures

__all__ = ["ActiveLearningWorkChain"]


class ActiveLearningWorkChain(LateBatches):
    """Iterations of stage after stage, until each ensemble agrees on what its sampler visits; then the last judgement.

    The campaign keeps the stages, the budget and late labels; an iteration does the rest. What a run has is attached as it comes,
    so one that stops - for whatever reason - hands over all it has, and another one can go on from there: see
    :mod:`workchains.loop.resuming`.

    Its context also holds ``ahead`` (sampling that was begun before its turn).
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outline, outputs and exit codes."""
        super().define(spec)
        declare(spec)
        steps: Any = cls  # the outline's types know the steps of a plain WorkChain only
        spec.outline(
            steps.setup,
            if_(steps.has_given)(steps.run_given, steps.inspect_given),
            steps.take_stock,
            while_(steps.should_iterate)(
                while_(steps.should_await_candidates)(steps.await_candidates),
                steps.run_iteration,
                steps.inspect_iteration,
                steps.take_stock,
            ),
            while_(steps.should_await_late)(steps.await_late),
            steps.collect_late,
            if_(steps.should_train_late)(steps.run_train_late, steps.inspect_iteration),
            while_(steps.should_evaluate)(steps.run_evaluate),
            if_(steps.has_evaluated)(steps.inspect_evaluate),
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
            ``metadata.options`` per step (sample, describe, label, fit, evaluate)
        base
            folder that relative paths of structure files start from; default: the working directory
        """
        from workchains.campaigns import resolve

        return cls.get_builder_from_campaign(code, resolve(material, protocol, overrides or {}), options, base)

    @classmethod
    def get_builder_from_campaign(
        cls, code: InstalledCode, campaign: Campaign, options: dict[str, Any] | None = None, base: Path | None = None
    ) -> ProcessBuilder:
        """Return a builder for a campaign that was read and checked; files it names are read here."""
        from workchains.loop.builders import fill

        return fill(cls.get_builder(), code, campaign, options, base)

    # ------------------------------------------------------------------------------------------------ start

    def setup(self) -> None:
        """Start with nothing, or with what the campaign had that this one goes on from; build the structures."""
        self.begin_state()
        self.ctx.late, self.ctx.late_batches, self.ctx.ahead = {}, 0, None
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
            self.end_with(CampaignStatus.STRUCTURES_REFUSED, message=ending(built))
            return
        self.ctx.structures = built.outputs.result
        self.out("structures", self.ctx.structures)

    def has_given(self) -> bool:
        """There are labelled frames to begin with, and no earlier campaign that has taken them up."""
        given: Any = self.inputs.get("given")
        return self.ctx.failure is None and bool(given) and not set(given["sources"]) & set(self.ctx.products["fingerprints"])

    def run_given(self) -> ToContext:
        """Begin with the frames that are there."""
        given = self.submit_once(
            GIVEN, GivenDataWorkChain, label="given frames", **self.shared(), **self.inputs["given"], seed=Int(self.campaign.seed)
        )
        return ToContext(given=given)

    def inspect_given(self) -> None:
        """Take over what came of them."""
        node = self.ctx.given
        for namespace in OF_GIVEN:
            for key, data in node.outputs[namespace].items() if namespace in node.outputs else ():
                self.hand_over_of(namespace, key, data)
                if namespace == "tests":
                    self.ctx.groups = {**self.ctx.groups, key: GIVEN}
        for output in ("ensemble", "report"):
            if output in node.outputs:
                self.hand_over_of(PRODUCTS[output], self.key, node.outputs[output])
        self.end_as(node)

    # ------------------------------------------------------------------------------------------------ may it go on

    def take_stock(self) -> None:
        """Take what came late; end the campaign if it was asked to begin nothing new, or if its budget or time is used up."""
        self.collect_late()
        if self.ctx.failure is not None or self.ctx.stage >= len(self.campaign.stages):
            return
        stage, budget = self.campaign.stages[self.ctx.stage].name, self.campaign.budget
        if is_stopping(self.node):
            self.end_with(CampaignStatus.STOPPED, labels=self.labels_paid(), stage=stage)
        elif self.is_limited():
            spent = self.spent()
            used = what_is_used_up(budget, spent, self.campaign.selection.core_hours)
            if used is not None:
                self.end_with(CampaignStatus.BUDGET_EXHAUSTED, used=used, stage=stage)
            elif budget.hours is not None and spent.hours >= budget.hours:
                self.end_with(CampaignStatus.TIME_USED_UP, hours=f"{budget.hours:g}", labels=spent.labels, stage=stage)

    def is_limited(self) -> bool:
        """There is a limit to what may be spent."""
        budget = self.campaign.budget
        limits = (budget.labels, budget.core_hours, budget.hours, self.campaign.selection.core_hours)
        return any(limit is not None for limit in limits)

    def should_iterate(self) -> bool:
        """There is a stage to go on with, and nothing has ended the campaign."""
        return self.ctx.failure is None and self.ctx.stage < len(self.campaign.stages)

    # ------------------------------------------------------------------------------------------------ iterations

    def candidates_ahead(self) -> ProcessNode | None:
        """Return the sampling of the next iteration, if it was begun before its turn."""
        ahead = self.ctx.ahead
        if ahead is None or ahead["stage"] != self.ctx.stage or ahead["stage_iteration"] != self.ctx.stage_iteration + 1:
            return None
        return load_process(ahead["pk"])

    def should_await_candidates(self) -> bool:
        """The sampling that was begun before its turn has not ended."""
        chain = self.candidates_ahead()
        return chain is not None and not chain.is_terminated

    def await_candidates(self) -> ToContext:
        """Wait for it."""
        return ToContext(**{f"others.pk_{chain.pk}": chain for chain in [self.candidates_ahead()] if chain is not None})

    def run_iteration(self) -> ToContext:
        """Begin the next iteration of the stage."""
        ahead = self.candidates_ahead()
        self.ctx.iteration += 1
        self.ctx.stage_iteration += 1
        stage, campaign = self.campaign.stages[self.ctx.stage], self.campaign
        spent = self.spent()
        ask = campaign.label.approval is not Approval.NEVER and not (
            campaign.label.approval is Approval.FIRST and was_approved(self.node)
        )
        more: dict[str, Any] = {"structures": self.ctx.structures}
        if ahead is not None and "candidates" in ahead.outputs:
            more["candidates"] = ahead.outputs.candidates
        if "unfinished" in self.inputs and self.ctx.iteration == self.inputs.resumed["iteration"] + 1:
            more["choice"] = dict(self.inputs.unfinished)
        coming = self.coming()
        if coming is not None:
            more["ahead"] = Dict({"name": campaign.stages[coming[0]].name, "stage_iteration": coming[1]})
        own = {key: node for key, node in self.products("decisions").items() if node["stage"] == stage.name}
        if own:
            more["decisions"] = own
        if self.has("fingerprints"):
            more["fingerprints"] = self.products("fingerprints")
        allowance = {"labels": most_labels(campaign.budget, spent, campaign.selection.core_hours), "ask": ask}
        return self.submit_iteration(stage.name, allowance, more)

    def submit_iteration(self, stage: str, allowance: dict[str, Any], more: dict[str, Any]) -> ToContext:
        """Submit an iteration, with all that the campaign has so far."""
        place = {"name": stage, "iteration": self.ctx.iteration, "stage_iteration": self.ctx.stage_iteration}
        for name in LABELLED:
            if self.has(name):
                more[name] = self.products(name)
        for name, namespace in (("ensemble", "ensembles"), ("report", "reports")):
            if self.has(namespace):
                more[name] = self.last(namespace)
        node = self.submit_once(
            self.key,
            IterationWorkChain,
            label=f"{self.key}: {stage}",
            stage=Dict(place),
            groups=Dict(self.ctx.groups),
            allowance=Dict(allowance),
            seed=Int(self.campaign.seed),
            **self.shared(),
            **more,
        )
        return ToContext(current=node)

    def coming(self) -> tuple[int, int] | None:
        """Return index of the stage and number in it of what may be sampled before its turn; None: nothing."""
        stages, index, number = self.campaign.stages, self.ctx.stage, self.ctx.stage_iteration + 1
        if self.ctx.stage_iteration >= stages[index].iterations:
            index, number = index + 1, 1
        if not self.campaign.overlap.sample_ahead or index >= len(stages) or stages[index].sampler.needs_ensemble:
            return None
        return index, number

    def inspect_iteration(self) -> None:
        """Hand over what it made; go to the next stage if this one has ended."""
        node = self.ctx.current
        products = {name: node.outputs[name] for name in PRODUCTS if name in node.outputs}
        for output, data in products.items():
            self.hand_over_of(PRODUCTS[output], self.key, data)
            if output in ("test_batch", "transfer_batch"):
                self.ctx.groups = {**self.ctx.groups, self.key: node.inputs.stage["name"]}
        self.remember_children(node)
        decision = products.get("decision")
        if decision is not None and decision["ending"] is not None:
            if decision["ending"] not in (Ending.CONVERGED, Ending.FIXED):
                self.ctx.unconverged = {**self.ctx.unconverged, decision["stage"]: decision["sentence"]}
            self.ctx.stage += 1
            self.ctx.stage_iteration = 0
        self.end_as(node)

    def remember_children(self, node: ProcessNode) -> None:
        """Remember what goes on after an iteration: labels that come late, and sampling begun before its turn."""
        links = node.base.links.get_outgoing(link_type=(LinkType.CALL_WORK, LinkType.CALL_CALC)).all()
        children = {link.link_label: link.node for link in links}
        if LABEL_EARLY in children:
            self.ctx.late = {**self.ctx.late, self.key: node.uuid}
        if SAMPLE_AHEAD in children:
            index = [stage.name for stage in self.campaign.stages].index(node.inputs.ahead["name"])
            number = node.inputs.ahead["stage_iteration"]
            self.ctx.ahead = {"pk": children[SAMPLE_AHEAD].pk, "stage": index, "stage_iteration": number}

    def end_as(self, node: ProcessNode) -> None:
        """End as an iteration did, if it has not ended well."""
        if node.is_finished_ok or self.ctx.failure is not None:
            return
        if node.exit_status == CampaignStatus.STOPPED:
            return  # that is told of the whole campaign when it takes stock
        what = f"{self.key} (stage {node.inputs.stage['name']})" if "stage" in node.inputs else "the work on given frames"
        if not node.is_finished or node.exit_status not in {int(status) for status in CampaignStatus}:
            self.end_with(CampaignStatus.ITERATION_FAILED, what=what, message=ending(node))
            return
        self.ctx.failure = (node.exit_status, node.exit_message)
        self.report(f"{what} has ended the campaign: {node.exit_message}")

    # ------------------------------------------------------------------------------------------------ end

    def run_train_late(self) -> ToContext:
        """Fit once more, in an iteration of its own."""
        self.ctx.iteration += 1
        return self.submit_iteration(LATE_LABELS, {"labels": 0, "ask": False}, {"structures": self.ctx.structures})

    def should_evaluate(self) -> bool:
        """There are ensembles, and test frames, and they are not evaluated yet."""
        return self.has("ensembles") and self.has("tests") and self.ended("evaluate") is None

    def run_evaluate(self) -> ToContext:
        """Evaluate every iteration's ensemble on the final test set."""
        return self.run_each(["evaluate"], self.computer, self.make_evaluate)

    def make_evaluate(self, _: str) -> tuple[type, dict[str, Any], dict[str, Any]]:
        """Return the job that evaluates."""
        ensembles, tests = self.products("ensembles"), self.products("tests")
        inputs = {
            "label": f"evaluate {len(ensembles)} ensembles",
            "code": self.inputs.code,
            "ensembles": ensembles,
            "tests": {f"test_{key}": node for key, node in tests.items()},
            "groups": Dict({f"test_{key}": self.ctx.groups[key] for key in tests}),
            "metadata": {"options": self.job_options("evaluate")},
        }
        return EvaluateJob, inputs, {}

    def has_evaluated(self) -> bool:
        """The last judgement was made."""
        return self.child("evaluate") is not None

    def inspect_evaluate(self) -> None:
        """Hand over the judgement."""
        node = self.ended("evaluate")
        assert node is not None
        if node.is_finished_ok:
            self.out("evaluation", node.outputs.report)
            self.tidy(node)
        elif self.ctx.failure is None:
            self.end_with(CampaignStatus.EVALUATION_FAILED, message=ending(node))

    def results(self) -> ExitCode | None:
        """Hand over the last ensemble, and say how the campaign ended."""
        ensemble = self.ensemble()
        if ensemble is not None:
            self.out("ensemble", ensemble)
        if self.ctx.failure is None and is_stopping(self.node) and self.has_unused():
            self.end_with(CampaignStatus.STOPPED, labels=self.labels_paid(), stage=self.campaign.stages[-1].name)
        if self.ctx.failure is None and self.ctx.unconverged:
            stages = "; ".join(f"{name}: {sentence}" for name, sentence in self.ctx.unconverged.items())
            self.end_with(CampaignStatus.NOT_CONVERGED, labels=self.labels_paid(), stages=stages)
        if self.ctx.failure is None:
            self.report(f"done: all {len(self.campaign.stages)} stages, with {self.labels_paid()} labels")
        return self.ending()
