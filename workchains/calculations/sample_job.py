"""``SampleJob``: one sampler on one structure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import Dict

from workchains.calculations.job import ComputeJob, ComputeParser
from workchains.data.ensemble import EnsembleData
from workchains.data.files import FileData
from workchains.data.frames import FramesData

__all__ = ["SampleJob", "SampleParser"]

CANDIDATES = "candidates.npz"


class SampleJob(ComputeJob):
    """Make candidate frames from one structure."""

    VERB = "sample"
    RETRIEVE = (CANDIDATES,)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and exit codes."""
        super().define(spec)
        spec.input("structures", valid_type=FramesData, help="starting structures, each named in its origin")
        spec.input("sampler", valid_type=Dict, help="settings of the sampler; times in fs, temperatures in K")
        spec.input("run", valid_type=Dict, help="this run: structure (name), seed, upper (eV/A at which it stops, or null)")
        spec.input("ensemble", valid_type=EnsembleData, required=False, help="the potential that drives the dynamics")
        spec.output("candidates", valid_type=FramesData, required=False, help="frames with their origin, without labels")
        spec.exit_code(420, "ERROR_NO_FRAMES", message="the sampler ended without a frame: {message}", invalidates_cache=True)

    def job(self) -> tuple[dict[str, Any], dict[str, FileData]]:
        """Return the input and its files."""
        files: dict[str, FileData] = {"structures.npz": self.inputs.structures}
        values = {"sampler": self.inputs.sampler.get_dict(), "structures": "structures.npz", **self.inputs.run.get_dict()}
        if "ensemble" in self.inputs:
            files["ensemble.npz"] = self.inputs.ensemble
            values["ensemble"] = "ensemble.npz"
        return values, files


class SampleParser(ComputeParser):
    """Keep the frames, also those of a run that died."""

    def collect(self, folder: Path, report: dict[str, Any] | None) -> ExitCode | None:
        """Attach the candidates."""
        path = folder / CANDIDATES
        if path.exists():
            self.out("candidates", FramesData.from_file(path))
        elif report is not None:
            return self.exit_codes.ERROR_NO_FRAMES.format(message=report.get("message") or "no reason given")
        return None
