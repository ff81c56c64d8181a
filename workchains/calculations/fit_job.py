"""``FitJob``: an ensemble from all batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import Dict

from alworkflows.errors import CommitteeError, InputError
from alworkflows.jobs.results import FitResult, Refusal
from alworkflows.jobs.specs import JobSpec
from alworkflows.npz import open_arrays
from workchains.calculations.job import (
    ComputeJob,
    ComputeParser,
    Files,
    Inputs,
    UnbelievedError,
    file_names,
    require_count,
    require_finite,
)
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
        if result is None:
            return None
        with open_arrays(folder / ENSEMBLE) as stored:
            require_finite({name: stored[name] for name in stored.files if np.issubdtype(stored[name].dtype, np.floating)})
        node = EnsembleData.from_file(folder / ENSEMBLE)
        inputs = self.node.inputs
        expected, got = set(inputs.settings["species"]), set(node.base.attributes.get("species"))
        if got != expected:
            raise UnbelievedError(
                JobStatus.OTHER_SPECIES, f"ensemble: expected {', '.join(sorted(expected))}, got {', '.join(sorted(got))}"
            )
        given = sum(len(batch) for batch in inputs.batches.values())
        if result.training_frames > given:
            raise UnbelievedError(
                JobStatus.OTHER_COUNT, f"training frames: expected at most {given}, got {result.training_frames}"
            )
        tests = dict(inputs.tests) if "tests" in inputs else {}
        require_count("test frames", result.test_frames, sum(len(test) for test in tests.values()))
        for key, points in result.test_points.items():
            if key not in tests or list(points.id) != tests[key].ids:
                raise UnbelievedError(JobStatus.OTHER_COUNT, f"test_points: {key}: expected the errors of that batch's frames")
        self.out("ensemble", node)
        return None

    def refused(self, refusal: Refusal) -> ExitCode:
        """Tell too few members from other inputs that are refused."""
        if refusal.kind == CommitteeError.__name__:
            return self.exit_codes.ERROR_COMMITTEE_TOO_SMALL.format(message=refusal.error)
        return super().refused(refusal)
