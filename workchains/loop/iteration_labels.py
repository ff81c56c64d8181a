"""How an iteration buys labels: asked for first if that is wanted, and waited for until there are enough of them."""

from __future__ import annotations

from typing import Any

from aiida.engine import ToContext
from aiida.orm import Dict, ProcessNode

from alworkflows.settings import Stage
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.labelling import LabelWorkChain
from workchains.labelling.gather import gather_labels
from workchains.loop import step_inputs as of
from workchains.loop.approval import answer, estimate, put_question
from workchains.loop.base import LoopWorkChain
from workchains.loop.late import has_enough
from workchains.processes.exit_statuses import CampaignStatus, LabelStatus
from workchains.processes.keyed import ending
from workchains.processes.naming import derive_seed, numbered
from workchains.processes.queueing import is_stopping
from workchains.provenance.labels import labelled_parts
from workchains.provenance.places import LABEL, LABEL_TEST, SAMPLE_AHEAD
from workchains.steps.sample import SampleWorkChain

__all__ = ["LabelsFrames"]

#: ends of a LabelWorkChain that an iteration tells in its own name
LABELLING = {
    LabelStatus.ALL_LABELS_FAILED: CampaignStatus.ALL_LABELS_FAILED,
    LabelStatus.TOO_MANY_LABELS_FAILED: CampaignStatus.TOO_MANY_LABELS_FAILED,
}


class LabelsFrames(LoopWorkChain):
    """What an iteration is, and its part that labels; the frames are those that it has chosen by then."""

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

    def call_or_end(self, key: str, function: Any, failed: CampaignStatus, **inputs: Any) -> Any:
        """Call a calculation function and return its outputs, or None if it failed, which ends this."""
        node = self.call_once(key, function, label=f"{self.key}: {key.replace('_', ' ')}", **inputs)
        if node.is_finished_ok:
            return node.outputs
        self.end_with(failed, stage=self.stage.name, message=ending(node))
        return None

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
