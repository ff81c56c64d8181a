"""``SampleWorkChain``: one sampler on many structures, one job each."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, ToContext
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, InstalledCode, List

from workchains.base import KeyedWorkChain, derive_seed, ending
from workchains.calculations.sample import SampleJob
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.functions import merge_frames

__all__ = ["SampleWorkChain"]


class SampleWorkChain(KeyedWorkChain):
    """Run a sampler on each structure and put what came into one node; a run that fails does not stop the others."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input("code", valid_type=InstalledCode, help="the alworkflows executable")
        spec.input("structures", valid_type=FramesData, help="starting structures, each named in its origin")
        spec.input("names", valid_type=List, validator=validate_names, help="the structures to sample, by name")
        spec.input("sampler", valid_type=Dict, help="settings of the sampler")
        spec.input("run", valid_type=Dict, help="seed; upper: disagreement in eV/A at which a run stops, or null")
        spec.input("ensemble", valid_type=EnsembleData, required=False, help="the potential that drives the dynamics")
        spec.input("options", valid_type=Dict, default=lambda: Dict({}), help="metadata.options of the jobs")
        steps: Any = cls  # the outline's types know the steps of a plain WorkChain only
        spec.outline(steps.run_jobs, steps.inspect_jobs)
        spec.output("candidates", valid_type=FramesData, required=False, help="all frames, without labels")
        spec.exit_code(
            401,
            "ERROR_ALL_SAMPLERS_FAILED",
            message="none of {total} runs gave a frame; first: {message}",
            invalidates_cache=True,
        )

    def run_jobs(self) -> ToContext:
        """Submit one job per structure."""
        run = self.inputs.run.get_dict()
        jobs = {}
        for index, name in enumerate(self.inputs.names.get_list()):
            key = f"sample_{index:02d}"
            inputs: dict[str, Any] = {"ensemble": self.inputs.ensemble} if "ensemble" in self.inputs else {}
            jobs[key] = self.submit_once(
                key,
                SampleJob,
                label=f"{self.inputs.sampler['name']} {name}",
                code=self.inputs.code,
                structures=self.inputs.structures,
                sampler=self.inputs.sampler,
                run=Dict({"structure": name, "seed": derive_seed(run["seed"], index), "upper": run.get("upper")}),
                metadata={"options": self.inputs.options.get_dict()},
                **inputs,
            )
        return ToContext(**jobs)

    def inspect_jobs(self) -> ExitCode | None:
        """Merge the frames of all jobs, those of failed ones too."""
        names = self.inputs.names.get_list()
        jobs = {f"sample_{index:02d}": name for index, name in enumerate(names)}
        parts, message = {}, ""
        for key, name in jobs.items():
            job = self.ctx[key]
            if "candidates" in job.outputs:
                parts[key] = job.outputs.candidates
            if not job.is_finished_ok:
                reason = ending(job)
                message = message or f"{name}: {reason}"
                self.report(f"{name}: failed, {len(parts[key]) if key in parts else 0} frames kept: {reason}")
            elif job.outputs.report.get("stopped"):
                self.report(f"{name}: stopped early: {job.outputs.report.get('message')}")
        if not parts:
            return self.exit_codes.ERROR_ALL_SAMPLERS_FAILED.format(total=len(jobs), message=message)
        merged = self.call_once("merge", merge_frames, label="candidates of all runs", **parts).outputs.result
        self.out("candidates", merged)
        self.report(f"{len(merged)} candidates from {len(parts)} of {len(jobs)} runs")
        return None


def validate_names(value: List, _: object) -> str | None:
    """Refuse an empty list of structures."""
    return None if len(value.get_list()) else "expected at least one structure, got none"
