"""``TrainWorkChain``: an ensemble from all batches."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, InstalledCode

from alworkflows.errors import InputError
from alworkflows.frames import require_one_engine
from alworkflows.settings import ModelSettings, parse
from workchains.calculations.fit_job import FitJob
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.machines import options_for
from workchains.processes.exit_statuses import JobStatus, TrainStatus, declare
from workchains.processes.keyed import ending
from workchains.processes.naming import numbered
from workchains.processes.restarting import RestartingWorkChain

__all__ = ["TrainWorkChain"]


class TrainWorkChain(RestartingWorkChain):
    """Fit an ensemble to labelled batches and judge it on the test frames there are."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input("code", valid_type=InstalledCode, help="the alworkflows executable")
        spec.input_namespace("batches", valid_type=FramesData, dynamic=True, help="labelled frames to train on")
        spec.input_namespace(
            "tests", valid_type=FramesData, dynamic=True, required=False, help="labelled frames never trained on"
        )
        spec.input_namespace(
            "transfers", valid_type=FramesData, dynamic=True, required=False, help="labelled frames of transfer sets"
        )
        spec.input("groups", valid_type=Dict, required=False, help="name of the transfer set of each key of transfers")
        spec.input(
            "settings", valid_type=Dict, validator=validate_settings, help="model (settings), species (list), seed (of the folds)"
        )
        spec.input("options", valid_type=Dict, default=lambda: Dict({}), help="metadata.options, over those of the machine")
        spec.inputs.validator = validate_batches
        steps: Any = cls  # the outline's types know the steps of a plain WorkChain only
        spec.outline(steps.setup, while_(steps.has_work)(steps.run_jobs, steps.inspect_jobs), steps.results)
        spec.output("ensemble", valid_type=EnsembleData, required=False, help="the fitted ensemble")
        spec.output("report", valid_type=Dict, required=False, help="errors on held-out and test frames (eV/A), terms, times")
        declare(spec, TrainStatus.FIT_FAILED, "the fit failed: {message}")
        declare(
            spec,
            TrainStatus.FIT_OUT_OF_WALLTIME,
            "the fit did not end in {jobs} jobs, each to its walltime: raise walltime of fit in the machine's options.yaml",
        )
        declare(spec, TrainStatus.COMMITTEE_TOO_SMALL, "{message}")

    def runs(self) -> list[str]:
        """Return the one run there is."""
        return ["fit"]

    def key(self, run: str, attempt: int) -> str:
        """Return the key of a job: ``fit``, ``fit_01``, ..."""
        return numbered(run, attempt) if attempt else run

    def job(self, run: str) -> tuple[type, dict[str, Any]]:
        """Return the inputs of the fit."""
        more: dict[str, Any] = {name: dict(self.inputs[name]) for name in ("tests", "transfers") if self.inputs.get(name)}
        if "groups" in self.inputs:
            more["groups"] = self.inputs.groups
        return FitJob, {
            "label": f"fit {len(self.inputs.batches)} batches",
            "code": self.inputs.code,
            "batches": dict(self.inputs.batches),
            "settings": self.inputs.settings,
            "metadata": {"options": {**options_for(self.inputs.code.computer, "fit"), **self.inputs.options.get_dict()}},
            **more,
        }

    def results(self) -> ExitCode | None:
        """Hand over the ensemble."""
        jobs = self.jobs("fit")
        if self.ctx.let_go:
            return self.exit_codes.ERROR_FIT_FAILED.format(message="not begun: asked to begin nothing new")
        if self.is_out_of_walltime(jobs[-1]):
            return self.exit_codes.ERROR_FIT_OUT_OF_WALLTIME.format(jobs=len(jobs))
        if jobs[-1].exit_status == JobStatus.COMMITTEE_TOO_SMALL:
            return self.exit_codes.ERROR_COMMITTEE_TOO_SMALL.format(message=ending(jobs[-1]))
        if not jobs[-1].is_finished_ok:
            return self.exit_codes.ERROR_FIT_FAILED.format(message=ending(jobs[-1]))
        self.out("ensemble", jobs[-1].outputs.ensemble)
        self.out("report", jobs[-1].outputs.report)
        return None


def validate_settings(value: Dict, _: Any) -> str | None:
    """Refuse settings that the schema does not know."""
    values = value.get_dict()
    missing = {"model", "species", "seed"} - set(values)
    if missing:
        return f"expected the keys model, species, seed; missing: {', '.join(sorted(missing))}"
    try:
        parse(ModelSettings, values["model"], "model")
    except InputError as error:
        return str(error)
    return None


def validate_batches(value: Any, _: Any) -> str | None:
    """Refuse an empty data set, frames without labels, labels of two engines, and transfer sets without a name."""
    batches = dict(value.get("batches") or {})
    if not batches:
        return "expected at least one batch to train on, got none"
    transfers = dict(value.get("transfers") or {})
    named = value["groups"].get_dict() if value.get("groups") else {}
    if set(transfers) != set(named):
        return f"expected in groups a name for each of {sorted(transfers)}, got {sorted(named)}"
    nodes = {**batches, **dict(value.get("tests") or {}), **transfers}
    for name, node in nodes.items():
        if node.engine is None:
            return f"{name}: expected labelled frames, got frames whose labels name no engine"
    try:
        require_one_engine({name: node.engine for name, node in nodes.items()})
    except InputError as error:
        return str(error)
    return None
