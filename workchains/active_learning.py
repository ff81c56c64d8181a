"""``ActiveLearningWorkChain``: the loop over stages and iterations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.engine import ExitCode, ProcessBuilder, ToContext, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, InstalledCode, Int, List

from alworkflows.settings import Approval, Campaign, TermsRule
from workchains.approval import answer, estimate, put_question
from workchains.base import ending, link_key
from workchains.calculations.deviate import DeviateJob
from workchains.calculations.evaluate import EvaluateJob
from workchains.campaign_state import CampaignWorkChain
from workchains.data.frames import FramesData
from workchains.functions import build_structures, select_frames
from workchains.labelling import LabelWorkChain
from workchains.ports import declare
from workchains.queueing import is_stopping
from workchains.sampling import SampleWorkChain
from workchains.training import TrainWorkChain

__all__ = ["ActiveLearningWorkChain"]


class ActiveLearningWorkChain(CampaignWorkChain):
    """Sample, deviate, select, label, refit; stage after stage, until each ensemble agrees on what its sampler visits.

    What a run has is attached as it comes, so one that stops - for whatever reason - hands over all it has.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outline, outputs and exit codes."""
        super().define(spec)
        declare(spec)
        steps: Any = cls  # the outline's types know the steps of a plain WorkChain only
        spec.outline(
            steps.setup,
            while_(steps.should_iterate)(
                steps.run_sample,
                steps.inspect_sample,
                if_(steps.is_going_on)(while_(steps.should_deviate)(steps.run_deviate), steps.inspect_deviate),
                if_(steps.is_going_on)(
                    steps.run_select, while_(steps.should_wait)(steps.run_ask), steps.run_label, steps.inspect_label
                ),
                if_(steps.should_train)(steps.run_train, steps.inspect_train),
                steps.finish_iteration,
            ),
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

        builder: Any = cls.get_builder()
        builder.code = code
        builder.campaign = Dict(campaign.model_dump(mode="json"))
        given = read_files(campaign, base or Path.cwd())
        files = {link_key(name): FramesData.from_frames(frames) for name, frames in given.items()}
        if files:
            builder.files = files
        builder.options = Dict(options or {})
        builder.metadata.label = campaign.name
        builder.metadata.description = campaign.description
        return builder

    # ------------------------------------------------------------------------------------------------ start

    def setup(self) -> None:
        """Start with nothing, and build the structures."""
        self.ctx.stage, self.ctx.stage_iteration, self.ctx.iteration = 0, 0, 0
        self.ctx.batches, self.ctx.tests, self.ctx.transfers = {}, {}, {}
        self.ctx.marks, self.ctx.ensembles, self.ctx.groups = {}, {}, {}
        self.ctx.failure = None
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

    def should_iterate(self) -> bool:
        """Go on until the stages are done or something ended the campaign; begin the next iteration."""
        if self.ctx.failure is not None or self.ctx.stage >= len(self.campaign.stages):
            return False
        if is_stopping(self.node):
            self.end_as_asked()
            return False
        limit = self.campaign.budget.labels
        if limit is not None and self.labels_paid() >= limit:
            self.end_with("WARNING_BUDGET_EXHAUSTED", paid=self.labels_paid(), limit=limit, stage=self.stage.name)
            return False
        self.ctx.iteration += 1
        self.ctx.stage_iteration += 1
        return True

    def is_going_on(self) -> bool:
        """Nothing has ended the campaign, and nobody has asked it to begin nothing new."""
        if self.ctx.failure is None and is_stopping(self.node):
            self.end_as_asked()
        return self.ctx.failure is None

    # ------------------------------------------------------------------------------------------------ sample

    def run_sample(self) -> ToContext:
        """Make candidates with this stage's sampler."""
        stage = self.stage
        driven = stage.sampler.needs_ensemble
        inputs: dict[str, Any] = {"ensemble": self.ensemble()} if driven else {}
        node = self.submit_once(
            f"{self.key}_sample",
            SampleWorkChain,
            label=f"{self.key}: {stage.name}, sample {len(stage.structures)} structures",
            code=self.inputs.code,
            structures=self.ctx.structures,
            names=List(list(stage.structures)),
            sampler=Dict(stage.sampler.model_dump(mode="json")),
            run=Dict({"seed": self.seed("sample"), "upper": self.levels()[1] if driven else None}),
            options=self.options("sample"),
            clean=self.campaign.label.clean,
            **inputs,
        )
        return ToContext(sample=node)

    def inspect_sample(self) -> None:
        """Keep the candidates."""
        node = self.ctx.sample
        if "candidates" not in node.outputs:
            if self.is_going_on():
                self.end_with("ERROR_SAMPLING_FAILED", stage=self.stage.name, message=ending(node))
            return
        self.ctx.candidates = node.outputs.candidates
        self.out(f"candidates.{self.key}", self.ctx.candidates)

    # ------------------------------------------------------------------------------------------------ choose

    def should_deviate(self) -> bool:
        """The candidates are not described yet."""
        return self.ended(f"{self.key}_deviate") is None

    def run_deviate(self) -> ToContext:
        """Measure what selection needs to know of each candidate."""
        return self.run_one(f"{self.key}_deviate", self.computer, self.make_deviate)

    def make_deviate(self, _: str) -> tuple[type, dict[str, Any], dict[str, Any]]:
        """Return the job that describes the candidates."""
        limits = self.campaign.limits(self.stage).model_dump(mode="json")
        inputs: dict[str, Any] = {"ensemble": self.ensemble()} if self.ctx.ensembles else {}
        inputs |= {
            "label": f"{self.key}: deviate {len(self.ctx.candidates)} candidates",
            "code": self.inputs.code,
            "candidates": self.ctx.candidates,
            "settings": Dict({"species": list(self.campaign.species), "geometry": limits}),
            "metadata": {"options": self.job_options("deviate")},
        }
        return DeviateJob, inputs, {}

    def inspect_deviate(self) -> None:
        """See that every candidate was described."""
        node = self.ctx.deviate = self.ended(f"{self.key}_deviate")
        assert node is not None
        if not node.is_finished_ok:
            self.end_with("ERROR_DEVIATION_FAILED", stage=self.stage.name, message=ending(node))
            return
        self.tidy(node)

    def run_select(self) -> None:
        """Choose the frames to label and the random test frames."""
        campaign = self.campaign
        values = campaign.selection.model_dump(mode="json")
        values["reference"] = self.ensemble().reference_disagreement if self.ctx.ensembles else None
        budget = self.stage.budget or campaign.selection.budget
        if campaign.budget.labels is not None:
            budget = min(budget, campaign.budget.labels - self.labels_paid())
        values["budget_now"] = budget
        if not self.stage.train:
            # a transfer set follows the sampler's own distribution, as a test set does
            values["test_share"], values["budget_now"] = min(1.0, budget / len(self.ctx.candidates)), 0
        chosen = self.call_once(
            f"{self.key}_select",
            select_frames,
            label=f"{self.key}: select",
            candidates=self.ctx.candidates,
            deviation=self.ctx.deviate.outputs.deviation,
            settings=Dict(values),
            seed=Int(self.seed("select")),
            **self.ctx.marks,
        )
        if not chosen.is_finished_ok:
            self.end_with("ERROR_SELECTION_FAILED", stage=self.stage.name, message=ending(chosen))
            return
        outputs = chosen.outputs
        self.ctx.marks = {**self.ctx.marks, self.key: outputs.fingerprints}
        self.ctx.selected = outputs.selected if "selected" in outputs else None
        self.ctx.test = outputs.test if "test" in outputs else None
        self.ctx.selection = outputs.selection
        self.out(f"selections.{self.key}", outputs.selection)
        counts = self.ctx.selection["counts"]
        self.report(f"{self.key} ({self.stage.name}): " + ", ".join(f"{number} {name}" for name, number in counts.items()))
        if self.stage.train and counts["valid"] and counts["failed"] == counts["valid"]:
            upper = self.ctx.selection["window"][1]
            self.end_with("ERROR_BEYOND_TRUST", stage=self.stage.name, total=counts["valid"], upper=f"{upper:.3g}")
        if not counts["valid"]:
            self.end_with("ERROR_NO_CANDIDATES", stage=self.stage.name, total=len(self.ctx.candidates))

    # ------------------------------------------------------------------------------------------------ label

    def should_wait(self) -> bool:
        """A person wants to be asked before these labels are paid for, and has not answered."""
        wanted = self.campaign.label.approval
        if wanted is Approval.NEVER or not self.is_going_on() or not self.chosen() or is_stopping(self.node):
            return False
        said = answer(self.node, self.key)
        if said is False:
            self.end_with("WARNING_NOT_APPROVED", stage=self.stage.name, labels=sum(map(len, self.chosen())))
        first = wanted is Approval.FIRST and answer(self.node) is True
        return said is None and not first

    def run_ask(self) -> None:
        """Say what the labels would cost, and pause until `alworkflows approve` answers."""
        question = estimate(self.chosen(), self.campaign.label, self.label_code)
        put_question(self.node, self.key, question)
        self.report(f"{self.key}: waiting for approval: {question['text']}; answer with: alworkflows approve {self.node.pk}")
        self.pause(f"waiting for approval: {question['text']}")

    def run_label(self) -> ToContext:
        """Label the chosen frames and the test frames."""
        settings = Dict(self.campaign.label.model_dump(mode="json"))
        geometry = Dict(self.campaign.limits(self.stage).model_dump(mode="json"))
        nodes = {}
        for name, frames in (("label", self.ctx.selected), ("label_test", self.ctx.test)):
            if frames is not None and self.is_going_on():
                nodes[name] = self.submit_once(
                    f"{self.key}_{name}",
                    LabelWorkChain,
                    label=f"{self.key}: label {len(frames)} {'chosen' if name == 'label' else 'test'} frames",
                    code=self.label_code,
                    frames=frames,
                    settings=settings,
                    geometry=geometry,
                    options=self.options("label"),
                )
        self.ctx.labelling = list(nodes)
        return ToContext(**nodes)

    def inspect_label(self) -> None:
        """Add the batch to the data set; keep the failures with their reasons."""
        drawn = (self.ctx.tests, "tests") if self.stage.train else (self.ctx.transfers, "transfers")
        for name, store, output in (("label", self.ctx.batches, "batches"), ("label_test", *drawn)):
            if name not in self.ctx.labelling:
                continue
            node = self.ctx[name]
            if "batch" in node.outputs:
                store[self.key] = node.outputs.batch
                self.out(f"{output}.{self.key}", node.outputs.batch)
                if name == "label_test":
                    self.ctx.groups[self.key] = self.stage.name
            if name == "label" and "failures" in node.outputs:
                self.out(f"failures.{self.key}", node.outputs.failures)
            if not node.is_finished_ok and name == "label":
                self.end_with("ERROR_LABELLING_FAILED", stage=self.stage.name, message=ending(node))
            elif not node.is_finished_ok:
                self.report(f"labelling the test frames failed: {ending(node)}")
        if is_stopping(self.node):
            # labels that were let go of are no failure of the campaign
            self.end_as_asked()

    # ------------------------------------------------------------------------------------------------ train

    def should_train(self) -> bool:
        """There is a new batch or transfer set; also when failed labels end the campaign, so that those that came are used."""
        return (self.key in self.ctx.batches or self.key in self.ctx.transfers) and not is_stopping(self.node)

    def run_train(self) -> ToContext:
        """Fit an ensemble to all batches."""
        campaign = self.campaign
        model = campaign.model.model_dump(mode="json")
        if campaign.model.fit.rule is TermsRule.TRANSFER and not self.ctx.transfers:
            self.report(f"{self.key}: no transfer set is labelled yet; this fit follows the rule {TermsRule.ONE_STANDARD_ERROR}")
            model["fit"]["rule"] = str(TermsRule.ONE_STANDARD_ERROR)
        more: dict[str, Any] = (
            {"tests": {f"test_{name}": node for name, node in self.ctx.tests.items()}} if self.ctx.tests else {}
        )
        if self.ctx.transfers:
            more["transfers"] = {f"transfer_{name}": node for name, node in self.ctx.transfers.items()}
            more["groups"] = Dict({f"transfer_{name}": self.ctx.groups[name] for name in self.ctx.transfers})
        node = self.submit_once(
            f"{self.key}_train",
            TrainWorkChain,
            label=f"{self.key}: train on {sum(len(batch) for batch in self.ctx.batches.values())} frames",
            code=self.inputs.code,
            batches={f"batch_{name}": node for name, node in self.ctx.batches.items()},
            settings=Dict({"model": model, "species": list(campaign.species), "seed": campaign.seed}),
            options=self.options("fit"),
            clean=campaign.label.clean,
            **more,
        )
        return ToContext(train=node)

    def inspect_train(self) -> None:
        """Hand over the new ensemble."""
        node = self.ctx.train
        if not node.is_finished_ok:
            if is_stopping(self.node):
                self.end_as_asked()
            else:
                self.end_with("ERROR_TRAINING_FAILED", stage=self.stage.name, message=ending(node))
            return
        self.ctx.ensembles[self.key] = node.outputs.ensemble
        self.out(f"ensembles.{self.key}", node.outputs.ensemble)
        self.out(f"reports.{self.key}", node.outputs.report)
        test = node.outputs.report.get("test")
        if test:
            self.report(
                f"{self.key}: force error on {node.outputs.report['test_frames']} test frames {test['force_rmse']:.3f} eV/A"
            )

    def finish_iteration(self) -> None:
        """Advance to the next stage if the ensemble agrees on what this one visits, or its iterations are used up."""
        if self.ctx.failure is not None:
            return
        stage = self.stage
        share = self.ctx.selection["accurate_share"]
        if share is not None and share >= (stage.convergence.accurate_share or 2.0):
            self.report(f"stage {stage.name} converged: {share:.0%} of its candidates are accurate")
        elif self.ctx.stage_iteration < stage.iterations:
            return
        else:
            self.report(f"stage {stage.name} ended after {self.ctx.stage_iteration} of {stage.iterations} iterations")
        self.ctx.stage += 1
        self.ctx.stage_iteration = 0

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
            "ensembles": dict(self.ctx.ensembles),
            "tests": {f"test_{name}": node for name, node in self.ctx.tests.items()},
            "groups": Dict({f"test_{name}": self.ctx.groups[name] for name in self.ctx.tests}),
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
        if self.ctx.failure is None:
            self.report(f"all {len(self.campaign.stages)} stages done with {self.labels_paid()} labels")
            return None
        label, values = self.ctx.failure
        return getattr(self.exit_codes, label).format(**values)
