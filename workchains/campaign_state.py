"""Where a campaign stands: what its steps ask of its settings and of what there is so far."""

from __future__ import annotations

from typing import Any

from aiida.orm import Computer, Dict, InstalledCode, ProcessNode

from alworkflows.selection.levels import resolve
from alworkflows.settings import Campaign, Stage, parse
from workchains.base import derive_seed, numbered
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.folders import clean
from workchains.machines import options_for
from workchains.queueing import QueueingWorkChain

__all__ = ["CampaignWorkChain"]


class CampaignWorkChain(QueueingWorkChain):
    """A work chain that runs a campaign; what it does in which order is the subclass's."""

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
        return self.ctx.ensembles[max(self.ctx.ensembles)]

    def levels(self) -> tuple[float, float]:
        """Return the trust levels that hold for the last ensemble, eV/A."""
        return resolve(self.campaign.selection.levels, self.ensemble().reference_disagreement)

    def labels_paid(self) -> int:
        """Return how many labels there are, test frames and transfer sets included."""
        return sum(len(node) for nodes in (self.ctx.batches, self.ctx.tests, self.ctx.transfers) for node in nodes.values())

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
