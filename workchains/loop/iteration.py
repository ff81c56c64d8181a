"""``IterationWorkChain``: one iteration of a campaign, from the trust levels to the decision about its stage."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, ToContext, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, Int

from workchains.calculations.describe_job import DescribeJob
from workchains.loop import step_inputs as of
from workchains.loop.iteration_labels import LabelsFrames
from workchains.loop.iteration_ports import SETS, declare
from workchains.processes.exit_statuses import CampaignStatus
from workchains.processes.keyed import ending
from workchains.processes.naming import derive_seed, in_order
from workchains.processes.queueing import is_stopping
from workchains.steps.convergence import decide_convergence
from workchains.steps.select import select_frames
from workchains.steps.trust_levels import find_trust_levels

__all__ = ["LATE_LABELS", "IterationWorkChain"]

#: in place of a stage, for an iteration that does nothing but fit to labels which came late
LATE_LABELS = "late labels"


class IterationWorkChain(LabelsFrames):
    """Find the trust levels, sample, describe, select, label, refit, decide.

    What it has is handed over as it comes, so that one which stops, for whatever reason, hands over all it has. Its context holds
    ``products``: what its steps have made so far, by the names of the outputs.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outline, outputs and exit codes."""
        super().define(spec)
        declare(spec)
        steps: Any = cls  # the outline's types know the steps of a plain WorkChain only
        spec.outline(
            steps.setup,
            if_(steps.should_choose)(
                if_(steps.has_choice)(steps.take_choice).else_(
                    if_(steps.should_find_levels)(steps.run_levels),
                    if_(steps.is_going_on)(steps.run_sample, steps.inspect_sample),
                    while_(steps.should_describe)(steps.run_describe),
                    steps.inspect_describe,
                    if_(steps.should_select)(steps.run_select),
                ),
                while_(steps.should_ask)(steps.run_ask),
                steps.inspect_answer,
            ),
            if_(steps.should_label)(
                steps.run_label,
                while_(steps.should_wait_for_labels)(steps.await_labels),
                steps.inspect_label,
            ),
            if_(steps.should_train)(steps.run_train, steps.inspect_train),
            if_(steps.should_decide)(steps.run_decide),
            steps.results,
        )

    # ------------------------------------------------------------------------------------------------ what it is, what there is

    def setup(self) -> None:
        """Begin with nothing."""
        self.ctx.failure, self.ctx.products, self.ctx.label = None, {}, None

    def with_own(self, name: str, output: str) -> dict[str, Any]:
        """Return what a namespace of the inputs holds, and what this iteration has added."""
        own = self.product(output)
        return {**self.given(name), **({self.key: own} if own is not None else {})}

    # ------------------------------------------------------------------------------------------------ levels and samples

    def should_choose(self) -> bool:
        """Frames are to be chosen: it is more than a fit to labels that came late."""
        return bool(self.inputs.stage["name"] != LATE_LABELS)

    def has_choice(self) -> bool:
        """An earlier campaign had chosen the frames of this iteration, and begun to label them."""
        return "choice" in self.inputs

    def take_choice(self) -> None:
        """Go on with the frames that were chosen; their labels, those that come too, are found by content."""
        for name, node in self.inputs.choice.items():
            self.hand_over(name, node)

    def should_find_levels(self) -> bool:
        """There is an ensemble whose disagreement is to be judged."""
        return "ensemble" in self.inputs and "report" in self.inputs and self.is_going_on()

    def run_levels(self) -> None:
        """Turn the errors that the user wants into disagreements of the last ensemble."""
        groups = [(key, self.inputs.groups[key]) for key in in_order(self.given("tests"))]
        outputs = self.call_or_end(
            "trust_levels",
            find_trust_levels,
            CampaignStatus.LEVELS_UNUSABLE,
            report=self.inputs.report,
            settings=Dict(of.trust_levels(self.campaign, self.stage, groups, self.inputs.ensemble.reference_disagreement)),
        )
        if outputs is not None:
            self.hand_over("trust_levels", outputs.result)
            self.report(f"{self.about}: {outputs.result['sentence']}")

    def window(self) -> list[float] | None:
        """Return lower and upper trust level of the last ensemble, as disagreements in eV/A; None if there is no ensemble."""
        levels = self.product("trust_levels")
        return None if levels is None else [levels["lower"], levels["upper"]]

    def run_sample(self) -> ToContext | None:
        """Make candidates with this stage's sampler, unless they are there."""
        self.ctx.sample = None
        if "candidates" in self.inputs:
            return None
        stage, window, number = self.stage, self.window(), self.inputs.stage["stage_iteration"]
        if not stage.sampler.needs_ensemble:
            return ToContext(sample=self.submit_sample("sample", stage, number))
        upper = window[1] if window else None
        return ToContext(sample=self.submit_sample("sample", stage, number, self.inputs.get("ensemble"), upper))

    def inspect_sample(self) -> None:
        """Keep the candidates."""
        node = self.ctx.sample
        if node is None:
            self.hand_over("candidates", self.inputs.candidates)
        elif "candidates" in node.outputs:
            self.hand_over("candidates", node.outputs.candidates)
        elif self.is_going_on():
            self.end_with(CampaignStatus.SAMPLING_FAILED, stage=self.stage.name, message=ending(node))

    # ------------------------------------------------------------------------------------------------ choose

    def should_describe(self) -> bool:
        """There are candidates that are not described yet."""
        return self.product("candidates") is not None and self.is_going_on() and self.ended("describe") is None

    def run_describe(self) -> ToContext:
        """Measure what selection needs to know of each candidate."""
        return self.run_each(["describe"], self.computer, self.make_describe)

    def make_describe(self, _: str) -> tuple[type, dict[str, Any], dict[str, Any]]:
        """Return the job that describes the candidates."""
        candidates, ensemble = self.product("candidates"), self.inputs.get("ensemble")
        inputs = of.describing(self.campaign, self.campaign.limits(self.stage), ensemble, self.given("batches"))
        inputs |= {
            "label": f"{self.key}: describe {len(candidates)} candidates",
            "code": self.inputs.code,
            "candidates": candidates,
            "metadata": {"options": self.job_options("describe")},
        }
        return DescribeJob, inputs, {}

    def inspect_describe(self) -> None:
        """See that every candidate was described."""
        node = self.ended("describe")
        if node is None or self.ctx.failure is not None:
            return
        if not node.is_finished_ok:
            if not is_stopping(self.node):
                self.end_with(CampaignStatus.DEVIATION_FAILED, stage=self.stage.name, message=ending(node))
            return
        self.hand_over("deviation", node.outputs.deviation)
        self.tidy(node)

    def should_select(self) -> bool:
        """Described candidates are there to choose from."""
        return self.product("deviation") is not None and self.is_going_on()

    def run_select(self) -> None:
        """Choose the frames to label and the random test frames."""
        candidates, most = self.product("candidates"), self.inputs.allowance["labels"]
        settings = of.selection(self.campaign, self.stage, len(candidates), self.window(), most)
        if settings != of.selection(self.campaign, self.stage, len(candidates), self.window(), None):
            tests = round(settings["test_share"] * len(candidates))
            self.report(f"{self.about}: the budget leaves {most} labels, {tests} of them for test frames")
        outputs = self.call_or_end(
            "select",
            select_frames,
            CampaignStatus.SELECTION_FAILED,
            candidates=candidates,
            deviation=self.product("deviation"),
            settings=Dict(settings),
            seed=Int(derive_seed(self.inputs.seed.value, self.stage.name, self.inputs.stage["stage_iteration"], "select")),
            **self.given("fingerprints"),
        )
        if outputs is None:
            return
        for name in ("chosen", "fingerprints", "selection"):
            if name in outputs:
                self.hand_over(name, outputs[name])
        counts = outputs.selection["counts"]
        self.report(f"{self.about}: " + ", ".join(f"{number} {name}" for name, number in counts.items()))
        if self.stage.train and counts["valid"] and counts["failed"] == counts["valid"]:
            upper = outputs.selection["window"][1]
            self.end_with(CampaignStatus.BEYOND_TRUST, stage=self.stage.name, total=counts["valid"], upper=f"{upper:.3g}")
        if not counts["valid"]:
            self.end_with(CampaignStatus.NO_CANDIDATES, stage=self.stage.name, total=len(candidates))

    # ------------------------------------------------------------------------------------------------ train, decide

    def should_train(self) -> bool:
        """There is something new to fit to or to judge on; also when failed labels ended it, so that those that came are used."""
        new = any(self.product(name) is not None for name in ("batch", "transfer_batch"))
        return (new or not self.should_choose()) and not is_stopping(self.node)

    def run_train(self) -> ToContext:
        """Fit an ensemble to all batches."""
        sets = {name: self.with_own(name, output) for output, name in SETS.items()}
        groups = {**self.inputs.groups.get_dict(), self.key: self.inputs.stage["name"]}
        return ToContext(train=self.submit_training(sets, groups, f"{self.key}: "))

    def inspect_train(self) -> None:
        """Hand over the new ensemble."""
        node = self.ctx.train
        if node.is_finished_ok:
            self.hand_over("ensemble", node.outputs.ensemble)
            self.hand_over("report", node.outputs.report)
            test = node.outputs.report.get("test")
            if test:
                frames = node.outputs.report["test_frames"]
                self.report(f"{self.key}: force error on {frames} test frames {test['force_rmse']:.3f} eV/A")
        elif is_stopping(self.node):
            return
        elif self.ctx.failure is not None:
            # too few labels came: that is how the campaign ends, and why there is no fit
            self.report(f"{self.key}: no fit to the labels that came: {ending(node)}")
        else:
            self.end_without_fit(node, self.inputs.stage["name"])

    def should_decide(self) -> bool:
        """All of it was done: what was labelled is fitted, or nothing was worth a label.

        What was ended in the middle is no finished iteration; a campaign that goes on from here does it again.
        """
        if self.product("selection") is None:
            return False
        if any(self.product(name) is not None for name in ("batch", "transfer_batch")):
            return self.product("ensemble") is not None
        return self.is_going_on()

    def run_decide(self) -> None:
        """Decide whether the stage has converged."""
        stage, place = self.stage, self.inputs.stage
        reports = {"now": self.product("report"), "before": self.inputs.get("report")}
        groups = {**self.inputs.groups.get_dict(), self.key: stage.name}
        tests = [key for key in self.with_own("tests", "test_batch") if groups[key] == stage.name]
        settings = of.decision(stage, place, tests, len(self.product("batch") or ()))
        earlier = self.given("decisions")
        outputs = self.call_or_end(
            "decide",
            decide_convergence,
            CampaignStatus.DECISION_FAILED,
            selection=self.product("selection"),
            settings=Dict(settings),
            **{name: report for name, report in reports.items() if report is not None},
            **{f"decision_{number:03d}": earlier[key] for number, key in enumerate(in_order(earlier))},
        )
        if outputs is not None:
            self.hand_over("decision", outputs.result)
            self.report(f"{self.key}: stage {stage.name} {outputs.result['sentence']}")

    def results(self) -> ExitCode | None:
        """Say how it ended."""
        done = self.product("decision") is not None or (not self.should_choose() and self.product("ensemble") is not None)
        if self.ctx.failure is None and not done and is_stopping(self.node):
            labels = sum(len(self.product(name) or ()) for name in SETS)
            self.end_with(CampaignStatus.STOPPED, stage=self.inputs.stage["name"], labels=labels)
        return self.ending()
