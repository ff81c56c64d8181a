"""What ``output.json`` of each verb holds: made by the verb, and checked again by whoever collects a job before it is believed.

A file has the keys of one of the classes here and those of :class:`Usage` side by side; one of an input that was refused is a
:class:`Refusal`. Keys that a verb did not set are left out.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from alworkflows.errors import InputError
from alworkflows.frame_errors import FrameErrors
from alworkflows.schema import Settings, parse

__all__ = [
    "DescribeResult",
    "ErrorSummary",
    "EvaluateResult",
    "FitResult",
    "JobResult",
    "LabelFailure",
    "LabelResult",
    "Refusal",
    "SampleResult",
    "UnfinishedFit",
    "Usage",
]


class Usage(Settings):
    """What a job took."""

    verb: str = Field(description="the verb that ran")
    seconds: float = Field(ge=0, description="wall time of the process, its start included, s")
    cpu_seconds: float = Field(ge=0, description="CPU time of the process, s")
    peak_memory_mb: float = Field(ge=0, description="largest memory in use, MiB")


class Refusal(Settings):
    """Of an input that was refused."""

    verb: str = Field(description="the verb that was to run")
    error: str = Field(description="what was expected, what came, and where")
    kind: str = Field(description="class of the error")


class JobResult(Settings):
    """What any verb may say of its end."""

    out_of_time: bool = Field(False, description="its walltime was about to end, and there is work left")
    terminated: bool = Field(False, description="it was told to end before that, and there is work left")

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return a checked result.

        Raises
        ------
        RuntimeError
            If it is none, such as for a number that is not finite: a fault of the verb, not of its input.
        """
        try:
            return parse(cls, values, cls.__name__)
        except InputError as error:
            raise RuntimeError(str(error)) from None

    @property
    def is_finished(self) -> bool:
        """Whether no work is left."""
        return not (self.out_of_time or self.terminated)


class SampleResult(JobResult):
    """Of the verb ``sample``; the frames are in ``candidates.npz``."""

    structure: str = Field(description="name of the structure it started from")
    sampler: str = Field(description="name of the sampler")
    frames: int = Field(ge=0, description="frames made")
    steps: int = Field(ge=0, description="steps done")
    steps_planned: int = Field(ge=0, description="steps of a run that nothing stops")
    stopped: str | None = Field(description="what stopped it, in a word; none: it came to its end")
    message: str = Field(description="the same for a person")
    restarts: int = Field(ge=0, description="times it went on from a checkpoint")


class DescribeResult(JobResult):
    """Of the verb ``describe``; the numbers are in ``deviation.npz``."""

    frames: int = Field(ge=0, description="frames described")
    refused: tuple[str | None, ...] = Field(description="of each frame why it may not be labelled, or none")

    @model_validator(mode="after")
    def _of_each(self) -> Self:
        if len(self.refused) != self.frames:
            raise ValueError(f"refused: expected an entry for each of {self.frames} frames, got {len(self.refused)}")
        return self


class LabelFailure(Settings):
    """Why one frame has no label."""

    id: str = Field(description="of the frame")
    index: int = Field(ge=0, description="its place in the file of frames")
    kind: str = Field(description="see alworkflows.calculators.failures.FailureKind")
    reason: str = Field(description="the same for a person")
    seconds: float = Field(ge=0, description="s, until it failed")


class LabelResult(JobResult):
    """Of the verb ``label``; the frames are in ``labelled.npz``."""

    labelled: int = Field(ge=0, description="frames with a label")
    failures: tuple[LabelFailure, ...] = Field(description="of the frames that failed")
    unreached: tuple[int, ...] = Field(description="places of the frames not begun for want of time")
    interrupted: int | None = Field(description="place of the frame that was begun and stopped for time")
    seconds_per_frame: dict[str, float] = Field(description="mean, fastest and slowest of those that came to an end, s")
    energy: str = Field(description="which energy it is, see alworkflows.calculators.contract.EnergyKind")
    remedy: str | None = Field(description="name of the remedy in force")
    cores: int = Field(ge=1, description="cores the calculator ran on")


class ErrorSummary(Settings):
    """How far an ensemble's mean is from the labels of some frames."""

    frames: int = Field(ge=1, description="frames it is asked of")
    force_rmse: float = Field(description="RMS of the components of the force error, eV/A")
    force_mae: float = Field(description="mean of their absolute values, eV/A")
    force_q999: float = Field(description="99.9 % quantile of their absolute values, eV/A")
    force_std: float = Field(description="standard deviation of the components of the reference forces, eV/A")
    atoms: int | None = Field(None, description="atoms of these frames")
    largest_error: float | None = Field(None, description="largest norm of the error of the force on an atom, eV/A")
    disagreement: float | None = Field(None, description="of the members on a frame, median over the frames, eV/A")
    energy_rmse: float | None = Field(None, description="RMS error of the energy, eV an atom; only where frames have energies")
    energy_mae: float | None = Field(None, description="mean of its absolute values, eV an atom")
    energy_rmse_shifted: float | None = Field(None, description="RMS error less the best constant of all frames, eV an atom")
    energy_mae_shifted: float | None = Field(None, description="mean of its absolute values, eV an atom")
    energy_rmse_species_shifted: float | None = Field(
        None, description="RMS error less the best energy of each species, eV an atom; only where compositions vary"
    )
    energy_mae_species_shifted: float | None = Field(None, description="mean of its absolute values, eV an atom")
    stress_rmse: float | None = Field(None, description="RMS error of the stress, eV/A^3; only where frames have stresses")
    stress_mae: float | None = Field(None, description="mean of its absolute values, eV/A^3")


class FitResult(JobResult):
    """Of the verb ``fit``; the ensemble is in ``ensemble.npz``."""

    fit: dict[str, Any] = Field(
        description="what the trainer reports; its keys are an affair of the class of the model, but for those of the ensemble, "
        "such as 'outliers': training and test frames whose labels are off"
    )
    test: ErrorSummary | None = Field(description="errors on all test frames; none without")
    test_force_rmse_without_outliers: float | None = Field(
        None, description="force error on the test frames whose labels are not off, eV/A; none: none is off"
    )
    test_points: dict[str, FrameErrors] = Field(description="errors frame by frame, by the name of a test batch")
    training_frames: int = Field(ge=1, description="frames trained on")
    test_frames: int = Field(ge=0, description="frames tested on")
    restarts: int = Field(ge=0, description="times it went on from a checkpoint")


class UnfinishedFit(JobResult):
    """Of the verb ``fit`` when its time is over; what was done is in the folder ``checkpoint``."""

    message: str = Field(description="how far it came")
    restarts: int = Field(ge=0, description="times it went on from a checkpoint")


class EvaluateResult(JobResult):
    """Of the verb ``evaluate``; numbers frame by frame of the last ensemble are in ``evaluation.npz``."""

    groups: tuple[str, ...] = Field(description="names of the groups of frames")
    errors: tuple[dict[str, ErrorSummary], ...] = Field(description="of each ensemble, by group, and of 'all'")
