"""What a campaign does with labels that come after their iteration went on: each set of them is a batch of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ToContext
from aiida.orm import Dict, ProcessNode

from workchains.loop.budget import Spent
from workchains.loop.late import labelling_of
from workchains.loop.products import LABELLED, PRODUCTS
from workchains.loop.state import CampaignStateWorkChain
from workchains.loop.uses import late_labels, output_of
from workchains.processes.exit_statuses import CampaignStatus
from workchains.processes.naming import numbered
from workchains.processes.queueing import load_process
from workchains.provenance.labels import labelled_parts
from workchains.steps.select import TEST, TRAIN

__all__ = ["LATE", "LateBatches"]

#: what keys of late batches begin with
LATE = "late"


class LateBatches(CampaignStateWorkChain):
    """A campaign that takes up late labels; what it does in which order is the subclass's.

    The context holds ``late`` (UUIDs of the iterations whose labelling goes on after them, by their keys) and ``late_batches``
    (how many there were).
    """

    def labelling_late(self) -> dict[str, ProcessNode]:
        """Return the labelling steps that went on after their iterations, by the key of the iteration."""
        steps = {key: labelling_of(load_process(uuid)) for key, uuid in self.ctx.late.items()}
        return {key: step for key, step in steps.items() if step is not None}

    def labels_underway(self) -> int:
        """Return how many labels are still being made for iterations that went on: they are as good as paid for."""
        steps = self.labelling_late().values()
        return sum(len(step.inputs.frames) - sum(map(len, labelled_parts(step))) for step in steps if not step.is_terminated)

    def spent(self) -> Spent:
        """Return what was spent, with the labels that are still being made."""
        spent = super().spent()
        return replace(spent, labels=spent.labels + self.labels_underway())

    def collect_late(self) -> None:
        """Take the late labels of steps that have come to their end, each set as a batch of its own."""
        for name, step in self.labelling_late().items():
            if not step.is_terminated:
                continue
            iteration = load_process(self.ctx.late[name])
            self.ctx.late = {key: uuid for key, uuid in self.ctx.late.items() if key != name}
            if "failures" in step.outputs and name not in self.ctx.products["failures"]:
                self.hand_over_of("failures", name, step.outputs.failures)
            told = iteration.inputs.stage
            train = next(stage.train for stage in self.campaign.stages if stage.name == told["name"])
            outputs = {use: output_of(use, train) for use in (TRAIN, TEST)}
            early = {f"early_{use}": iteration.outputs[output] for use, output in outputs.items() if output in iteration.outputs}
            parts = {f"part_{number:03d}": part for number, part in enumerate(labelled_parts(step))}
            if sum(map(len, parts.values())) <= sum(map(len, early.values())):
                continue
            about = Dict({"stage": told["name"], "iteration": told["iteration"]})
            chosen: Any = iteration.outputs.chosen
            node = self.call_once(
                f"{name}_late", late_labels, label="labels that came late", chosen=chosen, about=about, **early, **parts
            )
            self.ctx.late_batches += 1
            key = numbered(LATE, self.ctx.late_batches)
            for use in node.outputs:
                labelled = node.outputs[use]
                self.hand_over_of(PRODUCTS[outputs[use]], key, labelled)
                if use == TEST:
                    self.ctx.groups = {**self.ctx.groups, key: told["name"]}
                self.report(f"{len(labelled)} late labels of {name} are there, to {use} on")

    def has_unused(self) -> bool:
        """Labels are there that the last ensemble was not fitted to, as they came after it."""
        ensemble = self.ensemble()
        if ensemble is None:
            return self.has("batches")
        if ensemble.creator is None:
            return False  # it was imported without what made it
        used = {link.node.pk for link in ensemble.creator.base.links.get_incoming(link_type=LinkType.INPUT_CALC).all()}
        return any(pk not in used for name in LABELLED for pk in self.ctx.products[name].values())

    def should_await_late(self) -> bool:
        """Labels of earlier iterations are still being made."""
        return any(not step.is_terminated for step in self.labelling_late().values())

    def await_late(self) -> ToContext:
        """Wait for the next of them."""
        return self.await_first(list(self.labelling_late().values()))

    def should_train_late(self) -> bool:
        """Late labels came after the last fit: they were paid for, and are used, also where the budget ended the campaign."""
        goes_on = self.ctx.failure is None or self.ctx.failure[0] == CampaignStatus.BUDGET_EXHAUSTED
        return goes_on and self.has_unused()
