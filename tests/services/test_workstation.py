"""A whole campaign on PostgreSQL and RabbitMQ."""

import pytest

from services.campaigns import JOBS, TINY, launch


@pytest.fixture(scope="module")
def campaign(workstation):
    """The PK of a finished campaign."""
    return launch(workstation, TINY)[0]


def test_the_profile_is_on_the_services(workstation):
    code = (
        "from aiida.manage import get_manager; profile = get_manager().get_profile()\n"
        "print(json.dumps([profile.storage_backend, profile.process_control_backend]))"
    )
    assert workstation.python(code) == ["core.psql_dos", "core.rabbitmq"]


def test_a_campaign_runs_to_its_end(workstation, campaign):
    told = workstation.json("status", campaign)
    assert told["exit_status"] == 704, told["exit_message"]  # so small a campaign does not converge
    assert {item["stage"] for item in told["iterations"]} == {"melt", "surface", "amorphous"}


def test_all_of_it_is_in_the_database(workstation, campaign):
    row = f"select count(*) from db_dbnode where id = {campaign} and process_type like '%active_learning'"
    assert workstation.database.query(row) == "1"
    jobs = workstation.python(JOBS)
    assert {job["label"] for job in jobs} == {"SampleJob", "DescribeJob", "LabelJob", "FitJob", "EvaluateJob"}
    assert {job["status"] for job in jobs} == {0}
    listed = workstation.database.query("select count(*) from db_dbnode where node_type like 'process.calculation.calcjob.%'")
    assert int(listed) == len(jobs)
