"""``FitJob``: an ensemble from all batches."""

from __future__ import annotations

from pathlib import Path

from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import Dict

from alworkflows.errors import CommitteeError, InputError
from alworkflows.jobs.results import FitResult, Refusal
from alworkflows.jobs.specs import JobSpec
from workchains.calculations.job import ComputeJob, ComputeParser, Files, Inputs, file_names
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.processes.exit_statuses import JobStatus, declare

__all__ = ["FitJob", "FitParser"]

ENSEMBLE = "ensemble.npz"


class FitJob(ComputeJob):
    """Fit an ensemble to labelled batches."""

    VERB = "fit"
    RETRIEVE = (ENSEMBLE,)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs and outputs."""
        super().define(spec)
        spec.input_namespace("batches", valid_type=FramesData, help="labelled frames to train on; by link, never copied together")
        spec.input_namespace("tests", valid_type=FramesData, required=False, help="labelled frames that are never trained on")
        spec.input_namespace("transfers", valid_type=FramesData, required=False, help="labelled frames of transfer sets")
        spec.input("groups", valid_type=Dict, required=False, help="name of the transfer set of each key of transfers")
        spec.input("settings", valid_type=Dict, help="model (settings), species (list), seed (of the folds)")
        spec.output("ensemble", valid_type=EnsembleData, help="the fitted ensemble")
        declare(spec, JobStatus.COMMITTEE_TOO_SMALL, "too few members would come of the data: {message}")

    @classmethod
    def job(cls, inputs: Inputs) -> tuple[JobSpec, Files]:
        """Return the input and its files."""
        nodes = {name: inputs.get(name) or {} for name in ("batches", "tests", "transfers")}
        names = {name: file_names(of) for name, of in nodes.items()}
        groups: dict[str, list[str]] = {}
        named = inputs["groups"].get_dict() if "groups" in inputs else {}
        for key, file in names["transfers"].items():
            if key not in named:
                raise InputError(f"FitJob: groups: expected the name of the transfer set of {key}, got none")
            groups.setdefault(named[key], []).append(file)
        spec = cls.checked(
            inputs["settings"],
            batches=list(names["batches"].values()),
            tests=list(names["tests"].values()),
            transfers=groups,
        )
        return spec, {file: nodes[name][key] for name, files in names.items() for key, file in files.items()}


class FitParser(ComputeParser[FitResult]):
    """Attach the ensemble."""

    VERB = "fit"

    def collect(self, folder: Path, result: FitResult | None) -> ExitCode | None:
        """Attach the ensemble."""
        if result is not None:
            self.out("ensemble", EnsembleData.from_file(folder / ENSEMBLE))
        return None

    def refused(self, refusal: Refusal) -> ExitCode:
        """Tell too few members from other inputs that are refused."""
        if refusal.kind == CommitteeError.__name__:
            return self.exit_codes.ERROR_COMMITTEE_TOO_SMALL.format(message=refusal.error)
        return super().refused(refusal)
