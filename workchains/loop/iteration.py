"""``IterationWorkChain``: one iteration of a campaign, from the trust levels to the decision about its stage."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, ToContext, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, Int, ProcessNode

from alworkflows.settings import Stage
from workchains.calculations.describe_job import DescribeJob
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.labelling import LabelWorkChain
from workchains.labelling.gather import gather_labels
from workchains.loop import step_inputs as of
from workchains.loop.approval import answer, estimate, put_question
from workchains.loop.base import LoopWorkChain
from workchains.loop.iteration_ports import declare
from workchains.loop.late import has_enough
from workchains.processes.exit_statuses import CampaignStatus, LabelStatus
from workchains.processes.keyed import ending
from workchains.processes.naming import derive_seed, in_order, numbered
from workchains.processes.queueing import is_stopping
from workchains.provenance.labels import labelled_parts
from workchains.provenance.places import LABEL, LABEL_TEST, SAMPLE_AHEAD
from workchains.steps.convergence import decide_convergence
from workchains.steps.sample import SampleWorkChain
from workchains.steps.select import select_frames
from workchains.steps.trust_levels import find_trust_levels

__all__ = ["LATE_LABELS", "IterationWorkChain"]

#: ends of a LabelWorkChain that an iteration tells in its own name
LABELLING = {
    LabelStatus.ALL_LABELS_FAILED: CampaignStatus.ALL_LABELS_FAILED,
    LabelStatus.TOO_MANY_LABELS_FAILED: CampaignStatus.TOO_MANY_LABELS_FAILED,
}
#: in place of a stage, for an iteration that does nothing but fit to labels which came late
LATE_LABELS = "late labels"
#: sets of labelled frames: the namespace of those before, and what an iteration adds
SETS = {"batches": "batch", "tests": "test_batch", "transfers": "transfer_batch"}


class IterationWorkChain(LoopWorkChain):
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

    @property
    def key(self) -> str:
        """Its name."""
        return numbered("iteration", self.inputs.stage["iteration"])

    @property
    def stage(self) -> Stage:
        """The settings of its stage."""
        return self.stage_named(self.inputs.stage["name"])

    def stage_named(self, name: str) -> Stage:
        """Return the settings of a stage."""
        return next(stage for stage in self.campaign.stages if stage.name == name)

    @property
    def about(self) -> str:
        """Its name and that of its stage, for messages."""
        return f"{self.key} ({self.inputs.stage['name']})"

    def setup(self) -> None:
        """Begin with nothing."""
        self.ctx.failure, self.ctx.products, self.ctx.labelling = None, {}, []

    def call_or_end(self, key: str, function: Any, failed: CampaignStatus, **inputs: Any) -> Any:
        """Call a calculation function and return its outputs, or None if it failed, which ends this."""
        node = self.call_once(key, function, label=f"{self.key}: {key.replace('_', ' ')}", **inputs)
        if node.is_finished_ok:
            return node.outputs
        self.end_with(failed, stage=self.stage.name, message=ending(node))
        return None

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

    def submit_sample(
        self, key: str, stage: Stage, number: int, ensemble: EnsembleData | None = None, upper: float | None = None
    ) -> ProcessNode:
        """Submit the sampling of an iteration of a stage; ``upper``: disagreement (eV/A) at which a run stops."""
        return self.submit_once(
            key,
            SampleWorkChain,
            label=f"{self.key}: {stage.name}, sample {len(stage.structures)} structures",
            code=self.inputs.code,
            structures=self.inputs.structures,
            options=self.options("sample"),
            clean=self.campaign.label.clean,
            **of.sampling(stage, derive_seed(self.inputs.seed.value, stage.name, number, "sample"), ensemble, upper),
        )

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
        return self.run_one("describe", self.computer, self.make_describe)

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
        for name in ("selected", "test", "fingerprints", "selection"):
            if name in outputs:
                self.hand_over(name, outputs[name])
        counts = outputs.selection["counts"]
        self.report(f"{self.about}: " + ", ".join(f"{number} {name}" for name, number in counts.items()))
        if self.stage.train and counts["valid"] and counts["failed"] == counts["valid"]:
            upper = outputs.selection["window"][1]
            self.end_with(CampaignStatus.BEYOND_TRUST, stage=self.stage.name, total=counts["valid"], upper=f"{upper:.3g}")
        if not counts["valid"]:
            self.end_with(CampaignStatus.NO_CANDIDATES, stage=self.stage.name, total=len(candidates))

    # ------------------------------------------------------------------------------------------------ ask, label

    def chosen(self) -> dict[str, FramesData]:
        """Return the frames to be labelled, by the step that labels them."""
        found = {LABEL: self.product("selected"), LABEL_TEST: self.product("test")}
        return {name: frames for name, frames in found.items() if frames is not None}

    def should_ask(self) -> bool:
        """A person wants to be asked before these labels are paid for, and has not answered."""
        return self.inputs.allowance["ask"] and bool(self.chosen()) and self.is_going_on() and answer(self.node) is None

    def run_ask(self) -> None:
        """Say what the labels would cost, and pause until `alworkflows approve` answers."""
        question = estimate(list(self.chosen().values()), self.campaign.label, self.label_code)
        put_question(self.node, {"iteration": self.inputs.stage["iteration"], **question})
        self.report(f"{self.key}: waiting for approval: {question['text']}; answer with: alworkflows approve")
        self.pause(f"waiting for approval: {question['text']}")

    def inspect_answer(self) -> None:
        """End here if the labels were not approved."""
        if answer(self.node) is False:
            self.end_with(CampaignStatus.NOT_APPROVED, stage=self.stage.name, labels=sum(map(len, self.chosen().values())))

    def should_label(self) -> bool:
        """Frames were chosen."""
        return bool(self.chosen()) and self.is_going_on()

    def run_label(self) -> ToContext | None:
        """Label the chosen frames and the test frames; begin what need not wait for them."""
        nodes = {
            name: self.submit_once(
                name,
                LabelWorkChain,
                label=f"{self.key}: label {len(frames)} {'chosen' if name == LABEL else 'test'} frames",
                code=self.label_code,
                frames=frames,
                settings=Dict(self.campaign.label.model_dump(mode="json")),
                geometry=Dict(self.campaign.limits(self.stage).model_dump(mode="json")),
                options=self.options("label"),
            )
            for name, frames in self.chosen().items()
        }
        self.ctx.labelling = list(nodes)
        self.sample_ahead()
        if self.campaign.overlap.share >= 1 and self.campaign.overlap.after is None:
            return ToContext(**nodes)
        self.ctx.update(nodes)
        return None

    def sample_ahead(self) -> None:
        """Begin the sampling that comes next, if that is wanted; it needs no ensemble."""
        if "ahead" in self.inputs:
            ahead = self.inputs.ahead
            self.submit_sample(SAMPLE_AHEAD, self.stage_named(ahead["name"]), ahead["stage_iteration"])

    def should_wait_for_labels(self) -> bool:
        """Too few labels are there to go on with."""
        chains = [self.ctx[name] for name in self.ctx.labelling]
        return any(not chain.is_terminated and not has_enough(chain, self.campaign.overlap) for chain in chains)

    def await_labels(self) -> ToContext:
        """Wait for the end of the next job that labels."""
        return self.await_first([self.ctx[name] for name in self.ctx.labelling])

    def inspect_label(self) -> None:
        """Hand over the labels that are there, the failures with their reasons; which labels come later, the campaign finds."""
        for name in self.ctx.labelling:
            chain, output = self.ctx[name], self.output_of(name)
            if not chain.is_terminated:
                self.take_early(name, chain, output)
                continue
            if "batch" in chain.outputs:
                self.hand_over(output, chain.outputs.batch)
            if name == LABEL and "failures" in chain.outputs:
                self.hand_over("failures", chain.outputs.failures)
            if chain.is_finished_ok or is_stopping(self.node):
                continue  # labels that were let go of are no failure
            if name == LABEL:
                status = LABELLING.get(chain.exit_status, CampaignStatus.LABELLING_FAILED)
                self.end_with(status, stage=self.stage.name, message=ending(chain))
            else:
                self.report(f"labelling the test frames failed: {ending(chain)}")

    def output_of(self, name: str) -> str:
        """Return the output that a labelling step's frames are handed over as."""
        return "batch" if name == LABEL else "test_batch" if self.stage.train else "transfer_batch"

    def take_early(self, name: str, chain: ProcessNode, output: str) -> None:
        """Go on with the labels that a step has made so far."""
        parts: dict[str, Any] = {f"part_{number:03d}": part for number, part in enumerate(labelled_parts(chain))}
        frames = chain.inputs.frames
        node = self.call_once(f"{name}_early", gather_labels, label="labels so far", frames=frames, **parts)
        self.hand_over(output, node.outputs.result)
        self.report(f"{self.key}: goes on with {len(node.outputs.result)} of {len(frames)} labels; the others come later")

    # ------------------------------------------------------------------------------------------------ train, decide

    def should_train(self) -> bool:
        """There is something new to fit to or to judge on; also when failed labels ended it, so that those that came are used."""
        new = any(self.product(name) is not None for name in ("batch", "transfer_batch"))
        return (new or not self.should_choose()) and not is_stopping(self.node)

    def run_train(self) -> ToContext:
        """Fit an ensemble to all batches."""
        sets = {name: self.with_own(name, output) for name, output in SETS.items()}
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
        stage, told = self.stage, self.inputs.stage
        reports = {"now": self.product("report"), "before": self.inputs.get("report")}
        groups = {**self.inputs.groups.get_dict(), self.key: stage.name}
        tests = [key for key in self.with_own("tests", "test_batch") if groups[key] == stage.name]
        settings = of.decision(stage, told, tests, len(self.product("batch") or ()))
        earlier = self.given("decisions")
        outputs = self.call_or_end(
            "decide",
            decide_convergence,
            CampaignStatus.JUDGEMENT_FAILED,
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
            labels = sum(len(self.product(name) or ()) for name in ("batch", "test_batch", "transfer_batch"))
            self.end_with(CampaignStatus.STOPPED, stage=self.inputs.stage["name"], labels=labels)
        return self.ending()
