"""Services for a session, and shells on machines that use them for a module: an idle daemon slows the next module's."""

import signal

import pytest
from shell import set_up

from services import postgres, rabbitmq, slurm, sshd
from services.machines import write_machine


def pytest_sessionstart():
    """Let a run that is told to end, by a time limit say, end its services and daemons as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Slurm with 4 CPUs, which remembers its jobs."""
    with slurm(tmp_path_factory.mktemp("slurm"), cpus=4, accounting=True) as running:
        yield running


@pytest.fixture(scope="session")
def host(tmp_path_factory, cluster):
    """A secure shell to where Slurm is."""
    with sshd(tmp_path_factory.mktemp("sshd"), environment=cluster.environment) as running:
        yield running


@pytest.fixture(scope="module")
def workstation(tmp_path_factory):
    """A shell whose campaigns are in PostgreSQL and whose daemon is told by RabbitMQ."""
    folder = tmp_path_factory.mktemp("workstation")
    with postgres(folder / "postgres") as database, rabbitmq(folder / "rabbitmq") as broker:
        profile = {
            "storage": "core.psql_dos",
            "storage_config": database.storage_config(),
            "broker": "core.rabbitmq",
            "broker_config": broker.broker_config(),
            "options": {"runner.poll.interval": 1, "daemon.timeout": 20, "warnings.rabbitmq_version": False},
        }
        machine = write_machine(folder / "machine", profile=profile, computer={"scheduler": "core.direct", "max_jobs": 8})
        with set_up(folder, machine) as shell:
            shell.database = database
            yield shell


@pytest.fixture(scope="module")
def queue(tmp_path_factory, cluster):
    """A shell whose jobs go to Slurm on this machine."""
    folder = tmp_path_factory.mktemp("queue")
    machine = write_machine(folder / "machine", computer={"max_jobs": 3})
    with set_up(folder, machine, cluster.environment) as shell:
        yield shell


@pytest.fixture(scope="module")
def remote(tmp_path_factory, cluster, host):
    """A shell whose jobs go to Slurm through SSH; only the far side knows where Slurm is."""
    folder = tmp_path_factory.mktemp("remote")
    computer = {
        "hostname": host.alias,
        "transport": "core.ssh_async",
        "transport_config": {"backend": "asyncssh", "use_login_shell": False},
        "work_dir": str(folder / "scratch"),
        "max_jobs": 3,
    }
    machine = write_machine(folder / "machine", computer=computer)
    with set_up(folder, machine, host.environment) as shell:
        yield shell
