"""What does not wait for all labels: a fit on those that came, late ones as a batch of their own, sampling before its turn.

Off by default: which labels are late depends on the machine, and so does then what each fit saw. Nothing else changes: labels are
made by the same work chains, to their end.
"""

from __future__ import annotations

from typing import Any

from aiida.engine import ToContext, calcfunction
from aiida.orm import ProcessNode

from alworkflows.settings import Stage
from workchains.data.frames import FramesData
from workchains.labelling.gather import gather_labels
from workchains.loop.budget import hours_since
from workchains.loop.iteration import IterationWorkChain
from workchains.processes.keyed import derive_seed, link_key, numbered
from workchains.processes.queueing import load_process
from workchains.provenance.labels import labelled_parts

__all__ = ["LATE", "OverlapWorkChain", "late_labels"]

#: what keys of late batches begin with
LATE = "late"


@calcfunction
def late_labels(batch: FramesData, early: FramesData) -> FramesData:
    """Return the frames of a complete batch that are not in the part that was used before it was complete."""
    known = set(early.ids)
    frames = [frame for identity, frame in zip(batch.ids, batch.get_frames(), strict=True) if identity not in known]
    return FramesData.from_frames(frames, {"engine": batch.engine})


class OverlapWorkChain(IterationWorkChain):
    """An iteration that may go on before all of its labels are there.

    The context holds ``late`` (for each set of frames whose labels are still being made: UUID of its work chain, the namespace
    they belong to, the key of the part that was used), and ``lates``: how many late batches there are.
    """

    # ------------------------------------------------------------------------------------------------ labels

    def run_label(self) -> ToContext | None:
        """Ask for the labels, and begin what need not wait for them."""
        awaited = super().run_label() or {}
        self.sample_ahead()
        if self.campaign.overlap.share >= 1 and self.campaign.overlap.after is None:
            return awaited
        for name in self.ctx.labelling:
            self.ctx[name] = awaited[name]
        return None

    def should_wait_for_labels(self) -> bool:
        """Too few labels are there to go on with."""
        chains = [self.ctx[name] for name in self.ctx.labelling]
        return any(not chain.is_terminated and not self.has_enough(chain) for chain in chains)

    def await_label(self) -> ToContext:
        """Wait for the end of the next job that labels."""
        return self.await_first([self.ctx[name] for name in self.ctx.labelling])

    def await_first(self, chains: list[ProcessNode]) -> ToContext:
        """Wait for the first of some labelling steps, or of their jobs, to end."""
        living = [chain for chain in chains if not chain.is_terminated]
        jobs = [child for chain in living for child in chain.called if not child.is_terminated]
        return ToContext(**{f"others.pk_{node.pk}": node for node in (*living, *jobs)})

    def has_enough(self, chain: ProcessNode) -> bool:
        """So many of a step's labels are there, or it took so long, that the fit may begin; one label at least must be there."""
        rule, there = self.campaign.overlap, sum(len(part) for part in labelled_parts(chain))
        if there in (0, len(chain.inputs.frames)):
            return False  # nothing to go on with, or all, and the step is about to end
        slow = rule.after is not None and hours_since(chain) >= rule.after
        return slow or there >= rule.share * len(chain.inputs.frames)

    def inspect_label(self) -> None:
        """Take the labels that are there; remember which are still to come."""
        living = [name for name in self.ctx.labelling if not self.ctx[name].is_terminated]
        self.ctx.labelling = [name for name in self.ctx.labelling if name not in living]
        super().inspect_label()
        for name in living:
            chain = self.ctx[name]
            parts = {f"part_{number:03d}": part for number, part in enumerate(labelled_parts(chain))}
            key = f"{self.key}_{name}_early"
            batch = self.call_once(key, gather_labels, label="labels so far", frames=chain.inputs.frames, **parts).outputs.result
            output = "batches" if name == "label" else "tests" if self.stage.train else "transfers"
            self.keep_labels(output, batch)
            late = {"uuid": chain.uuid, "output": output, "early": self.key, "stage": self.stage.name}
            self.ctx.late = {**self.ctx.late, f"{self.key}_{name}": late}
            self.report(f"{self.key}: goes on with {len(batch)} of {len(chain.inputs.frames)} labels; the others come later")

    def collect_late(self) -> None:
        """Take the late labels of steps that have come to their end, each as a batch of its own."""
        for name, item in dict(self.ctx.late).items():
            chain = load_process(item["uuid"])
            if not chain.is_terminated:
                continue
            self.ctx.late = {key: value for key, value in self.ctx.late.items() if key != name}
            early = self.made(item["output"], item["early"])
            if "failures" in chain.outputs and item["output"] == "batches" and item["early"] not in self.ctx.failures:
                self.keep("failures", chain.outputs.failures, item["early"])
            parts = labelled_parts(chain)
            if sum(map(len, parts)) <= len(early):
                continue
            named: dict[str, Any] = {f"part_{number:03d}": part for number, part in enumerate(parts)}
            # a step that was killed has put nothing together
            whole = (
                chain.outputs.batch
                if "batch" in chain.outputs
                else self.call_once(f"{name}_all", gather_labels, frames=chain.inputs.frames, **named).outputs.result
            )
            batch = self.call_once(
                f"{name}_late", late_labels, label="labels that came late", batch=whole, early=early
            ).outputs.result
            self.ctx.lates += 1
            key = numbered(LATE, self.ctx.lates)
            self.keep(item["output"], batch, key)
            if item["output"] != "batches":
                self.ctx.groups = {**self.ctx.groups, key: item["stage"]}
            self.ctx.unused = [*self.ctx.unused, key]
            self.report(f"{len(batch)} late labels of {item['early']} are there")

    def run_train(self) -> ToContext:
        """Fit to all batches, late ones that came meanwhile too."""
        self.collect_late()
        self.ctx.unused = []
        return super().run_train()

    def late_are_coming(self) -> bool:
        """Labels of earlier iterations are still being made."""
        return any(not load_process(item["uuid"]).is_terminated for item in self.ctx.late.values())

    def await_late(self) -> ToContext:
        """Wait for the next of them."""
        return self.await_first([load_process(item["uuid"]) for item in self.ctx.late.values()])

    def should_train_late(self) -> bool:
        """Late labels came after the last fit: they were paid for, and shall be used; the fit is an iteration of its own."""
        self.collect_late()
        if not self.ctx.unused or self.ctx.failure is not None:
            return False
        self.ctx.iteration += 1
        return True

    # ------------------------------------------------------------------------------------------------ samples

    def sample_ahead(self) -> None:
        """Begin the sampling that comes next, if that is wanted and it needs no ensemble."""
        if not self.campaign.overlap.sample_ahead or self.ctx.failure is not None:
            return
        stages, stage = self.campaign.stages, self.stage
        coming: list[tuple[Stage, int]] = []
        if self.ctx.stage_iteration < stage.iterations:
            coming.append((stage, self.ctx.stage_iteration + 1))
        elif self.ctx.stage + 1 < len(stages):
            coming.append((stages[self.ctx.stage + 1], 1))
        for following, number in coming:
            if not following.sampler.needs_ensemble:
                run = {"seed": derive_seed(self.campaign.seed, following.name, number, "sample"), "upper": None}
                self.submit_sample(ahead(following.name, number), f"ahead: {following.name}", following, run)

    def run_sample(self) -> ToContext | None:
        """Take the candidates that were sampled before their turn, or sample."""
        node = self.child(ahead(self.stage.name, self.ctx.stage_iteration))
        return ToContext(sample=node) if node is not None else super().run_sample()


def ahead(stage: str, number: int) -> str:
    """Return the key of a stage's sampling that is begun before its turn."""
    return link_key(f"ahead_{stage}_{number:02d}_sample")
