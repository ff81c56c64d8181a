"""What the work chains of the loop share: the campaign's settings, options of its jobs, and how one of them ends early."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida.engine import ExitCode, ToContext
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Computer, Dict, InstalledCode, ProcessNode

from alworkflows.errors import InputError
from alworkflows.settings import Campaign, parse
from workchains.data.frames import FramesData
from workchains.labelling import label_program
from workchains.loop import step_inputs as of
from workchains.machines import options_for
from workchains.processes.exit_statuses import CampaignStatus, TrainStatus, exit_label
from workchains.processes.folders import clean
from workchains.processes.keyed import ending
from workchains.processes.queueing import QueueingWorkChain, is_stopping
from workchains.steps.train import TrainWorkChain

__all__ = ["STEPS", "LoopWorkChain", "jobs_in_flight"]

#: steps that run jobs, each with options of its own
STEPS = ("sample", "describe", "label", "fit", "evaluate")


class LoopWorkChain(QueueingWorkChain):
    """A work chain of a campaign: the campaign itself, one of its iterations, or what it does with given data.

    Its context holds ``failure``, once something has ended it: an exit status, and its message. What is there by then is still
    handed over.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare what all of them are given."""
        super().define(spec)
        spec.input("code", valid_type=InstalledCode, help="the alworkflows executable")
        spec.input("label_code", valid_type=InstalledCode, required=False, help="the program that labels; default: code")
        spec.input("campaign", valid_type=Dict, validator=validate_campaign, help="the whole campaign file, protocol merged")
        spec.input(
            "options",
            valid_type=Dict,
            default=lambda: Dict({}),
            validator=validate_options,
            help="metadata.options per step, laid over those of the machine",
        )

    @property
    def campaign(self) -> Campaign:
        """The campaign's settings."""
        return parse(Campaign, self.inputs.campaign.get_dict(), "campaign")

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

    def is_going_on(self) -> bool:
        """Nothing has ended it, and nobody has asked to begin nothing new."""
        return self.ctx.failure is None and not is_stopping(self.node)

    def submit_training(
        self, sets: Mapping[str, Mapping[str, FramesData]], groups: Mapping[str, str], about: str = ""
    ) -> ProcessNode:
        """Submit a fit to labelled frames; arguments as of :func:`~workchains.loop.step_inputs.training`."""
        inputs, note = of.training(self.campaign, self.inputs.seed.value, sets, groups)
        if note is not None:
            self.report(f"{about}{note}")
        return self.submit_once(
            "train",
            TrainWorkChain,
            label=f"{about}train on {sum(map(len, sets['batches'].values()))} frames",
            code=self.inputs.code,
            options=self.options("fit"),
            clean=self.campaign.label.clean,
            **inputs,
        )

    def end_without_fit(self, node: ProcessNode, stage: str) -> None:
        """End as a fit did that failed."""
        if node.exit_status == TrainStatus.COMMITTEE_TOO_SMALL:
            self.end_with(CampaignStatus.COMMITTEE_TOO_SMALL, message=ending(node))
        else:
            self.end_with(CampaignStatus.TRAINING_FAILED, stage=stage, message=ending(node))

    def await_first(self, chains: list[ProcessNode]) -> ToContext:
        """Wait for the first of some labelling steps, or of their jobs, to end."""
        living = [chain for chain in chains if not chain.is_terminated]
        return self.await_any([*living, *jobs_in_flight(living)])

    def end_with(self, status: CampaignStatus, **values: Any) -> None:
        """Remember how this ends; what is there is still handed over."""
        message = self.exit_codes[exit_label(status)].format(**values).message
        self.ctx.failure = (int(status), message)
        self.report(message)

    def ending(self) -> ExitCode | None:
        """Return the exit code of what has ended this, None if nothing has."""
        if self.ctx.failure is None:
            return None
        status, message = self.ctx.failure
        code: ExitCode = self.exit_codes[exit_label(CampaignStatus(status))]
        return ExitCode(code.status, message, code.invalidates_cache)

    def tidy(self, node: ProcessNode) -> None:
        """Remove the folder of a job that ended well, if that is wanted."""
        message = clean(node) if self.campaign.label.clean else None
        if message:
            self.report(f"a folder stays on the machine: {message}")


def jobs_in_flight(chains: Iterable[ProcessNode]) -> list[ProcessNode]:
    """Return the children of work chains that have not ended."""
    return [child for chain in chains for child in chain.called if not child.is_terminated]


def validate_campaign(value: Dict, _: Any) -> str | None:
    """Refuse a campaign that the schema does not know, or whose engine does not exist or cannot be so."""
    try:
        settings = parse(Campaign, value.get_dict(), "campaign").label
        label_program(settings.engine)(settings).check([])
    except InputError as error:
        return str(error)
    return None


def validate_options(value: Dict, _: Any) -> str | None:
    """Refuse options of a step that does not exist."""
    wrong = [key for key, options in value.get_dict().items() if key not in STEPS or not isinstance(options, Mapping)]
    return f"expected options by step ({', '.join(STEPS)}), got {', '.join(wrong)}" if wrong else None
