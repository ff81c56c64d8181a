"""Each service comes up, does one real thing, and goes away."""

import os
import socket
import time
from contextlib import ExitStack

import psutil
import pytest

from services import ServiceError, postgres, rabbitmq, slurm, sshd
from services.process import answers, running


@pytest.fixture(autouse=True)
def no_process_is_left(tmp_path):
    """After a test, nothing runs whose variables, arguments or sockets name its folder."""
    yield
    folder = str(tmp_path)
    steps = {item.pid for item in psutil.net_connections("unix") if str(item.laddr).startswith(folder)}
    assert [item for item in psutil.process_iter() if item.pid in steps or _names(item, folder)] == []


def _names(process, folder):
    try:
        if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
            return False
        return any(folder in text for text in [*process.cmdline(), *process.environ().values()])
    except psutil.Error:
        return False


def test_slurm_runs_jobs_two_at_a_time(tmp_path):
    with slurm(tmp_path, cpus=2) as cluster:
        jobs = [cluster.submit("sleep 1; echo $SLURM_JOB_ID > done-$SLURM_JOB_ID") for _ in range(3)]
        deadline = time.monotonic() + 10
        while len(cluster.run("squeue", "--noheader", "--states=RUNNING").splitlines()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert cluster.state(jobs[2]) == "PENDING"
        assert [cluster.wait(job) for job in jobs] == ["COMPLETED"] * 3
    assert sorted(path.name for path in tmp_path.glob("done-*")) == [f"done-{job}" for job in jobs]


def test_slurm_may_have_more_cpus_than_the_machine(tmp_path):
    cpus = (os.cpu_count() or 1) + 2
    with slurm(tmp_path, cpus=cpus) as cluster:
        jobs = [cluster.submit("sleep 60") for _ in range(cpus)]
        deadline = time.monotonic() + 10
        while {cluster.state(job) for job in jobs} != {"RUNNING"}:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_slurm_is_there_twice_and_again(tmp_path):
    with slurm(tmp_path / "one") as one, slurm(tmp_path / "two") as two:
        assert one.submit("sleep 60") == 1
        assert two.wait(two.submit("true")) == "COMPLETED"
        assert len(one.run("squeue", "--noheader").splitlines()) == 1
        assert two.run("squeue", "--noheader") == ""
    with slurm(tmp_path / "one") as one:
        assert one.run("squeue", "--noheader") == ""
        assert one.wait(one.submit("false")) == "FAILED"


def test_slurm_ends_its_jobs_even_if_the_controller_has_died(tmp_path):
    with slurm(tmp_path) as cluster:
        job = cluster.submit("sleep 60")
        while cluster.state(job) != "RUNNING":
            time.sleep(0.1)
        kill("slurmctld", tmp_path)


def test_slurm_comes_up_where_munged_was_killed(tmp_path):
    for _ in range(2):
        with slurm(tmp_path) as cluster:
            assert cluster.wait(cluster.submit("true")) == "COMPLETED"
            kill("munged", tmp_path)


def kill(name, folder):
    """End the process of that name whose arguments lie in a folder, without a chance to tidy up."""
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == name and any(str(folder) in text for text in process.cmdline()):
            process.kill()


def test_accounting_remembers_how_a_job_ended(tmp_path):
    with slurm(tmp_path, accounting=True) as cluster:
        job = cluster.submit("sleep 60", "--time=1")
        while cluster.state(job) != "RUNNING":
            time.sleep(0.1)
        cluster.expire(job)
        assert cluster.wait(job, 60) == "TIMEOUT"
        assert cluster.run("sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID,State") == f"{job}|TIMEOUT\n"


def test_ssh_reaches_the_queue(tmp_path):
    with slurm(tmp_path / "slurm") as cluster, sshd(tmp_path / "ssh", environment=cluster.environment) as host:
        cluster.submit("sleep 60", "--job-name=waiting")
        assert "waiting" in host.run("squeue --format=%j")
        port = host.port
    assert not answers(port)


def test_postgres_answers_and_holds_a_table(tmp_path):
    with postgres(tmp_path) as server:
        assert server.query("select current_user || ' ' || current_database()") == "aiida aiida"
        server.query("create table numbers (value integer)")
        server.query("insert into numbers values (1), (2)")
        assert server.query("select sum(value) from numbers") == "3"
        with pytest.raises(ServiceError, match="nowhere"):
            server.query("select * from nowhere")


def test_rabbitmq_speaks_its_protocol(tmp_path):
    with rabbitmq(tmp_path) as broker:
        assert broker.greet()[:1] == b"\x01"
        port = broker.port
    assert not answers(port)


def test_services_live_side_by_side(tmp_path):
    with ExitStack() as stack:
        ports = [stack.enter_context(start(tmp_path / name)).port for name, start in (("a", sshd), ("b", sshd))]
        assert len(set(ports)) == 2


def test_a_service_that_ends_at_once_says_why(tmp_path):
    command = ["sh", "-c", "echo the disk is full; exit 3"]
    with (
        pytest.raises(ServiceError, match=r"disk ended with 3.*\n.*the disk is full"),
        running("disk", command, tmp_path / "log", lambda: False),
    ):
        pass


def test_a_service_that_does_not_answer_is_ended(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    command = ["sh", "-c", f"echo {tmp_path}; sleep 60"]
    with (
        pytest.raises(ServiceError, match=r"slow did not answer within 0.3 s"),
        running("slow", command, tmp_path / "log", lambda: answers(port), 0.3),
    ):
        pass
