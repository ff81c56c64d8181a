"""Sample, label and fit as queued jobs of a machine that is reached through SSH."""

import pytest

from services.campaigns import JOBS, SMALL, launch


@pytest.fixture(scope="module")
def campaign(remote):
    """The PK of a finished campaign."""
    return launch(remote, SMALL)[0]


def test_a_campaign_runs_to_its_end(remote, campaign):
    told = remote.json("status", campaign)
    assert told["exit_status"] == 0
    assert told["iterations"][0]["labels"] >= 6


def test_every_step_was_a_job_of_the_queue_over_there(remote, cluster, campaign):
    jobs = remote.python(JOBS)
    assert {"SampleJob", "LabelJob", "FitJob"} <= {job["label"] for job in jobs}
    assert {(job["scheduler"], job["transport"]) for job in jobs} == {("core.slurm", "core.ssh_async")}
    known = cluster.run("sacct", "-n", "-P", "-X", "--format=JobID,State").split()
    assert {f"{job['id']}|COMPLETED" for job in jobs} <= set(known)


def test_only_the_far_side_knows_the_queue(remote):
    assert "SLURM_CONF" not in remote.environment
