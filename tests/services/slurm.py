"""Slurm on this machine: munged, slurmctld and slurmd with sockets, ports and state of their own; slurmdbd if asked for."""

import os
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from .accounting import accounting_storage
from .process import ServiceError, free_port, program, running

__all__ = ["Slurm", "slurm"]

# Times in s. Slurm counts walltimes in whole minutes and looks every 30 s for jobs that are over theirs.
CONFIGURATION = """\
ClusterName=alworkflows
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={munge}
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1,defer_batch
KillWait=2
MinJobAge=300
JobAcctGatherType=jobacct_gather/none
{accounting}
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Slurm:
    """A running cluster of one node.

    Attributes
    ----------
    folder
        Where its files are: ``slurm.conf``, ``slurmctld.log``, ``slurmd.log``.
    environment
        What a program needs to talk to it.
    accounting
        Whether ``sacct`` knows the jobs that have ended.

    """

    folder: Path
    environment: dict
    accounting: bool

    def run(self, *command, cwd=None, seconds=60):
        """Run a program that talks to the cluster, and return what it prints."""
        asked = " ".join(map(str, command))
        try:
            done = subprocess.run(
                [program(command[0]), *map(str, command[1:])],
                env={**os.environ, **self.environment},
                cwd=cwd or self.folder,
                capture_output=True,
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise ServiceError(f"{asked} took longer than {seconds} s") from error
        if done.returncode:
            raise ServiceError(f"{asked} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def submit(self, command, *options):
        """Submit a shell command and return the job's id."""
        return int(self.run("sbatch", "--parsable", *options, "--wrap", command))

    def state(self, job):
        """Return the state of a job that runs or ended in the last minutes, such as PENDING, RUNNING, COMPLETED."""
        return self.run("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T").strip()

    def wait(self, job, seconds=30):
        """Return the state in which a job ended."""
        deadline = time.monotonic() + seconds
        while (state := self.state(job)) in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING"):
            if time.monotonic() > deadline:
                raise ServiceError(f"job {job} is still {state} after {seconds} s")
            time.sleep(0.2)
        return state

    def expire(self, job, seconds=0):
        """Let the walltime of a running job end in so many seconds from now; the scheduler sees it within 30 s."""
        end = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + seconds))
        self.run("scontrol", "update", f"JobId={job}", f"EndTime={end}")


@contextmanager
def slurm(folder, cpus=2, accounting=False):
    """Run a cluster of one node with so many CPUs, be they there or not.

    Parameters
    ----------
    folder
        Where its files go; made if it is not there.
    cpus
        CPUs of the node: one job of one process uses one.
    accounting
        Run slurmdbd with MariaDB, so that ``sacct`` exists and AiiDA sees why a job ended. Takes some seconds more.

    """
    folder = Path(folder).resolve()
    for name in ("", "state", "spool"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    configuration, munge = folder / "slurm.conf", folder / "munge.socket"
    environment = {"SLURM_CONF": str(configuration)}
    cluster = Slurm(folder, environment, accounting)
    with ExitStack() as stack:
        stack.enter_context(_munged(folder, munge))
        storage = (
            stack.enter_context(accounting_storage(folder, munge))
            if accounting
            else "AccountingStorageType=accounting_storage/none"
        )
        configuration.write_text(
            CONFIGURATION.format(
                host=socket.gethostname().split(".")[0],
                controller_port=free_port(),
                node_port=free_port(),
                user=psutil.Process().username(),
                munge=munge,
                folder=folder,
                cpus=cpus,
                memory=psutil.virtual_memory().total // 2**20,
                accounting=storage,
            )
        )
        for name in ("slurmctld", "slurmd"):
            # the controller forgets the jobs of an earlier run in this folder: nothing of them is left
            command = [program(name), "-D", *(["-c"] if name == "slurmctld" else []), "-f", configuration]
            ready = _controller_answers if name == "slurmctld" else _node_is_idle
            stack.enter_context(
                running(name, command, folder / f"{name}.log", lambda ready=ready: ready(cluster), environment=environment)
            )
        try:
            yield cluster
        finally:
            _end_jobs(cluster)


@contextmanager
def _munged(folder, munge):
    """Run an authentication service with a key and a socket of its own, so that no other one of the machine matters."""
    key = folder / "munge.key"
    if not key.exists():
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
    names = {
        "key-file": key,
        "pid-file": folder / "munged.pid",
        "seed-file": folder / "munged.seed",
        "log-file": folder / "munged.log",
    }
    options = [f"--{name}={path}" for name, path in names.items()]
    # forced: the folder of a test is closed to other users, which munged takes for a mistake; a socket left behind is replaced
    command = [program("munged"), "--foreground", "--force", f"--socket={munge}", *options]
    ask = [program("munge"), "--no-input", f"--socket={munge}"]
    with running("munged", command, folder / "munged.out", lambda: subprocess.run(ask, capture_output=True).returncode == 0):
        yield


def _controller_answers(cluster):
    try:
        return "UP" in cluster.run("scontrol", "ping")
    except ServiceError:
        return False


def _node_is_idle(cluster):
    return cluster.run("sinfo", "--noheader", "--format=%t").strip() == "idle"


def _end_jobs(cluster):
    """End what still runs or waits: jobs outlive the node's daemon."""
    with suppress(ServiceError):  # a controller that died has nobody to ask, but its jobs run
        waiting = cluster.run("squeue", "--noheader", "--format=%A", seconds=5).split()
        if waiting:
            cluster.run("scancel", *waiting, seconds=5)
        deadline = time.monotonic() + 10
        while cluster.run("squeue", "--noheader", seconds=5).strip() and time.monotonic() < deadline:
            time.sleep(0.1)
    # what is left of them, if they could not be asked: by their sockets in this cluster's folder, and by their variables
    spool = f"{cluster.folder}/spool/"
    steps = {item.pid for item in psutil.net_connections("unix") if str(item.laddr).startswith(spool) and item.pid}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid in steps and process.name() == "slurmstepd":
                process.kill()
            environment = process.environ()
            if environment.get("SLURM_CONF") == cluster.environment["SLURM_CONF"] and "SLURM_JOB_ID" in environment:
                process.kill()
