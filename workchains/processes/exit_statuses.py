"""The exit statuses of our processes: each number once, with its name and what it means.

A number belongs to a kind of process, and within a kind it stands for one thing. A work chain that ends because of how its job
ended says so with a number of its own, under the same name. Hundreds say what sort of end it is: 2 an input that was refused, 3 a
result that is missing or cannot be read, 4 a failure in the work or of what was called, 5 something that did not converge or is
not to be believed, 7 a warning with which the results stand. None is ever renumbered: records hold them.

The name of an exit code is that of its status, after ``ERROR_`` or ``WARNING_``.
"""

from __future__ import annotations

from enum import IntEnum, unique

from aiida.engine.processes.process_spec import ProcessSpec

__all__ = [
    "NOT_BELIEVED",
    "WARNINGS",
    "CampaignStatus",
    "ConversionStatus",
    "FunctionStatus",
    "JobStatus",
    "LabelStatus",
    "ProbeStatus",
    "SampleStatus",
    "SchedulerStatus",
    "TrainStatus",
    "declare",
    "exit_label",
    "is_warning",
]

#: from here on, an end is a warning
WARNINGS = 700


@unique
class SchedulerStatus(IntEnum):
    """What AiiDA itself ends a job with: its own numbers, as far as they are asked for here."""

    #: the job's folder was gone before its files were fetched
    NO_RETRIEVED_FOLDER = 100
    #: the scheduler's accounting says that there was no memory left
    OUT_OF_MEMORY = 110
    #: the same of its walltime
    OUT_OF_WALLTIME = 120
    #: the scheduler refused the account that is to pay
    INVALID_ACCOUNT = 131
    #: the scheduler's accounting says that a node failed
    NODE_FAILED = 140


@unique
class JobStatus(IntEnum):
    """Of the jobs that run a verb."""

    #: the verb refused its input
    INPUT_REFUSED = 210
    #: of a fit: too few members would come of the data
    COMMITTEE_TOO_SMALL = 211
    #: there is no result
    OUTPUT_MISSING = 310
    #: the result is none
    OUTPUT_UNREADABLE = 311
    #: something told the job to end before its walltime
    ENDED_FROM_OUTSIDE = 312
    #: its walltime was reached, and there is work left
    OUT_OF_WALLTIME = 400
    #: of sampling: not a single frame
    NO_FRAMES = 420
    #: of labelling: not a single label
    ALL_LABELS_FAILED = 421
    #: what it handed back is not to be believed: numbers that are none
    NOT_FINITE = 520
    #: of labelling: a larger force than is allowed
    FORCE_TOO_LARGE = 521
    #: of labelling: by another calculator, or with other parameters, than asked
    OTHER_ENGINE = 522
    #: of other atoms than it was given
    OTHER_SPECIES = 523
    #: of labelling: of another configuration than it was given
    OTHER_POSITIONS = 524
    #: of more or fewer frames than it was given
    OTHER_COUNT = 525


#: how a job ends whose results can be read, and are not believed: another job of the same executable would hand back no better
NOT_BELIEVED = (
    JobStatus.NOT_FINITE,
    JobStatus.FORCE_TOO_LARGE,
    JobStatus.OTHER_ENGINE,
    JobStatus.OTHER_SPECIES,
    JobStatus.OTHER_POSITIONS,
    JobStatus.OTHER_COUNT,
)


@unique
class ProbeStatus(IntEnum):
    """Of the job that asks whether a program starts."""

    NOT_STARTED = 310


@unique
class FunctionStatus(IntEnum):
    """Of the calculation functions."""

    #: what they were given cannot be used
    INPUT_REFUSED = 210


@unique
class ConversionStatus(IntEnum):
    """Of the conversions of what a program left into a label: why it is not to be believed."""

    TRUNCATED = 330
    UNCONVERGED = 510
    FORCE = 511
    SPECIES = 512
    SPIN = 513


@unique
class SampleStatus(IntEnum):
    """Of the work chain that samples."""

    ALL_SAMPLERS_FAILED = 401


@unique
class LabelStatus(IntEnum):
    """Of the work chain that labels."""

    #: the settings do not suit the frames
    SETTINGS_REFUSED = 202
    ALL_LABELS_FAILED = 402
    TOO_MANY_LABELS_FAILED = 403


@unique
class TrainStatus(IntEnum):
    """Of the work chain that fits."""

    FIT_FAILED = 404
    FIT_OUT_OF_WALLTIME = 405
    #: as its job ended with :attr:`JobStatus.COMMITTEE_TOO_SMALL`
    COMMITTEE_TOO_SMALL = 406


@unique
class CampaignStatus(IntEnum):
    """Of a campaign, and of what it is made of."""

    STRUCTURES_REFUSED = 201
    SAMPLING_FAILED = 410
    NO_CANDIDATES = 411
    DEVIATION_FAILED = 412
    ALL_LABELS_FAILED = 413
    TRAINING_FAILED = 414
    EVALUATION_FAILED = 415
    SELECTION_FAILED = 416
    BEYOND_TRUST = 417
    TOO_MANY_LABELS_FAILED = 418
    COMMITTEE_TOO_SMALL = 419
    LABELLING_FAILED = 420
    LEVELS_UNUSABLE = 421
    GIVEN_DATA_REFUSED = 422
    DECISION_FAILED = 423
    #: an iteration was killed, or something in it was not foreseen
    ITERATION_FAILED = 424
    BUDGET_EXHAUSTED = 701
    STOPPED = 702
    NOT_APPROVED = 703
    NOT_CONVERGED = 704
    TIME_USED_UP = 705


def is_warning(status: int | None) -> bool:
    """Whether a process with this exit status has results that stand."""
    return status is not None and status >= WARNINGS


def exit_label(status: IntEnum) -> str:
    """Return the name of the exit code of a status."""
    return f"{'WARNING' if is_warning(status) else 'ERROR'}_{status.name}"


def declare(spec: ProcessSpec, status: IntEnum, message: str) -> None:
    """Declare a status as an exit code of a process; what ended with it is not taken from the cache."""
    spec.exit_code(status.value, exit_label(status), message=message, invalidates_cache=True)
