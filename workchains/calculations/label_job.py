"""``LabelJob``: labels from an ASE calculator, many frames in one job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import Dict

from workchains.calculations.job import ComputeJob, ComputeParser
from workchains.data.files import FileData
from workchains.data.frames import FramesData

__all__ = ["LabelJob", "LabelParser"]

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
        spec.exit_code(
            421, "ERROR_ALL_LABELS_FAILED", message="none of {total} labels succeeded; first: {message}", invalidates_cache=True
        )

    def job(self) -> tuple[dict[str, Any], dict[str, FileData]]:
        """Return the input and its files."""
        values = {"frames": "frames.npz", "label": self.inputs.settings.get_dict(), **self.inputs.run.get_dict()}
        return values, {"frames.npz": self.inputs.frames}


class LabelParser(ComputeParser):
    """Keep the labels, also those of a job that died."""

    def collect(self, folder: Path, report: dict[str, Any] | None) -> ExitCode | None:
        """Attach the labelled frames."""
        path = folder / LABELLED
        if path.exists():
            self.out("labelled", FramesData.from_file(path))
        if report is None:
            found = {name.removesuffix(".json"): _read(folder / name) for name in (FAILURES, CURRENT)}
            self.out("progress", Dict({"failures": found["failures"] or [], "current": found["current"]}))
        elif not path.exists() and report["failures"] and not report.get("unreached"):
            failures = report["failures"]
            return self.exit_codes.ERROR_ALL_LABELS_FAILED.format(total=len(failures), message=failures[0]["reason"])
        return None


def _read(path: Path) -> Any:
    """Return what a file of a dead job holds, or None: it may have been cut off while it was written."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
