"""``LabelJob``: labels from an ASE calculator, many frames in one job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import Dict

from alworkflows.jobs.results import LabelResult
from alworkflows.jobs.specs import JobSpec
from workchains.calculations.job import ComputeJob, ComputeParser, Files, Inputs
from workchains.data.frames import FramesData
from workchains.processes.exit_statuses import JobStatus, declare

__all__ = ["LabelJob", "LabelParser"]

FRAMES = "frames.npz"
LABELLED, FAILURES, CURRENT = "labelled.npz", "failures.json", "current.json"


class LabelJob(ComputeJob):
    """Label some of a set of frames."""

    VERB = "label"
    RETRIEVE = (LABELLED, FAILURES, CURRENT)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and exit codes."""
        super().define(spec)
        spec.input("frames", valid_type=FramesData, help="frames to label")
        spec.input("settings", valid_type=Dict, help="label settings: calculator, largest_force, ...")
        spec.input(
            "run", valid_type=Dict, help="this job's share: indices of the frames; remedy: name of the one in force, or null"
        )
        spec.output(
            "labelled", valid_type=FramesData, required=False, help="frames with energy (eV), forces (eV/A), stress (eV/A^3)"
        )
        spec.output("progress", valid_type=Dict, required=False, help="of a job that died: failures so far, current frame")
        declare(spec, JobStatus.ALL_LABELS_FAILED, "none of {total} labels succeeded; first: {message}")

    @classmethod
    def job(cls, inputs: Inputs) -> tuple[JobSpec, Files]:
        """Return the input and its files."""
        spec = cls.checked(inputs["run"], frames=FRAMES, label=inputs["settings"].get_dict())
        return spec, {FRAMES: inputs["frames"]}


class LabelParser(ComputeParser[LabelResult]):
    """Keep the labels, also those of a job that died."""

    VERB = "label"

    def collect(self, folder: Path, result: LabelResult | None) -> ExitCode | None:
        """Attach the labelled frames."""
        path = folder / LABELLED
        if path.exists():
            self.out("labelled", FramesData.from_file(path))
        if result is None:
            files = {name.removesuffix(".json"): _read(folder / name) for name in (FAILURES, CURRENT)}
            self.out("progress", Dict({"failures": files["failures"] or [], "current": files["current"]}))
        elif not path.exists() and result.failures and not result.unreached:
            failures = result.failures
            return self.exit_codes.ERROR_ALL_LABELS_FAILED.format(total=len(failures), message=failures[0].reason)
        return None


def _read(path: Path) -> Any:
    """Return what a file of a dead job holds, or None: it may have been cut off while it was written."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
