"""Cores that jobs share: how many there are, how many a job takes."""

import os
from typing import Any

import pytest

from alworkflows.errors import InputError
from alworkflows.settings import parse
from workchains.machines import load_machine
from workchains.machines.cores import available_cores, cores_of, cores_of_inputs
from workchains.machines.options import OptionsFile, tables


def test_the_cores_are_those_this_process_may_run_on() -> None:
    mine = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(mine)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, mine)
    assert available_cores() == len(mine)


@pytest.mark.parametrize(
    ("scheduler", "words", "cores"),
    [
        ("core.direct", {}, 1),
        ("core.direct", {"threads": 4}, 4),
        ("core.direct", {"tasks_per_node": 3, "threads": 2}, 6),
        ("core.direct", {"nodes": 2, "tasks_per_node": 3}, 6),
        ("core.slurm", {"tasks_per_node": 2, "cores_per_task": 4}, 8),
        ("core.sge", {"parallel_env": "mpi", "tasks_per_node": 16}, 16),
    ],
)
def test_a_job_takes_its_processes_times_their_threads(scheduler: str, words: dict[str, Any], cores: int) -> None:
    options, _ = tables(parse(OptionsFile, {"default": words}), scheduler)
    assert cores_of(options["label"]) == cores


def test_a_work_chain_takes_what_its_largest_job_does() -> None:
    def job(threads: int) -> dict[str, Any]:
        return {"metadata": {"options": {"environment_variables": {"OMP_NUM_THREADS": str(threads)}}}, "x": 1}

    assert cores_of_inputs(job(2)) == 2
    assert cores_of_inputs({"first": job(2), "base": {"calc": job(4)}, "metadata": {"label": "chain"}}) == 4
    assert cores_of_inputs({"metadata": {"call_link_label": "nothing said"}}) == 1


@pytest.mark.parametrize(
    ("computer", "cores"),
    [
        ({}, available_cores()),  # the laptop's own `auto`
        ({"cores": 7}, 7),
        ({"max_jobs": 3}, None),
        ({"cores": 7, "max_jobs": 3}, 7),
        ({"cores": None}, None),
    ],
)
def test_what_was_written_by_hand_wins(tmp_path: Any, write: Any, computer: dict[str, Any], cores: int | None) -> None:
    assert load_machine(write(tmp_path / "here", computer=computer)).cores == cores


def test_the_cores_of_another_machine_are_not_looked_for_here(tmp_path: Any, write: Any) -> None:
    folder = write(tmp_path / "far", computer={"transport": "core.ssh_async", "hostname": "far"}, code={"executable": "/a"})
    with pytest.raises(InputError, match=r"computer\.yaml: cores: 'auto' is for this machine .* number of cores"):
        load_machine(folder)
