"""``DeviateJob``: what selection needs to know of each candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import ArrayData, Dict

from workchains.calculations.base import ComputeJob, ComputeParser
from workchains.data.ensemble import EnsembleData
from workchains.data.files import FileData
from workchains.data.frames import FramesData

__all__ = ["DeviateJob", "DeviateParser"]

DEVIATION = "deviation.npz"


class DeviateJob(ComputeJob):
    """Disagreement, geometry and fingerprint of candidates."""

    VERB = "deviate"
    RETRIEVE = (DEVIATION,)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs and outputs."""
        super().define(spec)
        spec.input("candidates", valid_type=FramesData, help="the frames to describe")
        spec.input("settings", valid_type=Dict, help="species (list) and geometry (limits)")
        spec.input("ensemble", valid_type=EnsembleData, required=False, help="whose disagreement; none: NaN")
        spec.output(
            "deviation",
            valid_type=ArrayData,
            help="disagreement (F,) in eV/A, fingerprints (F, D); attribute refused: reason or None",
        )

    def job(self) -> tuple[dict[str, Any], dict[str, FileData]]:
        """Return the input and its files."""
        files: dict[str, FileData] = {"candidates.npz": self.inputs.candidates}
        values = {"candidates": ["candidates.npz"], **self.inputs.settings.get_dict()}
        if "ensemble" in self.inputs:
            files["ensemble.npz"] = self.inputs.ensemble
            values["ensemble"] = "ensemble.npz"
        return values, files


class DeviateParser(ComputeParser):
    """Attach the arrays."""

    def collect(self, folder: Path, report: dict[str, Any] | None) -> ExitCode | None:
        """Attach the deviation."""
        if report is None:
            return None
        node = ArrayData()
        with np.load(folder / DEVIATION, allow_pickle=False) as arrays:
            for name in ("disagreement", "fingerprints"):
                node.set_array(name, arrays[name])
        node.base.attributes.set("refused", report.pop("refused"))
        self.out("deviation", node)
        return None
