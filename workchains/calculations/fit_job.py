"""``FitJob``: an ensemble from all batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import Dict

from alworkflows.errors import CommitteeError
from workchains.calculations.job import ComputeJob, ComputeParser
from workchains.data.ensemble import EnsembleData
from workchains.data.files import FileData
from workchains.data.frames import FramesData
from workchains.processes.naming import in_order

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
        spec.exit_code(
            211, "ERROR_COMMITTEE_TOO_SMALL", message="too few members would come of the data: {message}", invalidates_cache=True
        )

    def job(self) -> tuple[dict[str, Any], dict[str, FileData]]:
        """Return the input and its files."""
        batches = {f"{name}.npz": self.inputs.batches[name] for name in in_order(self.inputs.batches)}
        tests = {f"{name}.npz": self.inputs.tests[name] for name in in_order(self.inputs.get("tests", {}))}
        transfers = {f"{name}.npz": self.inputs.transfers[name] for name in in_order(self.inputs.get("transfers", {}))}
        groups: dict[str, list[str]] = {}
        for name in in_order(self.inputs.get("transfers", {})):
            groups.setdefault(self.inputs.groups[name], []).append(f"{name}.npz")
        values = {**self.inputs.settings.get_dict(), "batches": list(batches), "tests": list(tests), "transfers": groups}
        return values, {**batches, **tests, **transfers}


class FitParser(ComputeParser):
    """Attach the ensemble."""

    def collect(self, folder: Path, report: dict[str, Any] | None) -> ExitCode | None:
        """Attach the ensemble."""
        if report is not None:
            self.out("ensemble", EnsembleData.from_file(folder / ENSEMBLE))
        return None

    def refused(self, report: dict[str, Any]) -> ExitCode:
        """Tell too few members from other inputs that are refused."""
        if report.get("kind") == CommitteeError.__name__:
            return self.exit_codes.ERROR_COMMITTEE_TOO_SMALL.format(message=report["error"])
        return super().refused(report)
