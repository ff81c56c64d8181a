"""``LabelWorkChain``: labels for a set of frames, by any engine."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, ToContext, calcfunction
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, InstalledCode

from alworkflows.errors import InputError
from alworkflows.settings import LabelSettings, parse
from workchains.base import KeyedWorkChain
from workchains.data.frames import FramesData
from workchains.functions import merge_frames
from workchains.labelling.engines import engine

__all__ = ["LabelWorkChain"]


@calcfunction
def gather_failures(frames: FramesData, **reports: Dict) -> Dict:
    """Return the frames without a label, each with its reason, and the share that succeeded."""
    failures = [item for key in sorted(reports) for item in reports[key]["failures"]]
    return Dict({"total": len(frames), "failed": len(failures), "failures": failures})


class LabelWorkChain(KeyedWorkChain):
    """Label frames; a frame that fails is kept with its reason and never blocks the rest."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input("code", valid_type=InstalledCode, help="the program that labels")
        spec.input("frames", valid_type=FramesData, validator=validate_frames, help="frames to label")
        spec.input(
            "settings", valid_type=Dict, validator=validate_settings, help="label settings: engine, calculator, chunk, ..."
        )
        spec.input("options", valid_type=Dict, default=lambda: Dict({}), help="metadata.options of the jobs")
        steps: Any = cls  # the outline's types know the steps of a plain WorkChain only
        spec.outline(steps.run_jobs, steps.inspect_jobs)
        spec.output("batch", valid_type=FramesData, required=False, help="the labelled frames: one immutable batch")
        spec.output("failures", valid_type=Dict, help="total, failed, failures: id and reason of each")
        spec.exit_code(
            402, "ERROR_ALL_LABELS_FAILED", message="none of {total} labels succeeded; first: {message}", invalidates_cache=True
        )
        spec.exit_code(
            403,
            "ERROR_TOO_MANY_LABELS_FAILED",
            message="{failed} of {total} labels failed, more than the allowed share of {allowed}; first: {message}",
            invalidates_cache=True,
        )

    def run_jobs(self) -> ToContext:
        """Submit the engine's processes."""
        settings = self.inputs.settings.get_dict()
        wanted = engine(settings["engine"]).jobs(self.inputs.frames, settings, self.inputs.code, self.inputs.options.get_dict())
        self.ctx.job_keys = sorted(wanted)
        return ToContext(**{key: self.submit_once(key, process, **inputs) for key, (process, inputs) in wanted.items()})

    def inspect_jobs(self) -> ExitCode | None:
        """Put all labels into one batch and all failures into one list."""
        settings = self.inputs.settings.get_dict()
        tool = engine(settings["engine"])
        parts: dict[str, Any] = {}
        reports: dict[str, Any] = {}
        for key in self.ctx.job_keys:
            node = self.ctx[key]
            found = tool.labelled(node)
            if found is not None:
                parts[key] = found
            reports[key] = tool.failures(node, self.inputs.frames)
        gathered = self.call_once("failures", gather_failures, frames=self.inputs.frames, **reports).outputs.result
        self.out("failures", gathered)
        total, failed = gathered["total"], gathered["failed"]
        if parts:
            batch = (
                parts[next(iter(parts))]
                if len(parts) == 1
                else self.call_once("merge", merge_frames, label="batch", **parts).outputs.result
            )
            self.out("batch", batch)
        if failed:
            first = gathered["failures"][0]
            self.report(f"{failed} of {total} labels failed; first: {first['id']}: {first['reason']}")
            if not parts:
                return self.exit_codes.ERROR_ALL_LABELS_FAILED.format(total=total, message=first["reason"])
            if total - failed < settings["success_share"] * total:
                return self.exit_codes.ERROR_TOO_MANY_LABELS_FAILED.format(
                    failed=failed, total=total, allowed=round(1 - settings["success_share"], 3), message=first["reason"]
                )
        return None


def validate_frames(value: FramesData, _: Any) -> str | None:
    """Refuse an empty set."""
    return None if len(value) else "expected at least one frame to label, got none"


def validate_settings(value: Dict, _: Any) -> str | None:
    """Refuse settings that the schema or the engine registry does not know."""
    try:
        engine(parse(LabelSettings, value.get_dict(), "label settings").engine)
    except InputError as error:
        return str(error)
    return None
