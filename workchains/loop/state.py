"""Where a campaign stands: what its steps ask of its settings and of what there is so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida.orm import Computer, Data, Dict, InstalledCode, ProcessNode, QueryBuilder, load_node

from alworkflows.settings import Campaign, Stage, parse
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.machines import options_for
from workchains.processes.aiida_private import ForgetsOutputs
from workchains.processes.folders import clean
from workchains.processes.keyed import derive_seed, numbered
from workchains.processes.queueing import QueueingWorkChain

__all__ = ["GIVEN", "KEPT", "CampaignWorkChain", "latest"]

#: namespaces of what each iteration makes, by its key; outputs of a campaign, and inputs of one that goes on from it
KEPT = (
    "batches",
    "tests",
    "transfers",
    "ensembles",
    "reports",
    "selections",
    "fingerprints",
    "decisions",
    "levels",
    "candidates",
    "failures",
)
#: name of the group of test frames that came with given data
GIVEN = "given"


def latest(kept: Iterable[str]) -> str:
    """Return the key of the last iteration, also where numbers have become longer."""
    return max(kept, key=lambda key: (len(key), key))


class CampaignWorkChain(ForgetsOutputs, QueueingWorkChain):
    """A work chain that runs a campaign; what it does in which order is the subclass's.

    The context holds ``stage`` (its index), ``stage_iteration`` and ``iteration`` (from 1), a mapping from keys to PKs for each
    name in :data:`KEPT`, ``groups`` (the stage of each set of test frames and each transfer set), and ``failure`` (the label of
    an exit code and its values, once something has ended the campaign).

    PKs, and outputs that are forgotten once they are attached: all that a context holds is written at each step, and a node is
    then read from the database again, so that a campaign of many iterations would spend its time on that.
    """

    @property
    def campaign(self) -> Campaign:
        """The campaign's settings."""
        return parse(Campaign, self.inputs.campaign.get_dict(), "campaign")

    @property
    def stage(self) -> Stage:
        """The settings of the stage the loop is in."""
        return self.campaign.stages[self.ctx.stage]

    @property
    def key(self) -> str:
        """The name of this iteration, under which its outputs stand."""
        return numbered("iteration", self.ctx.iteration)

    def keep(self, name: str, node: Any, key: str | None = None) -> None:
        """Remember what an iteration made, this one if no other is named, and hand it over."""
        key = key or self.key
        self.ctx[name] = {**self.ctx[name], key: node.pk}
        self.out(f"{name}.{key}", node)

    def made(self, name: str, key: str | None = None) -> Any:
        """Return what an iteration made, this one if no other is named."""
        return load_node(self.ctx[name][key or self.key])

    def all_made(self, name: str) -> dict[str, Any]:
        """Return what all iterations made, by key."""
        pks = self.ctx[name]
        found = QueryBuilder().append(Data, filters={"id": {"in": list(pks.values())}}).all(flat=True) if pks else []
        nodes = {node.pk: node for node in found}
        return {key: nodes[pk] for key, pk in pks.items()}

    def frames_made(self, *names: str) -> dict[str, int]:
        """Return how many frames there are of each key in some namespaces."""
        pks = {pk: key for name in names for key, pk in self.ctx[name].items()}
        query = QueryBuilder().append(FramesData, filters={"id": {"in": list(pks)}}, project=["id", "attributes.n_frames"])
        counted: dict[str, int] = {}
        for pk, number in query.all() if pks else []:
            counted[pks[pk]] = counted.get(pks[pk], 0) + int(number)
        return counted

    def end_with(self, label: str, **values: Any) -> None:
        """Remember how the campaign ends; what is there is still judged and handed over."""
        self.ctx.failure = (label, values)
        self.report(getattr(self.exit_codes, label).format(**values).message)

    def end_as_asked(self) -> None:
        """Remember that a person asked to begin nothing new."""
        self.end_with("WARNING_STOPPED", labels=self.labels_paid(), stage=self.stage.name)

    def tidy(self, node: ProcessNode) -> None:
        """Remove the folder of a job that ended well, if that is wanted."""
        message = clean(node) if self.campaign.label.clean else None
        if message:
            self.report(f"a folder stays on the machine: {message}")

    def ensemble(self) -> EnsembleData:
        """Return the last ensemble."""
        found: EnsembleData = self.made("ensembles", latest(self.ctx.ensembles))
        return found

    def window(self) -> list[float] | None:
        """Return lower and upper trust level of the last ensemble, as disagreements in eV/A; None if there is no ensemble."""
        if self.key not in self.ctx.levels:
            return None
        levels = self.made("levels")
        return [levels["lower"], levels["upper"]]

    def labels_paid(self) -> int:
        """Return how many labels there are, test frames and transfer sets included; given ones were not paid for."""
        counted = self.frames_made("batches", "tests", "transfers")
        return sum(number for key, number in counted.items() if not key.startswith(GIVEN))

    def seed(self, use: str) -> int:
        """Return the seed of one use in this iteration."""
        return derive_seed(self.campaign.seed, self.stage.name, self.ctx.stage_iteration, use)

    def chosen(self) -> list[FramesData]:
        """Return the frames to be labelled in this iteration."""
        return [frames for frames in (self.ctx.selected, self.ctx.test) if frames is not None]

    @property
    def computer(self) -> Computer:
        """Where all but the labels are computed."""
        return self.inputs.code.computer

    @property
    def label_code(self) -> InstalledCode:
        """The program that labels."""
        return self.inputs.get("label_code", self.inputs.code)

    def options(self, step: str) -> Dict:
        """Return the job options of a step that were given with the campaign; those of the machine are asked of it."""
        return Dict(self.inputs.options.get_dict().get(step, {}))

    def job_options(self, step: str) -> dict[str, Any]:
        """Return all options of a step's job."""
        return {**options_for(self.computer, step), **self.options(step).get_dict()}
