"""Exit statuses: one source, one meaning each, over all that this package runs."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from aiida.engine import CalcJob, WorkChain

from workchains.calculations.job import ComputeJob
from workchains.calculations.probe_job import ProbeJob
from workchains.labelling import LabelWorkChain
from workchains.processes.exit_statuses import (
    CampaignStatus,
    ConversionStatus,
    FunctionStatus,
    JobStatus,
    LabelStatus,
    ProbeStatus,
    SampleStatus,
    SchedulerStatus,
    TrainStatus,
    exit_label,
    is_warning,
)
from workchains.steps.sample import SampleWorkChain
from workchains.steps.train import TrainWorkChain

#: the statuses of each kind of process; a campaign and what it is made of share theirs
KINDS = {
    ComputeJob: JobStatus,
    ProbeJob: ProbeStatus,
    SampleWorkChain: SampleStatus,
    LabelWorkChain: LabelStatus,
    TrainWorkChain: TrainStatus,
    WorkChain: CampaignStatus,
}
ENUMS = [*KINDS.values(), FunctionStatus, ConversionStatus, SchedulerStatus]
GROUPS = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["entry-points"]
POINTS = [
    EntryPoint(name, value, group) for group in ("aiida.calculations", "aiida.workflows") for name, value in GROUPS[group].items()
]


def processes():
    """Every process class behind an entry point of ours."""
    loaded = [point.load() for point in POINTS]
    return {cls.__name__: cls for cls in loaded if isinstance(cls, type) and issubclass(cls, CalcJob | WorkChain)}


def own(process):
    """The exit codes that a process declares beyond AiiDA's own."""
    base = CalcJob if issubclass(process, CalcJob) else WorkChain
    return {code.status: (label, code) for label, code in process.exit_codes.items() if label not in base.exit_codes}


@pytest.mark.parametrize("name", sorted(processes()))
def test_every_exit_code_is_a_known_status_by_its_own_name(name, aiida_profile):
    process = processes()[name]
    statuses = next(enum for kind, enum in KINDS.items() if issubclass(process, kind))
    declared = own(process)
    assert declared
    assert {status: label for status, (label, _) in declared.items()} == {
        status: exit_label(statuses(status)) for status in declared
    }
    labels = [label for label in process.exit_codes if label.startswith(("ERROR_", "WARNING_"))]
    numbers = [process.exit_codes[label].status for label in labels]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("name", sorted(processes()))
def test_what_has_no_result_is_never_taken_from_the_cache(name, aiida_profile):
    for status, (label, code) in own(processes()[name]).items():
        if status < 400:
            assert code.invalidates_cache, label


@pytest.mark.parametrize("statuses", ENUMS, ids=lambda enum: enum.__name__)
def test_numbers_say_what_sort_of_end_it_is(statuses):
    assert len({status.value for status in statuses}) == len(statuses.__members__)
    for status in statuses:
        assert is_warning(status) == exit_label(status).startswith("WARNING_")
        if "REFUSED" in status.name and status is not CampaignStatus.GIVEN_DATA_REFUSED:
            assert 200 <= status < 300


def test_nothing_but_an_end_is_a_warning():
    assert not is_warning(None)
    assert not is_warning(0)
    assert is_warning(CampaignStatus.STOPPED)
