"""``EvaluateJob``: errors of ensembles on test frames."""

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

__all__ = ["EvaluateJob", "EvaluateParser"]

EVALUATION = "evaluation.npz"


class EvaluateJob(ComputeJob):
    """Judge ensembles on frames that none was trained on."""

    VERB = "evaluate"
    RETRIEVE = (EVALUATION,)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs and outputs."""
        super().define(spec)
        spec.input_namespace("ensembles", valid_type=EnsembleData, help="ensembles, in the order of the numbers in their keys")
        spec.input_namespace("tests", valid_type=FramesData, help="labelled frames")
        spec.input("groups", valid_type=Dict, help="group (such as a stage) of each key of tests")
        spec.output(
            "evaluation", valid_type=ArrayData, help="of the last ensemble: forces (eV/A), errors, disagreement per frame"
        )

    def job(self) -> tuple[dict[str, Any], dict[str, FileData]]:
        """Return the input and its files."""
        ensembles = {f"ensemble_{name}.npz": self.inputs.ensembles[name] for name in in_order(self.inputs.ensembles)}
        tests = {f"{name}.npz": self.inputs.tests[name] for name in in_order(self.inputs.tests)}
        groups: dict[str, list[str]] = {}
        named = self.inputs.groups.get_dict()
        for name in in_order(named):
            groups.setdefault(named[name], []).append(f"{name}.npz")
        return {"ensembles": list(ensembles), "tests": groups}, {**ensembles, **tests}


class EvaluateParser(ComputeParser):
    """Attach the arrays of the last ensemble; the errors of all stand in the report."""

    def collect(self, folder: Path, report: dict[str, Any] | None) -> ExitCode | None:
        """Attach the evaluation."""
        if report is None:
            return None
        node = ArrayData()
        with np.load(folder / EVALUATION, allow_pickle=False) as arrays:
            for name in arrays.files:
                node.set_array(name, arrays[name])
        self.out("evaluation", node)
        return None
