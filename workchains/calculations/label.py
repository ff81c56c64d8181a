"""``LabelJob``: labels from an ASE calculator, many frames in one job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import Dict

from workchains.calculations.base import ComputeJob, ComputeParser
from workchains.data.files import FileData
from workchains.data.frames import FramesData

__all__ = ["LabelJob", "LabelParser"]

LABELLED = "labelled.npz"


class LabelJob(ComputeJob):
    """Label a slice of frames."""

    VERB = "label"
    RETRIEVE = (LABELLED,)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and exit codes."""
        super().define(spec)
        spec.input("frames", valid_type=FramesData, help="frames to label")
        spec.input("settings", valid_type=Dict, help="label settings: calculator, largest_force, ...")
        spec.input("run", valid_type=Dict, help="this job's share of the frames: start, stop")
        spec.output(
            "labelled", valid_type=FramesData, required=False, help="frames with energy (eV), forces (eV/A), stress (eV/A^3)"
        )
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
        elif report is not None:
            failures = report["failures"]
            message = failures[0]["reason"] if failures else "no frames came"
            return self.exit_codes.ERROR_ALL_LABELS_FAILED.format(total=len(failures), message=message)
        return None
