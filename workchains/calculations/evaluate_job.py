"""``EvaluateJob``: errors of ensembles on test frames."""

from __future__ import annotations

from pathlib import Path

from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import ArrayData, Dict

from alworkflows.jobs.results import EvaluateResult
from alworkflows.jobs.specs import JobSpec
from alworkflows.npz import open_arrays
from workchains.calculations.job import ComputeJob, ComputeParser, Files, Inputs, file_names
from workchains.data.ensemble import EnsembleData
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

    @classmethod
    def job(cls, inputs: Inputs) -> tuple[JobSpec, Files]:
        """Return the input and its files."""
        ensembles: Files = {f"ensemble_{key}.npz": inputs["ensembles"][key] for key in in_order(inputs["ensembles"])}
        tests = file_names(inputs["tests"])
        groups: dict[str, list[str]] = {}
        named = inputs["groups"].get_dict()
        for key in in_order(named):
            groups.setdefault(named[key], []).append(f"{key}.npz")
        spec = cls.checked(ensembles=list(ensembles), tests=groups)
        return spec, {**ensembles, **{file: inputs["tests"][key] for key, file in tests.items()}}


class EvaluateParser(ComputeParser[EvaluateResult]):
    """Attach the arrays of the last ensemble; the errors of all stand in the report."""

    VERB = "evaluate"

    def collect(self, folder: Path, result: EvaluateResult | None) -> ExitCode | None:
        """Attach the evaluation."""
        if result is None:
            return None
        node = ArrayData()
        with open_arrays(folder / EVALUATION) as arrays:
            for name in arrays.files:
                node.set_array(name, arrays[name])
        self.out("evaluation", node)
        return None
