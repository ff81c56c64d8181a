"""``DeviateJob``: what selection needs to know of each candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import ArrayData, Dict

from workchains.calculations.job import ComputeJob, ComputeParser
from workchains.data.ensemble import EnsembleData
from workchains.data.files import FileData
from workchains.data.frames import FramesData
from workchains.processes.naming import in_order

__all__ = ["DeviateJob", "DeviateParser"]

DEVIATION = "deviation.npz"
ARRAYS = ("disagreement", "element_disagreement", "grade", "fingerprints")


class DeviateJob(ComputeJob):
    """Disagreement, extrapolation grade, geometry and fingerprint of candidates."""

    VERB = "deviate"
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

    def job(self) -> tuple[dict[str, Any], dict[str, FileData]]:
        """Return the input and its files."""
        files: dict[str, FileData] = {"candidates.npz": self.inputs.candidates}
        values = {"candidates": ["candidates.npz"], **self.inputs.settings.get_dict()}
        if "ensemble" in self.inputs:
            files["ensemble.npz"] = self.inputs.ensemble
            values["ensemble"] = "ensemble.npz"
        batches = {f"{name}.npz": self.inputs.batches[name] for name in in_order(self.inputs.get("batches", {}))}
        if batches:
            files |= batches
            values["batches"] = list(batches)
        return values, files


class DeviateParser(ComputeParser):
    """Attach the arrays."""

    def collect(self, folder: Path, report: dict[str, Any] | None) -> ExitCode | None:
        """Attach the deviation."""
        if report is None:
            return None
        node = ArrayData()
        with np.load(folder / DEVIATION, allow_pickle=False) as arrays:
            for name in ARRAYS:
                node.set_array(name, arrays[name])
        node.base.attributes.set("refused", report.pop("refused"))
        self.out("deviation", node)
        return None
