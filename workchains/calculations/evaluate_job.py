"""``EvaluateJob``: errors of ensembles on test frames."""

from __future__ import annotations

from pathlib import Path

from aiida.engine import CalcJobProcessSpec, ExitCode
from aiida.orm import ArrayData, Dict

from alworkflows.jobs.results import EvaluateResult
from alworkflows.jobs.specs import JobSpec
from alworkflows.npz import open_arrays
from workchains.calculations.job import (
    ComputeJob,
    ComputeParser,
    Files,
    Inputs,
    UnbelievedError,
    file_names,
    require_count,
    require_finite,
)
from workchains.data.ensemble import EnsembleData
from workchains.data.frames import FramesData
from workchains.processes.exit_statuses import JobStatus
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
        with open_arrays(folder / EVALUATION) as stored:
            arrays = {name: stored[name] for name in stored.files}
        inputs = self.node.inputs
        require_finite(arrays)
        require_count("judged ensembles", len(result.errors), len(inputs.ensembles))
        members: dict[str, int] = {}
        for key, group in inputs.groups.get_dict().items():
            members[group] = members.get(group, 0) + len(inputs.tests[key])
        if set(result.groups) != set(members):
            raise UnbelievedError(
                JobStatus.OTHER_COUNT, f"groups: expected {', '.join(sorted(members))}, got {', '.join(sorted(result.groups))}"
            )
        for errors in result.errors:
            for group, total in {**members, "all": sum(members.values())}.items():
                require_count(f"test frames of {group}", errors[group].frames if group in errors else 0, total)
        atoms = sum(test.base.attributes.get("n_atoms") for test in inputs.tests.values())
        for name, values in arrays.items():
            require_count(f"{name}: rows", len(values), atoms if name.endswith("_forces") else sum(members.values()))
        node = ArrayData()
        for name, values in arrays.items():
            node.set_array(name, values)
        self.out("evaluation", node)
        return None
