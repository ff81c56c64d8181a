"""How an iteration buys labels: asked for first if that is wanted, and waited for until there are enough of them."""

from __future__ import annotations

from typing import Any

from aiida.engine import ToContext
from aiida.orm import Data, Dict, ProcessNode

from alworkflows.settings import Stage
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.labelling import LabelWorkChain
from workchains.loop import step_inputs as of
from workchains.loop.approval import answer, estimate, put_question
from workchains.loop.base import LoopWorkChain, jobs_in_flight
from workchains.loop.budget import hours_since
from workchains.loop.iteration_ports import SETS
from workchains.loop.late import has_enough
from workchains.loop.uses import divide_labels, output_of
from workchains.processes.exit_statuses import CampaignStatus, LabelStatus
from workchains.processes.keyed import ending
from workchains.processes.naming import derive_seed, numbered
from workchains.processes.queueing import is_stopping
from workchains.provenance.labels import labelled_parts
from workchains.provenance.places import LABEL, LABEL_EARLY, SAMPLE_AHEAD
from workchains.steps.sample import SampleWorkChain
from workchains.steps.select import TEST, TRAIN, ids_by_use

__all__ = ["LabelsFrames"]

#: s after which a labelling step that was just begun is looked at again, to hear of its jobs
LOOK_AGAIN = 3.0
#: ends of a LabelWorkChain that an iteration tells in its own name
LABELLING = {
    LabelStatus.ALL_LABELS_FAILED: CampaignStatus.ALL_LABELS_FAILED,
    LabelStatus.TOO_MANY_LABELS_FAILED: CampaignStatus.TOO_MANY_LABELS_FAILED,
}


class LabelsFrames(LoopWorkChain):
    """What an iteration is, and its part that labels; the frames are those that it has chosen by then.

    Its context holds ``products``, what it has made so far, by the names of its outputs, and ``label``, the step that labels.
    """

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

    def hand_over(self, name: str, node: Data) -> None:
        """Remember what a step has made, and hand it over."""
        self.ctx.products = {**self.ctx.products, name: node}
        self.out(name, node)

    def product(self, name: str) -> Any:
        """Return what a step has made, None if it has not."""
        return self.ctx.products.get(name)

    def given(self, name: str) -> dict[str, Any]:
        """Return what a namespace of the inputs holds."""
        return dict(self.inputs.get(name, {}))

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

    def should_ask(self) -> bool:
        """A person wants to be asked before these labels are paid for, and has not answered."""
        return self.inputs.allowance["ask"] and self.should_label() and answer(self.node) is None

    def run_ask(self) -> None:
        """Say what the labels would cost, and pause until `alworkflows approve` answers."""
        question = estimate(self.product("chosen"), self.campaign.label, self.label_code)
        put_question(self.node, {"iteration": self.inputs.stage["iteration"], **question})
        self.report(f"{self.key}: waiting for approval: {question['text']}; answer with: alworkflows approve")
        self.pause(f"waiting for approval: {question['text']}")

    def inspect_answer(self) -> None:
        """End here if the labels were not approved."""
        if answer(self.node) is False:
            self.end_with(CampaignStatus.NOT_APPROVED, stage=self.stage.name, labels=len(self.product("chosen")))

    def should_label(self) -> bool:
        """Frames were chosen."""
        return self.product("chosen") is not None and self.is_going_on()

    def run_label(self) -> ToContext | None:
        """Label the chosen frames, those to test on too; begin what need not wait for them."""
        chosen = self.product("chosen")
        counts = {use: len(ids) for use, ids in ids_by_use(chosen).items()}
        node = self.submit_once(
            LABEL,
            LabelWorkChain,
            label=f"{self.key}: label {counts.get(TRAIN, 0)} chosen, {counts.get(TEST, 0)} test frames",
            code=self.label_code,
            frames=chosen,
            settings=Dict(self.campaign.label.model_dump(mode="json")),
            geometry=Dict(self.campaign.limits(self.stage).model_dump(mode="json")),
            options=self.options("label"),
        )
        self.sample_ahead()
        if self.campaign.overlap.share >= 1 and self.campaign.overlap.after is None:
            return ToContext(label=node)
        self.ctx.label = node
        return None

    def sample_ahead(self) -> None:
        """Begin the sampling that comes next, if that is wanted; it needs no ensemble."""
        if "ahead" in self.inputs:
            ahead = self.inputs.ahead
            self.submit_sample(SAMPLE_AHEAD, self.stage_named(ahead["name"]), ahead["stage_iteration"])

    def should_wait_for_labels(self) -> bool:
        """Too few labels are there to go on with."""
        chain = self.ctx.label
        return chain is not None and not chain.is_terminated and not has_enough(chain, self.campaign.overlap)

    def await_labels(self) -> ToContext:
        """Wait for the next job that labels to end; look again before if none is in flight, or when it took too long."""
        chain, after = self.ctx.label, self.campaign.overlap.after
        hours = hours_since(chain)
        times = [] if after is None or hours >= after else [3600 * (after - hours) + 0.1]
        if not jobs_in_flight([chain]):
            times.append(LOOK_AGAIN if 3600 * hours < 60 else 60.0)
        self.ctx.wake_after = min(times, default=None)
        return self.await_first([chain])

    def inspect_label(self) -> None:
        """Hand over the labels that are there, the failures with their reasons; which labels come later, the campaign finds."""
        chain, self.ctx.wake_after = self.ctx.label, None
        if not chain.is_terminated:
            self.hand_over_labels(LABEL_EARLY, labelled_parts(chain))
            there = sum(len(self.product(output) or ()) for output in SETS)
            self.report(f"{self.key}: goes on with {there} of {len(chain.inputs.frames)} labels; the others come later")
            return
        if "failures" in chain.outputs:
            self.hand_over("failures", chain.outputs.failures)
        uses = ids_by_use(self.product("chosen"))
        if "batch" in chain.outputs and len(uses) == 1:
            self.hand_over(output_of(next(iter(uses)), self.stage.train), chain.outputs.batch)
        elif "batch" in chain.outputs:
            self.hand_over_labels("divide", [chain.outputs.batch])
        if is_stopping(self.node):
            return  # labels that were let go of are no failure
        to_train_on = uses.get(TRAIN, ())
        if not to_train_on and self.stage.train:
            if not chain.is_finished_ok:
                self.report(f"labelling the test frames failed: {ending(chain)}")
        elif not chain.is_finished_ok:
            status = LABELLING.get(chain.exit_status, CampaignStatus.LABELLING_FAILED)
            self.end_with(status, stage=self.stage.name, message=ending(chain))
        elif to_train_on and self.product("batch") is None:
            message = f"none of the {len(to_train_on)} frames to train on has a label, only test frames have"
            self.end_with(CampaignStatus.ALL_LABELS_FAILED, stage=self.stage.name, message=message)

    def hand_over_labels(self, key: str, parts: list[FramesData]) -> None:
        """Hand over labelled frames by what they were chosen for."""
        named: dict[str, Any] = {f"part_{number:03d}": part for number, part in enumerate(parts)}
        divided = self.call_once(key, divide_labels, label="divide the labels", chosen=self.product("chosen"), **named)
        for use in divided.outputs:
            self.hand_over(output_of(use, self.stage.train), divided.outputs[use])
