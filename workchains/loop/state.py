"""Where a campaign stands: what its iterations have made so far, as keys and PKs in its context."""

from __future__ import annotations

from typing import Any

from aiida.orm import Data, QueryBuilder, load_node

from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.loop.base import LoopWorkChain
from workchains.loop.budget import Spent, hours_since
from workchains.loop.products import LABELLED, PRODUCTS
from workchains.processes.aiida_private import ForgetsOutputs
from workchains.processes.naming import in_order, numbered
from workchains.provenance.costs import costs

__all__ = ["CampaignStateWorkChain"]


class CampaignStateWorkChain(ForgetsOutputs, LoopWorkChain):
    """A campaign's memory; what it does in which order is the subclass's.

    The context holds ``stage`` (index of the one in progress), ``stage_iteration`` and ``iteration`` (those begun, of the stage
    and in all), ``products`` (PKs by namespace and key, see :data:`~workchains.loop.products.PRODUCTS`), ``groups`` (the stage of
    each set of test frames and each transfer set), ``unconverged`` (sentences, by stage).

    PKs, and outputs that are forgotten once they are attached: all that a context holds is written at each step, and a node is
    then read from the database again, so that a campaign of many iterations would spend its time on that.
    """

    def begin_state(self) -> None:
        """Begin with nothing."""
        self.ctx.stage, self.ctx.stage_iteration, self.ctx.iteration = 0, 0, 0
        self.ctx.products = {name: {} for name in PRODUCTS.values()}
        self.ctx.groups, self.ctx.unconverged, self.ctx.failure = {}, {}, None

    @property
    def key(self) -> str:
        """The name of the iteration that was begun last, under which its outputs stand."""
        return numbered("iteration", self.ctx.iteration)

    def hand_over_of(self, namespace: str, key: str, node: Any) -> None:
        """Remember what an iteration, or given data, made, and hand it over."""
        self.ctx.products = {**self.ctx.products, namespace: {**self.ctx.products[namespace], key: node.pk}}
        self.out(f"{namespace}.{key}", node)

    def has(self, namespace: str) -> bool:
        """Return whether anything stands in a namespace."""
        return bool(self.ctx.products[namespace])

    def products(self, namespace: str) -> dict[str, Any]:
        """Return all that stands in a namespace, by key, oldest first."""
        pks = self.ctx.products[namespace]
        stored = QueryBuilder().append(Data, filters={"id": {"in": list(pks.values())}}).all(flat=True) if pks else []
        nodes = {node.pk: node for node in stored}
        return {key: nodes[pks[key]] for key in in_order(pks)}

    def last(self, namespace: str) -> Any:
        """Return what the last iteration made that has made such a thing, None if none has."""
        pks = self.ctx.products[namespace]
        return load_node(pks[in_order(pks)[-1]]) if pks else None

    def ensemble(self) -> EnsembleData | None:
        """Return the last ensemble."""
        last: EnsembleData | None = self.last("ensembles")
        return last

    def labels_paid(self) -> int:
        """Return how many labels there are, test frames and transfer sets included; given ones were not paid for."""
        given = set(self.inputs["given"]["sources"]) if self.inputs.get("given") else set()
        pks = [pk for name in LABELLED for key, pk in self.ctx.products[name].items() if key not in given]
        query = QueryBuilder().append(FramesData, filters={"id": {"in": pks}}, project="attributes.n_frames")
        return sum(int(number) for number in query.all(flat=True)) if pks else 0

    def take_over(self) -> None:
        """Take over what the earlier campaign had when its last iteration ended."""
        record = self.inputs.resumed.get_dict()
        for namespace, nodes in self.inputs.get("previous", {}).items():
            for key, node in nodes.items():
                self.hand_over_of(namespace, key, node)
        for name in ("groups", "unconverged", "stage", "stage_iteration", "iteration", "late", "late_batches"):
            self.ctx[name] = record[name]
        self.report(record["sentence"])

    def spent(self) -> Spent:
        """Return what this campaign, and those it goes on from, have spent; hours are its own."""
        campaign = self.campaign
        core_hours, per_label = 0.0, None
        if campaign.budget.core_hours is not None or campaign.selection.core_hours is not None:
            so_far, before = costs(self.node), self.inputs["resumed"].get_dict() if "resumed" in self.inputs else {}
            core_hours = before.get("core_hours", 0.0) + so_far.total.core_hours
            per_label = so_far.labels.per_label or before.get("per_label")
        return Spent(self.labels_paid(), core_hours, per_label, hours_since(self.node))

    def shared(self) -> dict[str, Any]:
        """Return what every work chain of the loop is given."""
        names = ("code", "label_code", "campaign", "options")
        return {name: self.inputs[name] for name in names if name in self.inputs}
