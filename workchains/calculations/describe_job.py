"""``DescribeJob``: what selection needs to know of each candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import ArrayData, Dict

from alworkflows.jobs.results import DescribeResult
from alworkflows.jobs.specs import JobSpec
from alworkflows.npz import open_arrays
from workchains.calculations.job import ComputeJob, ComputeParser, Files, Inputs, file_names, require_count, require_finite
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData

__all__ = ["DescribeJob", "DescribeParser"]

CANDIDATES, ENSEMBLE, DEVIATION = "candidates.npz", "ensemble.npz", "deviation.npz"
ARRAYS = ("disagreement", "element_disagreement", "grade", "fingerprints")


class DescribeJob(ComputeJob):
    """Disagreement, extrapolation grade, geometry and fingerprint of candidates."""

    VERB = "describe"
    RETRIEVE = (DEVIATION,)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs and outputs."""
        super().define(spec)
        spec.input("candidates", valid_type=FramesData, help="the frames to describe")
        spec.input("settings", valid_type=Dict, help="species (list), geometry (limits), grade (true: the extrapolation grade)")
        spec.input("ensemble", valid_type=EnsembleData, required=False, help="whose disagreement; none: NaN")
        spec.input_namespace(
            "batches", valid_type=FramesData, required=False, help="what the ensemble was trained on; for the extrapolation grade"
        )
        spec.output(
            "deviation",
            valid_type=ArrayData,
            help="disagreement (F,) and element_disagreement (F, S) in eV/A, grade (F,), fingerprints (F, D); NaN where there is "
            "none; attribute refused: reason or None",
        )

    @classmethod
    def job(cls, inputs: Inputs) -> tuple[JobSpec, Files]:
        """Return the input and its files."""
        nodes = inputs.get("batches") or {}
        batches = file_names(nodes)
        files: Files = {CANDIDATES: inputs["candidates"], **{batches[key]: nodes[key] for key in batches}}
        if "ensemble" in inputs:
            files[ENSEMBLE] = inputs["ensemble"]
        spec = cls.checked(
            inputs["settings"],
            candidates=[CANDIDATES],
            ensemble=ENSEMBLE if ENSEMBLE in files else None,
            batches=list(batches.values()),
        )
        return spec, files


class DescribeParser(ComputeParser[DescribeResult]):
    """Attach the arrays."""

    VERB = "describe"

    def collect(self, folder: Path, result: DescribeResult | None) -> ExitCode | None:
        """Attach the deviation."""
        if result is None:
            return None
        with open_arrays(folder / DEVIATION) as stored:
            arrays = {name: stored[name] for name in ARRAYS}
        total = len(self.node.inputs.candidates)
        require_count("described frames", result.frames, total)
        for name, values in arrays.items():
            require_count(f"{name}: rows", len(values), total)
        sound = [index for index, reason in enumerate(result.refused) if reason is None]
        require_finite(arrays, or_none=ARRAYS)
        require_finite({"fingerprints": arrays["fingerprints"][sound]})
        if "ensemble" in self.node.inputs:
            require_finite({"disagreement": arrays["disagreement"][sound]})
        node = ArrayData()
        for name, values in arrays.items():
            node.set_array(name, values)
        node.base.attributes.set("refused", list(result.refused))
        self.out("deviation", node)
        return None

    def told(self, report: dict[str, Any]) -> dict[str, Any]:
        """Return the report without the reasons, which stand beside the arrays."""
        return {key: value for key, value in report.items() if key != "refused"}
