"""When a job is tried again: the policy, case by case; and what a process node says of its end."""

import itertools

import pytest
from aiida.common import LinkType
from aiida.orm import CalcJobNode, RemoteData

from workchains.processes.retries import Decision, End, Folder, Tries, decide, died, end_of, folder_of, is_out_of_walltime


def outcome(*args):
    decision = decide(*args)
    return decision.again, decision.from_folder


@pytest.mark.parametrize(("end", "folder"), list(itertools.product((End.DONE, End.FAILED), Folder)))
def test_what_is_done_or_failed_for_its_own_reasons_is_not_tried_again(end, folder):
    assert decide(end, Tries(), None, folder) == Decision(again=False, from_folder=False, action="")


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_an_interrupted_job_goes_on_as_often_as_is_allowed(allowed):
    """A run that never ends gets one job and the restarts, no more."""
    restarts = 0
    while decide(End.INTERRUPTED, Tries(restarts), allowed, Folder.THERE).again:
        restarts += 1
    assert restarts == allowed


def test_what_died_is_tried_once_more_whatever_is_allowed():
    assert [decide(End.DIED, Tries(deaths - 1, deaths), 99, Folder.THERE).again for deaths in (1, 2, 3)] == [True, False, False]
    assert [decide(End.DIED, Tries(deaths - 1, deaths), None, Folder.GONE).again for deaths in (1, 2)] == [True, False]


def test_a_death_after_interruptions_is_forgiven_within_the_restarts_allowed():
    assert decide(End.DIED, Tries(2, 1), 3, Folder.THERE).again
    assert not decide(End.DIED, Tries(3, 1), 3, Folder.THERE).again
    assert not decide(End.DIED, Tries(0, 1), 0, Folder.THERE).again


@pytest.mark.parametrize(
    ("end", "folder", "expected"),
    [
        (End.INTERRUPTED, Folder.THERE, (True, True)),
        (End.INTERRUPTED, Folder.BROKEN, (True, False)),
        # anew, it would reach its walltime again
        (End.INTERRUPTED, Folder.GONE, (False, False)),
        (End.DIED, Folder.THERE, (True, True)),
        (End.DIED, Folder.BROKEN, (True, False)),
        (End.DIED, Folder.GONE, (True, False)),
    ],
)
def test_from_where_it_is_tried_again(end, folder, expected):
    assert outcome(end, Tries(0, int(end is End.DIED)), 3, folder) == expected


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        ((End.INTERRUPTED, Tries(1), 3, Folder.THERE), "Action taken: restart 2 of at most 3, from its folder"),
        ((End.INTERRUPTED, Tries(3), 3, Folder.THERE), "Action taken: given up after 4 jobs, as 3 restarts are allowed"),
        ((End.INTERRUPTED, Tries(0), 3, Folder.GONE), "Action taken: given up, as there is no folder to go on from"),
        ((End.DIED, Tries(0, 1), 3, Folder.BROKEN), "Action taken: restart 1 of at most 3, anew, as its result is broken"),
        ((End.DIED, Tries(0, 1), None, Folder.GONE), "Action taken: restart 1, anew"),
        ((End.DIED, Tries(2, 2), 3, Folder.THERE), "Action taken: given up after 3 jobs, 2 of which died"),
        ((End.DIED, Tries(0, 1), 0, Folder.THERE), "Action taken: given up after 1 job, as 0 restarts are allowed"),
    ],
)
def test_what_is_reported(arguments, action):
    assert decide(*arguments).action == action


# ---------------------------------------------------------------------------------------------------- what a process node says


@pytest.fixture
def job(aiida_profile, aiida_localhost):
    """Return a function that makes a job that has ended, with its folder or without."""

    def _job(status=0, state="finished", folder=True, cleaned=False):
        node = CalcJobNode(computer=aiida_localhost)
        node.set_process_state(state)
        if state == "finished":
            node.set_exit_status(status)
        node.store()
        if folder:
            remote = RemoteData(remote_path="/scratch", computer=aiida_localhost)
            remote.base.links.add_incoming(node, LinkType.CREATE, "remote_folder")
            remote.store()
            if cleaned:
                remote.base.extras.set(RemoteData.KEY_EXTRA_CLEANED, True)
        return node

    return _job


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (0, End.DONE),
        (400, End.INTERRUPTED),
        (100, End.DIED),
        (140, End.DIED),
        (310, End.DIED),
        (311, End.DIED),
        (312, End.DIED),
        (110, End.FAILED),
        (120, End.FAILED),
        (210, End.FAILED),
        (421, End.FAILED),
    ],
)
def test_how_a_job_ended_by_its_exit_status(job, status, end):
    node = job(status)
    assert end_of(node) is end
    assert died(node) == (end is End.DIED)
    assert is_out_of_walltime(node) == (end is End.INTERRUPTED)


def test_a_crashed_process_died_and_a_killed_one_did_not(job):
    """What a person killed is not begun again."""
    assert end_of(job(state="excepted")) is End.DIED
    assert end_of(job(state="killed")) is End.FAILED


def test_what_is_left_of_a_job(job):
    assert folder_of(job(400)) is Folder.THERE
    assert folder_of(job(311)) is Folder.BROKEN
    assert folder_of(job(400, cleaned=True)) is Folder.GONE
    assert folder_of(job(311, cleaned=True)) is Folder.GONE
    assert folder_of(job(310, folder=False)) is Folder.GONE
