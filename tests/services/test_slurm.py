"""Jobs in a queue: a whole campaign, and jobs that reach their walltime."""

import itertools
import time
from datetime import datetime
from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from services.campaigns import JOBS, TINY, ask, launch
from workchains.calculations.job import WALLTIME_WORDS

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
    assert told["exit_status"] == 704, told["exit_message"]  # so small a campaign does not converge
    assert {item["stage"] for item in told["iterations"]} == {"melt", "surface", "amorphous"}


def test_every_step_was_a_job_of_the_queue(cluster, jobs):
    assert {job["label"] for job in jobs} == {"SampleJob", "DescribeJob", "LabelJob", "FitJob", "EvaluateJob"}
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

SUBMIT = """
from aiida.engine import submit
from aiida.orm import Dict
from ase.build import bulk
from workchains.calculations.label_job import LabelJob
from workchains.data.frames import FramesData
from workchains.labelling import LabelWorkChain
from workchains.machines import load_code

made = []
for index in range(count):
    atoms = bulk("Cu", cubic=True) * (size, size, size)
    atoms.rattle(0.05, seed=index)
    atoms.info["origin"] = {"structure": "copper"}
    made.append(atoms)
settings = {"calculator": {"name": "emt"}, "chunk": 1000, "remedies": False, "reuse": False, "clean": False}
one = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
options = {"resources": one, "max_wallclock_seconds": seconds, "import_sys_environment": False}
inputs = dict(code=load_code(), frames=FramesData.from_frames(made), settings=Dict(settings))
if chain:
    node = submit(LabelWorkChain, **inputs, options=Dict(options))
else:
    run = Dict({"indices": list(range(count)), "remedy": None})
    node = submit(LabelJob, **inputs, run=run, metadata={"options": options})
print(json.dumps(node.pk))
"""

WHERE = """
import time
from aiida.orm import load_node
node, deadline = load_node(pk), time.monotonic() + seconds
while not (node.get_job_id() and node.get_remote_workdir()) and time.monotonic() < deadline:
    time.sleep(0.5)
print(json.dumps(dict(id=node.get_job_id(), folder=node.get_remote_workdir())))
"""

END = """
import time
from aiida.orm import load_node
node, deadline = load_node(pk), time.monotonic() + seconds
while not node.is_terminated and time.monotonic() < deadline:
    time.sleep(0.5)

def told(job):
    words = job.outputs.retrieved.base.repository.get_object_content(job.get_option("scheduler_stderr"), "r")
    kept = len(job.outputs.labelled) if "labelled" in job.outputs else 0
    return dict(id=job.get_job_id(), status=job.exit_status, kept=kept, words=words)

jobs = [node] if node.process_label == "LabelJob" else [item for item in node.called if item.process_label == "LabelJob"]
batch = node.outputs.batch.ids if "batch" in node.outputs else []
print(json.dumps(dict(status=node.exit_status, message=node.exit_message, batch=batch, jobs=[told(job) for job in jobs])))
"""


def frames_in(seconds):
    """Return how many of the frames this machine labels in a time."""
    atoms = bulk("Cu", cubic=True) * (6, 6, 6)
    atoms.calc = EMT()
    atoms.get_forces()
    began = time.monotonic()
    for seed in range(5):
        atoms.rattle(0.05, seed=seed)
        atoms.get_forces()
    return max(10, round(5 * seconds / (time.monotonic() - began)))


def test_labels_go_on_in_further_jobs_when_a_job_reaches_its_walltime(queue):
    count = frames_in(seconds=25)
    pk = ask(queue, SUBMIT, chain=True, count=count, size=6, seconds=16)
    told = ask(queue, END, pk=pk, seconds=300)
    assert told["status"] == 0, told
    assert len(set(told["batch"])) == count
    # all but the last stopped in time by themselves; what they had counts
    assert len(told["jobs"]) > 1
    assert [job["status"] for job in told["jobs"]] == [400] * (len(told["jobs"]) - 1) + [0]
    assert sum(job["kept"] for job in told["jobs"]) == count


def test_a_job_killed_at_its_walltime_leaves_its_labels(queue, cluster):
    count = frames_in(seconds=90)
    pk = ask(queue, SUBMIT, chain=False, count=count, size=6, seconds=600)
    job = ask(queue, WHERE, pk=pk, seconds=60)
    deadline = time.monotonic() + 60
    while not (Path(job["folder"]) / "labelled.npz").exists():
        assert time.monotonic() < deadline
        time.sleep(0.5)
    cluster.expire(job["id"])
    told = ask(queue, END, pk=pk, seconds=120)
    assert remembered(cluster, [job["id"]])[job["id"]][0] == "TIMEOUT"
    assert told["status"] == 400, told
    assert 0 < told["jobs"][0]["kept"] < count
    # without accounting, these words are all that says so
    assert WALLTIME_WORDS.search(told["jobs"][0]["words"])
