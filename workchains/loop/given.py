"""``GivenDataWorkChain``: the labelled frames that a campaign begins with; each source is a batch of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida.engine import ExitCode, ToContext, calcfunction, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import ArrayData, Dict, Int

from workchains.calculations.describe_job import DescribeJob
from workchains.data.frames import FramesData
from workchains.loop import step_inputs as of
from workchains.loop.base import LoopWorkChain
from workchains.loop.exit_codes import OF_GIVEN, declare_exit_codes
from workchains.loop.given_apart import draw_apart
from workchains.loop.products import LABELLED
from workchains.processes.exit_statuses import CampaignStatus, FunctionStatus
from workchains.processes.keyed import ending
from workchains.processes.naming import derive_seed, in_order
from workchains.processes.queueing import is_stopping
from workchains.steps.train import TrainWorkChain

__all__ = ["GIVEN", "GivenDataWorkChain", "divide_given"]

#: name of the group of test frames that came with given data
GIVEN = "given"


@calcfunction
def divide_given(frames: FramesData, deviation: ArrayData, settings: Dict, seed: Int) -> dict[str, Any] | ExitCode:
    """Tell what of given frames is trained on and what is tested on, and mark them all as known.

    ``settings``: ``use`` (``train``, ``test`` or ``divide``) and ``test_share`` (of frames to be divided; frames near each other
    are not parted, so there may be fewer). Outputs:
    ``fingerprints`` of the frames to train on, with the ids of all; of frames to be divided also ``batch`` and ``test``.
    """
    use, share = settings["use"], settings["test_share"]
    ids, total = frames.ids, len(frames)
    prints = deviation.get_array("fingerprints")
    if len(prints) != total:
        return ExitCode(FunctionStatus.INPUT_REFUSED.value, f"expected fingerprints of {total} frames, got {len(prints)}")
    order = np.random.default_rng(seed.value).permutation(np.argsort(np.array(ids)))
    size = {"train": 0, "test": total}.get(use, round(share * total) if total > 1 else 0)
    drawn = draw_apart(frames, order, size) if 0 < size < total else order[:size]
    tests, training = np.sort(drawn), np.setdiff1d(order, drawn)
    marks = ArrayData()
    marks.set_array("fingerprints", prints[training])
    marks.base.attributes.set("ids", ids)
    result: dict[str, Any] = {"fingerprints": marks}
    if use == "divide":
        atoms, header = frames.get_frames(), frames.get_header()
        for name, indices in (("batch", training), ("test", tests)):
            if len(indices):
                result[name] = FramesData.from_frames([atoms[index] for index in indices], {"engine": header["engine"]})
    return result


class GivenDataWorkChain(LoopWorkChain):
    """Describe given frames, so that they are known and not chosen again; divide them; fit a first ensemble to them."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input_namespace("sources", valid_type=FramesData, dynamic=True, help="labelled frames, a set a source")
        spec.input("uses", valid_type=Dict, help="of each source: use (train, test or divide), test_share (where divided)")
        spec.input("seed", valid_type=Int, help="of the campaign; each division has one derived from it")
        steps: Any = cls  # the outline's types know the steps of a plain WorkChain only
        spec.outline(
            steps.setup,
            while_(steps.should_describe)(steps.run_describe),
            steps.inspect_describe,
            if_(steps.should_train)(steps.run_train, steps.inspect_train),
            steps.results,
        )
        spec.output_namespace("batches", valid_type=FramesData, dynamic=True, help="labelled frames to train on, by source")
        spec.output_namespace("tests", valid_type=FramesData, dynamic=True, help="labelled frames never trained on, by source")
        spec.output_namespace("fingerprints", valid_type=ArrayData, dynamic=True, help="of the frames to train on; ids of all")
        spec.expose_outputs(TrainWorkChain)
        declare_exit_codes(spec, OF_GIVEN)

    def setup(self) -> None:
        """Begin with nothing."""
        self.ctx.failure, self.ctx.products = None, {}

    def hand_over_of(self, namespace: str, key: str, node: Any) -> None:
        """Remember what came of a source, and hand it over."""
        self.ctx.products = {**self.ctx.products, namespace: {**self.ctx.products.get(namespace, {}), key: node}}
        self.out(f"{namespace}.{key}", node)

    def should_describe(self) -> bool:
        """The fingerprint of a source is not there yet."""
        return self.is_going_on() and any(self.ended(f"{key}_describe") is None for key in self.inputs.sources)

    def run_describe(self) -> ToContext:
        """Describe each source."""
        keys = [f"{key}_describe" for key in in_order(self.inputs.sources)]
        return self.run_each([key for key in keys if self.ended(key) is None], self.computer, self.make_describe)

    def make_describe(self, child: str) -> tuple[type, dict[str, Any], dict[str, Any]]:
        """Return the job that describes a source."""
        key = next(key for key in self.inputs.sources if f"{key}_describe" == child)
        frames, campaign = self.inputs.sources[key], self.campaign
        inputs = {
            **of.describing(campaign, campaign.selection.geometry, None, {}),
            "label": f"describe {len(frames)} given frames",
            "code": self.inputs.code,
            "candidates": frames,
            "metadata": {"options": self.job_options("describe")},
        }
        return DescribeJob, inputs, {}

    def inspect_describe(self) -> None:
        """Add each source to the data set or to the test frames."""
        for number, key in enumerate(in_order(self.inputs.sources)):
            node = self.ended(f"{key}_describe")
            if node is None or (not node.is_finished_ok and is_stopping(self.node)):
                return  # a person asked to begin nothing new
            if not node.is_finished_ok:
                self.end_with(CampaignStatus.GIVEN_DATA_REFUSED, source=key, message=ending(node))
                return
            self.tidy(node)
            frames, about = self.inputs.sources[key], self.inputs.uses[key]
            divided = self.call_once(
                f"{key}_divide",
                divide_given,
                label=f"given frames: {about['use']}",
                frames=frames,
                deviation=node.outputs.deviation,
                settings=Dict(about),
                seed=Int(derive_seed(self.inputs.seed.value, GIVEN, number)),
            )
            if not divided.is_finished_ok:
                self.end_with(CampaignStatus.GIVEN_DATA_REFUSED, source=key, message=ending(divided))
                return
            self.hand_over_of("fingerprints", key, divided.outputs.fingerprints)
            for namespace, output, use in (("batches", "batch", "train"), ("tests", "test", "test")):
                if about["use"] == use:
                    self.hand_over_of(namespace, key, frames)
                elif output in divided.outputs:
                    self.hand_over_of(namespace, key, divided.outputs[output])
        total = {name: sum(map(len, self.ctx.products.get(name, {}).values())) for name in ("batches", "tests")}
        self.report(f"begins with {total['batches']} given frames to train on and {total['tests']} to test on")

    def should_train(self) -> bool:
        """There is something to train on."""
        return self.is_going_on() and bool(self.ctx.products.get("batches"))

    def run_train(self) -> ToContext:
        """Fit an ensemble to the given frames."""
        sets = {name: self.ctx.products.get(name, {}) for name in LABELLED}
        return ToContext(train=self.submit_training(sets, {}))

    def inspect_train(self) -> None:
        """Hand over the first ensemble."""
        node = self.ctx.train
        if node.is_finished_ok:
            self.out_many(self.exposed_outputs(node, TrainWorkChain))
        elif not is_stopping(self.node):
            self.end_without_fit(node, GIVEN)

    def results(self) -> ExitCode | None:
        """Say how it ended."""
        trained = "train" in self.ctx and self.ctx.train.is_finished_ok
        if self.ctx.failure is None and is_stopping(self.node) and not trained:
            self.end_with(CampaignStatus.STOPPED, stage=GIVEN, labels=0)
        return self.ending()
