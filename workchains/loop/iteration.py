"""One iteration of a campaign: levels, sample, deviate, select, ask, label, train, judge."""

from __future__ import annotations

from typing import Any

from aiida.engine import ToContext
from aiida.orm import Dict, Int, List, ProcessNode

from alworkflows.selection.convergence import Ending
from alworkflows.settings import Approval, Criterion, Stage
from workchains.calculations.describe_job import DeviateJob
from workchains.data.ensemble import EnsembleData
from workchains.labelling import LabelWorkChain
from workchains.loop.approval import answer, estimate, put_question
from workchains.loop.budget import Spent, hours_since, labels_left, what_is_used_up
from workchains.loop.state import CampaignWorkChain, latest
from workchains.processes.keyed import ending
from workchains.processes.queueing import is_stopping
from workchains.provenance.costs import costs
from workchains.steps.convergence import judge_iteration
from workchains.steps.sample import SampleWorkChain
from workchains.steps.select import select_frames
from workchains.steps.train import TrainWorkChain
from workchains.steps.trust_levels import find_levels

__all__ = ["IterationWorkChain"]

#: exit statuses of a LabelWorkChain that a campaign tells in its own name
LABELLING = {402: "ERROR_ALL_LABELS_FAILED", 403: "ERROR_TOO_MANY_LABELS_FAILED"}
#: exit status of a TrainWorkChain whose members would have been too few
COMMITTEE_TOO_SMALL = 406


class IterationWorkChain(CampaignWorkChain):
    """The steps of an iteration; the loop around them is the subclass's."""

    def is_going_on(self) -> bool:
        """Nothing has ended the campaign, and nobody has asked it to begin nothing new."""
        if self.ctx.failure is None and is_stopping(self.node):
            self.end_as_asked()
        return self.ctx.failure is None

    # ------------------------------------------------------------------------------------------------ what may be spent

    def spent(self) -> Spent:
        """Return what this campaign, and those it goes on from, have spent; hours are its own."""
        campaign = self.campaign
        core_hours, per_label = 0.0, None
        if campaign.budget.core_hours is not None or campaign.selection.core_hours is not None:
            found, before = costs(self.node), self.inputs["resumed"].get_dict() if "resumed" in self.inputs else {}
            core_hours = before.get("core_hours", 0.0) + found.total.core_hours
            per_label = found.labels.per_label or before.get("per_label")
        return Spent(self.labels_paid(), core_hours, per_label, hours_since(self.node))

    def has_spent_all(self) -> bool:
        """End the campaign if its budget or its time is used up."""
        budget = self.campaign.budget
        if budget.labels is None and budget.core_hours is None and budget.hours is None:
            return False
        spent = self.spent()
        used = what_is_used_up(budget, spent)
        if used is not None:
            self.end_with("WARNING_BUDGET_EXHAUSTED", used=used, stage=self.stage.name)
        elif budget.hours is not None and spent.hours >= budget.hours:
            self.end_with("WARNING_TIME_USED_UP", hours=f"{budget.hours:g}", labels=spent.labels, stage=self.stage.name)
        return self.ctx.failure is not None

    # ------------------------------------------------------------------------------------------------ levels and samples

    def run_levels(self) -> None:
        """Turn the errors that the user wants into disagreements of the last ensemble."""
        if not self.ctx.ensembles:
            return
        last = latest(self.ctx.reports)
        settings = {
            "levels": self.campaign.selection.levels.model_dump(mode="json"),
            "stage": self.stage.name,
            "stages": {f"test_{key}": self.ctx.groups[key] for key in self.ctx.tests},
            "reference": self.ensemble().reference_disagreement,
        }
        node = self.call_once(
            f"{self.key}_levels",
            find_levels,
            label=f"{self.key}: levels",
            report=self.made("reports", last),
            settings=Dict(settings),
        )
        if not node.is_finished_ok:
            self.end_with("ERROR_LEVELS_UNUSABLE", stage=self.stage.name, message=ending(node))
            return
        self.keep("levels", node.outputs.result)
        self.report(f"{self.key} ({self.stage.name}): {node.outputs.result['sentence']}")

    def run_sample(self) -> ToContext | None:
        """Make candidates with this stage's sampler."""
        stage, window = self.stage, self.window()
        driven = stage.sampler.needs_ensemble
        node = self.submit_sample(
            f"{self.key}_sample",
            f"{self.key}: {stage.name}",
            stage,
            {"seed": self.seed("sample"), "upper": window[1] if driven and window else None},
            self.ensemble() if driven else None,
        )
        return ToContext(sample=node)

    def submit_sample(
        self, key: str, label: str, stage: Stage, run: dict[str, Any], ensemble: EnsembleData | None = None
    ) -> ProcessNode:
        """Submit the sampling of a stage; ``run``: seed, and the disagreement (eV/A) at which a run stops."""
        inputs: dict[str, Any] = {} if ensemble is None else {"ensemble": ensemble}
        return self.submit_once(
            key,
            SampleWorkChain,
            label=f"{label}, sample {len(stage.structures)} structures",
            code=self.inputs.code,
            structures=self.ctx.structures,
            names=List(list(stage.structures)),
            sampler=Dict(stage.sampler.model_dump(mode="json")),
            run=Dict(run),
            options=self.options("sample"),
            clean=self.campaign.label.clean,
            **inputs,
        )

    def inspect_sample(self) -> None:
        """Keep the candidates."""
        node = self.ctx.sample
        if "candidates" not in node.outputs:
            if self.is_going_on():
                self.end_with("ERROR_SAMPLING_FAILED", stage=self.stage.name, message=ending(node))
            return
        self.keep("candidates", node.outputs.candidates)

    # ------------------------------------------------------------------------------------------------ choose

    def should_deviate(self) -> bool:
        """The candidates are not described yet."""
        return self.ended(f"{self.key}_deviate") is None

    def run_deviate(self) -> ToContext:
        """Measure what selection needs to know of each candidate."""
        return self.run_one(f"{self.key}_deviate", self.computer, self.make_deviate)

    def make_deviate(self, _: str) -> tuple[type, dict[str, Any], dict[str, Any]]:
        """Return the job that describes the candidates."""
        candidates, limits = self.made("candidates"), self.campaign.limits(self.stage).model_dump(mode="json")
        inputs: dict[str, Any] = {"ensemble": self.ensemble()} if self.ctx.ensembles else {}
        grade = bool(self.ctx.ensembles) and self.campaign.selection.criterion is Criterion.GRADE
        if grade:
            inputs["batches"] = {f"batch_{key}": node for key, node in self.all_made("batches").items()}
        inputs |= {
            "label": f"{self.key}: deviate {len(candidates)} candidates",
            "code": self.inputs.code,
            "candidates": candidates,
            "settings": Dict({"species": list(self.campaign.species), "geometry": limits, "grade": grade}),
            "metadata": {"options": self.job_options("deviate")},
        }
        return DeviateJob, inputs, {}

    def inspect_deviate(self) -> None:
        """See that every candidate was described."""
        node = self.ended(f"{self.key}_deviate")
        assert node is not None
        if not node.is_finished_ok:
            self.end_with("ERROR_DEVIATION_FAILED", stage=self.stage.name, message=ending(node))
            return
        self.ctx.deviation = node.outputs.deviation
        self.tidy(node)

    def run_select(self) -> None:
        """Choose the frames to label and the random test frames."""
        candidates = self.made("candidates")
        chosen = self.call_once(
            f"{self.key}_select",
            select_frames,
            label=f"{self.key}: select",
            candidates=candidates,
            deviation=self.ctx.deviation,
            settings=Dict(self.selection_settings(len(candidates))),
            seed=Int(self.seed("select")),
            **self.all_made("fingerprints"),
        )
        if not chosen.is_finished_ok:
            self.end_with("ERROR_SELECTION_FAILED", stage=self.stage.name, message=ending(chosen))
            return
        outputs = chosen.outputs
        self.ctx.selected = outputs.selected if "selected" in outputs else None
        self.ctx.test = outputs.test if "test" in outputs else None
        self.keep("fingerprints", outputs.fingerprints)
        self.keep("selections", outputs.selection)
        counts = outputs.selection["counts"]
        self.report(f"{self.key} ({self.stage.name}): " + ", ".join(f"{number} {name}" for name, number in counts.items()))
        if self.stage.train and counts["valid"] and counts["failed"] == counts["valid"]:
            upper = outputs.selection["window"][1]
            self.end_with("ERROR_BEYOND_TRUST", stage=self.stage.name, total=counts["valid"], upper=f"{upper:.3g}")
        if not counts["valid"]:
            self.end_with("ERROR_NO_CANDIDATES", stage=self.stage.name, total=len(candidates))

    def selection_settings(self, candidates: int) -> dict[str, Any]:
        """Return the selection's settings, with the levels that hold and what may be bought."""
        campaign = self.campaign
        values = campaign.selection.model_dump(mode="json")
        wanted, share = self.stage.budget or campaign.selection.budget, campaign.selection.test_share
        if not self.stage.train:
            # a transfer set follows the sampler's own distribution, as a test set does
            wanted, share = 0, min(1.0, wanted / candidates)
        left = labels_left(wanted + round(share * candidates), campaign.budget, self.spent(), campaign.selection.core_hours)
        if left < wanted + round(share * candidates):
            # what is left goes to both in the proportion that was wanted
            tests = left if not wanted else min(round(share * candidates), left // 5)
            wanted, share = left - tests if wanted else 0, tests / candidates
            self.report(f"{self.key}: the budget leaves {left} labels, {tests} of them for test frames")
        return {**values, "window": self.window(), "budget_now": wanted, "test_share": share}

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

    def run_label(self) -> ToContext | None:
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
        for name, output in (("label", "batches"), ("label_test", "tests" if self.stage.train else "transfers")):
            if name not in self.ctx.labelling:
                continue
            node = self.ctx[name]
            if "batch" in node.outputs:
                self.keep_labels(output, node.outputs.batch)
            if name == "label" and "failures" in node.outputs:
                self.keep("failures", node.outputs.failures)
            if not node.is_finished_ok and name == "label":
                label = LABELLING.get(node.exit_status, "ERROR_LABELLING_FAILED")
                self.end_with(label, stage=self.stage.name, message=ending(node))
            elif not node.is_finished_ok:
                self.report(f"labelling the test frames failed: {ending(node)}")
        if is_stopping(self.node):
            # labels that were let go of are no failure of the campaign
            self.end_as_asked()

    def keep_labels(self, output: str, batch: Any) -> None:
        """Keep labelled frames: to train on, to test on, or a transfer set."""
        self.keep(output, batch)
        if output != "batches":
            self.ctx.groups = {**self.ctx.groups, self.key: self.stage.name}

    # ------------------------------------------------------------------------------------------------ train

    def should_train(self) -> bool:
        """There is a new batch or transfer set; also when failed labels end the campaign, so that those that came are used."""
        return (self.key in self.ctx.batches or self.key in self.ctx.transfers) and not is_stopping(self.node)

    def run_train(self) -> ToContext:
        """Fit an ensemble to all batches."""
        campaign = self.campaign
        model = campaign.model
        if model.needs_transfer_set and not self.ctx.transfers:
            self.report(f"{self.key}: no transfer set is labelled yet; this fit goes without one")
            model = model.without_transfer_set()
        more: dict[str, Any] = {}
        if self.ctx.tests:
            more["tests"] = {f"test_{key}": node for key, node in self.all_made("tests").items()}
        if self.ctx.transfers:
            more["transfers"] = {f"transfer_{key}": node for key, node in self.all_made("transfers").items()}
            more["groups"] = Dict({f"transfer_{key}": self.ctx.groups[key] for key in self.ctx.transfers})
        node = self.submit_once(
            f"{self.key}_train",
            TrainWorkChain,
            label=f"{self.key}: train on {sum(self.frames_made('batches').values())} frames",
            code=self.inputs.code,
            batches={f"batch_{key}": node for key, node in self.all_made("batches").items()},
            settings=Dict({"model": model.model_dump(mode="json"), "species": list(campaign.species), "seed": campaign.seed}),
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
            elif self.ctx.failure is not None:
                # too few labels came: that is how the campaign ends, and why there is no fit
                self.report(f"{self.key}: no fit to the labels that came: {ending(node)}")
            elif node.exit_status == COMMITTEE_TOO_SMALL:
                self.end_with("ERROR_COMMITTEE_TOO_SMALL", message=ending(node))
            else:
                self.end_with("ERROR_TRAINING_FAILED", stage=self.stage.name, message=ending(node))
            return
        self.keep("ensembles", node.outputs.ensemble)
        self.keep("reports", node.outputs.report)
        test = node.outputs.report.get("test")
        if test:
            frames = node.outputs.report["test_frames"]
            self.report(f"{self.key}: force error on {frames} test frames {test['force_rmse']:.3f} eV/A")

    # ------------------------------------------------------------------------------------------------ judge

    def run_judge(self) -> None:
        """Decide whether the stage has converged, and go to the next one if it has ended."""
        new = self.key in self.ctx.batches or self.key in self.ctx.transfers
        if self.key not in self.ctx.selections or (new and self.key not in self.ctx.ensembles):
            return  # something ended this iteration in the middle; a campaign that goes on from here does it again
        if not new and (self.ctx.failure is not None or is_stopping(self.node)):
            return
        stage, first = self.stage, self.ctx.iteration - self.ctx.stage_iteration + 1
        earlier = [key for key in self.ctx.decisions if int(key.rpartition("_")[2]) >= first]
        reports = {}
        if new:
            reports["now"] = self.made("reports")
        others = [key for key in self.ctx.reports if key != self.key]
        if others:
            reports["before"] = self.made("reports", latest(others))
        settings = {
            "convergence": stage.convergence.model_dump(mode="json"),
            "iterations": stage.iterations,
            "stage": stage.name,
            "stage_iteration": self.ctx.stage_iteration,
            "iteration": self.ctx.iteration,
            "tests": [f"test_{key}" for key in self.ctx.tests if self.ctx.groups[key] == stage.name],
            "labels": len(self.made("batches")) if self.key in self.ctx.batches else 0,
        }
        node = self.call_once(
            f"{self.key}_judge",
            judge_iteration,
            label=f"{self.key}: judge",
            selection=self.made("selections"),
            settings=Dict(settings),
            **reports,
            **{f"decision_{number:03d}": self.made("decisions", key) for number, key in enumerate(earlier)},
        )
        if not node.is_finished_ok:
            self.end_with("ERROR_JUDGEMENT_FAILED", stage=stage.name, message=ending(node))
            return
        decision = node.outputs.result
        self.keep("decisions", decision)
        self.report(f"{self.key}: stage {stage.name} {decision['sentence']}")
        if decision["ending"] is None:
            return
        if decision["ending"] not in (Ending.CONVERGED, Ending.FIXED):
            self.ctx.unconverged = {**self.ctx.unconverged, stage.name: decision["sentence"]}
        self.ctx.stage += 1
        self.ctx.stage_iteration = 0
