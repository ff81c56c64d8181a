"""``SampleJob``: one sampler on one structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import Dict

from alworkflows.frames import load
from alworkflows.jobs.results import SampleResult
from alworkflows.jobs.specs import JobSpec
from workchains.calculations.job import (
    ComputeJob,
    ComputeParser,
    Files,
    Inputs,
    require_count,
    require_finite,
    require_species,
)
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.processes.exit_statuses import JobStatus, declare

__all__ = ["SampleJob", "SampleParser"]

STRUCTURES, ENSEMBLE, CANDIDATES = "structures.npz", "ensemble.npz", "candidates.npz"


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
        declare(spec, JobStatus.NO_FRAMES, "the sampler ended without a frame: {message}")

    @classmethod
    def job(cls, inputs: Inputs) -> tuple[JobSpec, Files]:
        """Return the input and its files."""
        files: Files = {STRUCTURES: inputs["structures"]}
        if "ensemble" in inputs:
            files[ENSEMBLE] = inputs["ensemble"]
        spec = cls.checked(
            inputs["run"],
            sampler=inputs["sampler"].get_dict(),
            structures=STRUCTURES,
            ensemble=ENSEMBLE if ENSEMBLE in files else None,
        )
        return spec, files


class SampleParser(ComputeParser[SampleResult]):
    """Keep the frames, also those of a run that died."""

    VERB = "sample"

    def collect(self, folder: Path, result: SampleResult | None) -> ExitCode | None:
        """Attach the candidates, if they are made of what they were started from."""
        path = folder / CANDIDATES
        if path.exists():
            # what is wrong with a frame has a status of its own, so that it is not for reading to refuse it
            frames, _ = load(path, screened=False)
            for name, values in (
                ("positions", [frame.positions for frame in frames]),
                ("cell", [frame.cell for frame in frames]),
            ):
                require_finite({f"candidates: {name}": np.concatenate([np.asarray(value) for value in values])})
            node = FramesData.from_file(path)
            if result is not None:
                require_count("candidates", len(node), result.frames)
            require_species(node, self.node.inputs.structures.base.attributes.get("species"), "candidates")
            self.out("candidates", node)
        elif result is not None:
            return self.exit_codes.ERROR_NO_FRAMES.format(message=result.message or "no reason given")
        return None
