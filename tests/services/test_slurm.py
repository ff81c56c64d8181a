"""Jobs in a queue: a whole campaign, and jobs that reach their walltime."""

import itertools
import time
from datetime import datetime
from pathlib import Path

import pytest

from services.campaigns import JOBS, TINY, launch
from workchains.calculations.base import WALLTIME_WORDS

#: of computer.yaml, see conftest.py
CAP = 3


@pytest.fixture(scope="module")
def campaign(queue):
    """The PK of a finished campaign."""
    return launch(queue, TINY)[0]


@pytest.fixture(scope="module")
def jobs(queue, campaign):
    """The campaign's jobs as AiiDA knows them."""
    return queue.python(JOBS)


def remembered(cluster, ids):
    """Return what the queue remembers of jobs: state, and times of begin and end."""
    lines = cluster.run("sacct", "-n", "-P", "-X", f"--jobs={','.join(map(str, ids))}", "--format=JobID,State,Start,End")
    rows = [line.split("|") for line in lines.splitlines()]
    return {row[0]: (row[1], *map(datetime.fromisoformat, row[2:])) for row in rows}


def test_a_campaign_runs_to_its_end(queue, campaign):
    told = queue.json("status", campaign)
    assert told["exit_status"] == 0
    assert {item["stage"] for item in told["iterations"]} == {"melt", "surface", "amorphous"}


def test_every_step_was_a_job_of_the_queue(cluster, jobs):
    assert {job["label"] for job in jobs} == {"SampleJob", "DeviateJob", "LabelJob", "FitJob", "EvaluateJob"}
    assert {job["scheduler"] for job in jobs} == {"core.slurm"}
    known = remembered(cluster, [job["id"] for job in jobs])
    assert sorted(known) == sorted(job["id"] for job in jobs)
    assert {state for state, _, _ in known.values()} == {"COMPLETED"}


def test_no_more_jobs_than_the_cap_were_in_flight(cluster, jobs):
    times = [times for _, *times in remembered(cluster, [job["id"] for job in jobs]).values()]
    # at one instant, ends come before begins: the queue tells whole seconds
    changes = sorted([(begin, 1) for begin, _ in times] + [(end, -1) for _, end in times])
    assert 1 < max(itertools.accumulate(change for _, change in changes)) <= CAP


# ------------------------------------------------------------------------------------------------ walltime

START = """
from aiida.engine import submit
from aiida.orm import Dict
from ase.build import bulk
from workchains.calculations.label import LabelJob
from workchains.data.frames import FramesData
from workchains.labelling import LabelWorkChain
from workchains.machines import load_code

def slow_frames(count, size):
    made = []
    for index in range(count):
        atoms = bulk("Cu", cubic=True) * (size, size, size)
        atoms.rattle(0.05, seed=index)
        atoms.info["origin"] = {"structure": "copper"}
        made.append(atoms)
    return FramesData.from_frames(made)

def options(seconds):
    return {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": seconds}

settings = {"calculator": {"name": "emt"}, "chunk": 1000, "remedies": False, "reuse": False, "clean": False}
"""

CHAIN = (
    START
    + """
inputs = dict(code=load_code(), frames=slow_frames({count}, 4), settings=Dict(settings), options=Dict(options({seconds})))
print(json.dumps(submit(LabelWorkChain, **inputs).pk))
"""
)

JOB = (
    START
    + """
run = Dict({{"indices": list(range({count})), "remedy": None}})
inputs = dict(code=load_code(), frames=slow_frames({count}, 6), settings=Dict(settings), run=run)
print(json.dumps(submit(LabelJob, **inputs, metadata={{"options": options({seconds})}}).pk))
"""
)

WAIT = """
import time
from aiida.orm import load_node
node, deadline = load_node({pk}), time.monotonic() + {seconds}
while not node.is_terminated and time.monotonic() < deadline:
    time.sleep(0.5)
"""

SUBMITTED = """
import time
from aiida.orm import load_node
node, deadline = load_node({pk}), time.monotonic() + 60
while not (node.get_job_id() and node.get_remote_workdir()) and time.monotonic() < deadline:
    time.sleep(0.5)
print(json.dumps(dict(id=node.get_job_id(), folder=node.get_remote_workdir())))
"""

TOLD = (
    WAIT
    + """
def kept(item):
    return len(item.outputs.labelled) if "labelled" in item.outputs else 0
def words(item):
    text = item.get_option("scheduler_stderr")
    return item.outputs.retrieved.base.repository.get_object_content(text, "r")
children = [item for item in node.called if item.process_label == "LabelJob"] if node.process_label != "LabelJob" else [node]
print(json.dumps(dict(
    state=node.process_state.value, status=node.exit_status, message=node.exit_message,
    batch=node.outputs.batch.ids if "batch" in node.outputs else [],
    jobs=[dict(id=item.get_job_id(), status=item.exit_status, kept=kept(item), words=words(item)) for item in children],
)))
"""
)


def test_labels_go_on_in_further_jobs_when_a_job_reaches_its_walltime(queue):
    count, seconds = 120, 16
    pk = queue.python(CHAIN.format(count=count, seconds=seconds))
    told = queue.python(TOLD.format(pk=pk, seconds=240))
    assert told["status"] == 0, told
    assert len(set(told["batch"])) == count
    assert len(told["jobs"]) > 1
    # all but the last stopped in time by themselves; what they had counts
    assert [job["status"] for job in told["jobs"]] == [400] * (len(told["jobs"]) - 1) + [0]
    assert sum(job["kept"] for job in told["jobs"]) == count


def test_a_job_killed_at_its_walltime_leaves_its_labels(queue, cluster):
    count = 400
    pk = queue.python(JOB.format(count=count, seconds=600))
    job = queue.python(SUBMITTED.format(pk=pk))
    deadline = time.monotonic() + 60
    while not (Path(job["folder"]) / "labelled.npz").exists():
        assert time.monotonic() < deadline
        time.sleep(0.5)
    cluster.expire(job["id"])
    told = queue.python(TOLD.format(pk=pk, seconds=120))
    assert remembered(cluster, [job["id"]])[job["id"]][0] == "TIMEOUT"
    assert told["status"] == 400, told
    assert 0 < told["jobs"][0]["kept"] < count
    # without accounting, these words are all that says so
    assert WALLTIME_WORDS.search(told["jobs"][0]["words"])
