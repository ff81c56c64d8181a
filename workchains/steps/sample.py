"""``SampleWorkChain``: one sampler on many structures, one run each."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, InstalledCode, List

from alworkflows.errors import InputError
from alworkflows.sampling import parse_sampler
from workchains.calculations.sample_job import SampleJob
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.machines import options_for
from workchains.processes.exit_statuses import SampleStatus, declare
from workchains.processes.keyed import ending
from workchains.processes.naming import derive_seed, numbered
from workchains.processes.restarting import RestartingWorkChain
from workchains.steps.structures import merge_frames

__all__ = ["SampleWorkChain"]


class SampleWorkChain(RestartingWorkChain):
    """Run a sampler on each structure and put what came into one node; a run that fails does not stop the others."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input("code", valid_type=InstalledCode, help="the alworkflows executable")
        spec.input("structures", valid_type=FramesData, help="starting structures, each named in its origin")
        spec.input("names", valid_type=List, validator=validate_names, help="the structures to sample, by name")
        spec.input("sampler", valid_type=Dict, validator=validate_sampler, help="settings of the sampler")
        spec.input("run", valid_type=Dict, help="seed; upper: disagreement in eV/A at which a run stops, or null")
        spec.input("ensemble", valid_type=EnsembleData, required=False, help="the potential that drives the dynamics")
        spec.input("options", valid_type=Dict, default=lambda: Dict({}), help="metadata.options, over those of the machine")
        steps: Any = cls  # the outline's types know the steps of a plain WorkChain only
        spec.outline(steps.setup, while_(steps.has_work)(steps.run_jobs, steps.inspect_jobs), steps.results)
        spec.output("candidates", valid_type=FramesData, required=False, help="all frames, without labels")
        declare(spec, SampleStatus.ALL_SAMPLERS_FAILED, "none of {total} runs gave a frame; first: {message}")

    def runs(self) -> list[str]:
        """Return one run a structure."""
        return [numbered("sample", index) for index in range(len(self.inputs.names.get_list()))]

    def job(self, run: str) -> tuple[type, dict[str, Any]]:
        """Return the inputs of a run's jobs."""
        index = self.runs().index(run)
        name, given = self.inputs.names.get_list()[index], self.inputs.run.get_dict()
        inputs: dict[str, Any] = {"ensemble": self.inputs.ensemble} if "ensemble" in self.inputs else {}
        return SampleJob, {
            "label": f"{self.inputs.sampler['name']} {name}",
            "code": self.inputs.code,
            "structures": self.inputs.structures,
            "sampler": self.inputs.sampler,
            "run": Dict({"structure": name, "seed": derive_seed(given["seed"], index), "upper": given.get("upper")}),
            "metadata": {"options": {**options_for(self.inputs.code.computer, "sample"), **self.inputs.options.get_dict()}},
            **inputs,
        }

    def results(self) -> ExitCode | None:
        """Merge the frames of all runs, those of failed ones too."""
        names = dict(zip(self.runs(), self.inputs.names.get_list(), strict=True))
        parts, first = {}, ""
        for run, name in names.items():
            jobs = self.jobs(run)
            # a job that goes on from a checkpoint begins with the frames of those before; one that died early has fewer
            candidates = [job.outputs.candidates for job in jobs if "candidates" in job.outputs]
            if candidates:
                parts[run] = max(reversed(candidates), key=len)
            message = self.why_stopped(run)
            if message:
                first = first or f"{name}: {message}"
                self.report(f"{name}: failed, {len(parts[run]) if run in parts else 0} frames kept: {message}")
            elif jobs[-1].outputs.report.get("stopped"):
                self.report(f"{name}: stopped early: {jobs[-1].outputs.report.get('message')}")
        if not parts:
            return self.exit_codes.ERROR_ALL_SAMPLERS_FAILED.format(total=len(names), message=first)
        merged = self.call_once("merge", merge_frames, label="candidates of all runs", **parts).outputs.result
        self.out("candidates", merged)
        self.report(f"{len(merged)} candidates from {len(parts)} of {len(names)} runs")
        return None

    def why_stopped(self, run: str) -> str | None:
        """Return why a run did not come to its end, None if it did."""
        jobs = self.jobs(run)
        if jobs and jobs[-1].is_finished_ok:
            return None
        if not jobs or self.was_let_go(run):
            return "not gone on with: asked to begin nothing new" if jobs else "not begun: asked to begin nothing new"
        if self.is_out_of_walltime(jobs[-1]):
            return f"{ending(jobs[-1])}, {len(jobs)} times; raise walltime of sample in the machine's options.yaml"
        return ending(jobs[-1])


def validate_sampler(value: Dict, _: object) -> str | None:
    """Refuse settings that no sampler knows."""
    try:
        parse_sampler(value.get_dict())
    except InputError as error:
        return str(error)
    return None


def validate_names(value: List, _: object) -> str | None:
    """Refuse an empty list of structures."""
    return None if len(value.get_list()) else "expected at least one structure, got none"
