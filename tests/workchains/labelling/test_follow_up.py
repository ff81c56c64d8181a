"""What follows on a job that labelled, frame by frame; the job is a stand-in that only says how it ended."""

from types import SimpleNamespace

import pytest

from workchains.labelling.contract import Outcome, Task
from workchains.labelling.follow_up import Retry, follow_up, with_progress
from workchains.processes.exit_statuses import JobStatus, SchedulerStatus

IDS = [f"id{index}" for index in range(10)]
ALL = Task(tuple(range(4)))


def job(status=JobStatus.OUT_OF_WALLTIME, message="its last words"):
    return SimpleNamespace(
        pk=7, exit_status=int(status), exit_message=message, is_finished=True, is_excepted=False, exception=None
    )


def follow(outcome, task=ALL, node=None, restarts=2, remedies=()):
    return follow_up(
        node or job(), task, outcome, IDS, restarts, lambda kind, used: next((r for r in remedies if r not in used), None)
    )


def failed(index, kind="unconverged"):
    return {"index": index, "id": IDS[index], "kind": kind, "reason": "no luck"}


def test_a_job_of_which_nothing_came_was_at_its_first_frame():
    rest = with_progress(Outcome(unreached=[0, 1, 2, 3]), ALL)
    assert (rest.interrupted, rest.unreached) == (0, [1, 2, 3])
    for outcome in (Outcome(unreached=[1, 2, 3]), Outcome(unreached=[1, 2, 3], interrupted=0), Outcome()):
        assert with_progress(outcome, ALL) == outcome


def test_frames_that_were_not_reached_are_queued_as_if_nothing_had_been():
    task = Task((0, 1, 2, 3), ("mixing",), restarts=2, parent=5, deaths=1)
    assert follow(Outcome(unreached=[2, 3]), task).retries == [Retry([2, 3], Task((), ("mixing",)))]


def test_an_interrupted_frame_goes_on_in_its_folder_by_itself():
    made = follow(Outcome(interrupted=2, unreached=[3]))
    assert made.retries[1] == Retry([2], Task((), restarts=1, parent=7), apart=True)
    assert made.reports == ["the walltime stopped frame 2. Action taken: restart 1 of at most 2, from its folder"]
    assert made.failures == []


def test_restarts_are_those_of_the_first_frame_and_deaths_are_not_forgotten():
    task = Task((2, 3), restarts=1, parent=5, deaths=1)
    assert follow(Outcome(interrupted=2), task).retries == [Retry([2], Task((), restarts=2, parent=7, deaths=1), apart=True)]
    assert follow(Outcome(interrupted=3), task).retries == [Retry([3], Task((), restarts=1, parent=7, deaths=1), apart=True)]


def test_a_broken_result_is_not_gone_on_from():
    made = follow(Outcome(interrupted=0), node=job(JobStatus.OUTPUT_UNREADABLE))
    assert made.retries == [Retry([0], Task((), restarts=1), apart=True)]
    assert made.reports == [
        "its job died (its last words) before frame 0. Action taken: restart 1 of at most 2, anew, as its result is broken"
    ]


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (JobStatus.OUT_OF_WALLTIME, "walltime", "not finished after 3 jobs, each to its walltime: raise walltime of label"),
        (SchedulerStatus.NODE_FAILED, "lost", "not finished after 3 jobs, the last of which ended: its last words"),
    ],
)
def test_restarts_end_some_day(status, kind, reason):
    made = follow(Outcome(interrupted=0), Task((0,), restarts=2, parent=5), job(status))
    assert made.retries == []
    (told,) = made.failures
    assert (told["id"], told["kind"]) == ("id0", kind)
    assert told["reason"].startswith(reason)


def test_a_frame_on_which_a_job_died_is_tried_once_more_and_then_blamed():
    outcome = Outcome(failures=[failed(1, "crash")], died=[1])
    made = follow(outcome, remedies=["mixing"])
    assert made.retries == [Retry([1], Task((), deaths=1))]
    assert made.failures == outcome.failures
    again = follow(outcome, Task((1,), deaths=1), remedies=["mixing"])
    assert again.retries == [Retry([1], Task((), ("mixing",)))]
    assert again.reports[0] == "the job died on 1 frames. Action taken: given up after 2 jobs, 2 of which died"
    assert follow(outcome, Task((1,), deaths=1)).retries == []


def test_remedies_follow_each_other_and_frames_of_one_go_together():
    outcome = Outcome(failures=[failed(0), failed(2)])
    first = follow(outcome, remedies=["mixing", "algorithm"])
    assert first.retries == [Retry([0, 2], Task((), ("mixing",)))]
    assert first.reports == ["2 frames failed and are tried again. Action taken: mixing"]
    second = follow(outcome, Task((0, 2), ("mixing",), restarts=1), remedies=["mixing", "algorithm"])
    assert second.retries == [Retry([0, 2], Task((), ("mixing", "algorithm")))]
    assert follow(outcome, Task((0, 2), ("mixing", "algorithm")), remedies=["mixing", "algorithm"]).retries == []


def test_all_that_goes_well_is_followed_by_nothing():
    made = follow(Outcome())
    assert (made.retries, made.failures, made.reports) == ([], [], [])
