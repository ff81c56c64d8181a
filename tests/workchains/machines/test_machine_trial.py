"""``setup --test``: jobs that run and jobs that cannot, and what is said of them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from click.testing import CliRunner

from alworkflows.errors import InputError
from workchains.calculations.probe_job import ProbeJob
from workchains.cli.setup import setup
from workchains.machines.faults import explain
from workchains.machines.jobs import _outcome, _transport_problem, _waiting
from workchains.machines.trial import _words, try_connection

EXECUTABLE = str(Path(sys.executable).with_name("alworkflows"))
VASP = (
    " running on    4 total cores\n distrk:  each k-point on    4 cores,    1 groups\n vasp.6.4.2 20Jul23 (build 2024) complex\n"
)
PW = "     Program PWSCF v.6.7MaX starts on 26Nov2026 at 18:32:55\n     stopping ...\n"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("pw.x: error while loading shared libraries: libmkl_core.so.2: cannot open", "the library libmkl_core.so.2 is missing"),
        ("/lib64/libc.so.6: version `GLIBC_2.34' not found", "newer system (GLIBC_2.34)"),
        ("bash: /x/pw.x: cannot execute binary file: Exec format error", "another kind of processor"),
        ("Illegal instruction (core dumped)", "newer processor"),
        ("line 9: mpirun: command not found", "mpirun is not there where jobs run: load MPI in prepend_text of codes/pw.yaml"),
        ("line 5: module: command not found", "has no modules"),
        ('Lmod has detected: The following module(s) are unknown: "vasp/9"', "there is no module vasp/9"),
        ("ERROR: Unable to locate a modulefile for 'vasp/9'", "there is no module vasp/9"),
        ("OPAL ERROR: Unreachable in file ext3x_client.c", "srun --mpi=pmix -n {tot_num_mpiprocs}"),
        ("ModuleNotFoundError: No module named 'gpaw'", "lacks the package gpaw"),
        ("line 7: /x/pw.x: No such file or directory", "there is no /x/pw.x where jobs run: correct codes/pw.yaml"),
        ("line 7: /x/pw.x: Permission denied", "/x/pw.x may not be run by this user"),
        ("sbatch: error: invalid partition specified: nope", "no such queue"),
        ("sbatch: error: Invalid account or account/partition combination specified", "refuses the account"),
        ("sbatch: error: Batch job submission failed: Invalid qos specification", "quality of service"),
        ("sbatch: error: Requested time limit is invalid (missing or exceeds some limit)", "does not allow that long a walltime"),
        ("qsub: Job rejected: unknown queue", "no such queue"),
        ("PartitionNodeLimit", "no node has what is asked for"),
        ("sbatch: error: Memory specification can not be satisfied", "no node has that much memory"),
        ("sbatch: error: Invalid generic resource (gres) specification", "no such GPUs"),
        ('Unable to run job: parallel environment "mpi" does not exist', "there is no parallel environment mpi"),
        ("QOSMaxSubmitJobPerUserLimit", "lower max_jobs"),
        ("Priority", "the queue is full; wait longer with --timeout"),
        ("OSError: [Errno 122] Disk quota exceeded", "work_dir is full"),
        ("slurmstepd: error: Detected 1 oom_kill event", "more memory"),
    ],
)
def test_what_is_wrong_in_plain_words(text: str, meaning: str) -> None:
    assert meaning in (explain(text, "codes/pw.yaml") or "nothing")


def test_what_is_not_known_is_not_explained() -> None:
    assert explain("something else", "codes/pw.yaml") is None


# ------------------------------------------------------------------------------------------------ the probe


@pytest.fixture
def probed(aiida_profile: Any, aiida_localhost: Any) -> Any:
    """Return a function that parses what a probe wrote: exit status and report."""

    def _probed(program: str, stdout: str = "", stderr: str = "") -> tuple[Any, dict[str, Any]]:
        from aiida.common import LinkType
        from aiida.plugins import ParserFactory

        node = orm.CalcJobNode(computer=aiida_localhost, process_type="aiida.calculations:alworkflows.probe")
        node.set_option("resources", {"num_machines": 1})
        node.base.links.add_incoming(orm.Str(program).store(), LinkType.INPUT_CALC, "program")
        node.store()
        folder = orm.FolderData()
        folder.base.repository.put_object_from_bytes(stdout.encode(), "probe.out")
        folder.base.repository.put_object_from_bytes(stderr.encode(), "probe.err")
        folder.base.links.add_incoming(node, LinkType.CREATE, "retrieved")
        folder.store()
        results, calcfunction = ParserFactory("alworkflows.probe").parse_from_node(node, store_provenance=False)
        return calcfunction, results["report"].get_dict()

    return _probed


@pytest.mark.parametrize(("program", "stdout", "version"), [("vasp", VASP, "6.4.2"), ("pw", PW, "6.7MaX")])
def test_a_program_says_its_version(probed: Any, program: str, stdout: str, version: str) -> None:
    node, report = probed(program, stdout)
    assert (node.exit_status, report["version"]) == (0, version)


def test_a_program_that_starts_without_a_version(probed: Any) -> None:
    node, report = probed("vasp", VASP.splitlines()[0])
    assert (node.exit_status, report["version"]) == (0, None)


@pytest.mark.parametrize(
    ("stderr", "message"), [("pw.x: error while loading: libx.so", "error while loading: libx.so"), ("", "it wrote nothing")]
)
def test_a_program_that_does_not_start(probed: Any, stderr: str, message: str) -> None:
    node, report = probed("pw", "", stderr)
    assert node.exit_status == ProbeJob.exit_codes.ERROR_NOT_STARTED.status
    assert message in node.exit_message
    assert report["stderr"] == stderr.splitlines()


def test_a_program_nobody_can_probe(aiida_profile: Any) -> None:
    builder = ProbeJob.get_builder()
    with pytest.raises(ValueError, match="expected one of vasp, pw, got 'gpaw'"):
        builder.program = orm.Str("gpaw")


# ------------------------------------------------------------------------------------------------ jobs that do not end well


@pytest.fixture
def job(aiida_profile: Any, aiida_localhost: Any) -> Any:
    """Return a job that waits."""
    node = orm.CalcJobNode(computer=aiida_localhost)
    node.set_option("resources", {"num_machines": 1})
    node.set_process_state("waiting")
    return node.store()


def test_a_refusal_of_the_scheduler_is_told_at_once(job: Any) -> None:
    assert _outcome("pw", job, late=False) == ("", False)
    traceback = (
        'Traceback (most recent call last):\n  File "x.py", line 3, in y\n    raise SchedulerError()\n'
        "aiida.schedulers.scheduler.SchedulerError: Error during submission, retval=1\nstdout=\n"
        "stderr=sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed"
    )
    job.logger.error(traceback)
    assert (
        _transport_problem(job) == "sbatch: error: invalid partition specified: nope; sbatch: error: Batch job submission failed"
    )
    message, ok = _outcome("pw", job, late=False)
    assert not ok
    assert message.startswith("the scheduler has no such queue: correct queue in options.yaml (the job could not be handed over:")


def test_a_job_that_never_starts(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from aiida.common.datastructures import CalcJobState
    from aiida.schedulers.datastructures import JobInfo, JobState

    from workchains.machines import daemon

    monkeypatch.setattr(daemon, "daemon_status", lambda: daemon.DaemonStatus(True, 1, 1))
    assert _waiting(job).startswith("the job was not handed to the scheduler in time")
    job.set_job_id("77")
    job.set_state(CalcJobState.WITHSCHEDULER)
    job.set_scheduler_state(JobState.QUEUED)
    job.set_last_job_info(JobInfo({"annotation": "PartitionNodeLimit"}))
    assert _waiting(job).startswith(
        "the job 77 waits in the queue (PartitionNodeLimit), and never started: no node has what is asked for"
    )
    job.set_scheduler_state(JobState.RUNNING)
    assert _waiting(job) == "the job 77 started, and runs longer than --timeout; stopped"
    monkeypatch.setattr(daemon, "daemon_status", lambda: daemon.DaemonStatus(False))
    assert _waiting(job).startswith("the daemon does not run")


@pytest.fixture
def here(aiida_localhost: Any) -> Any:
    """This machine, by a shell that prints nothing of its own."""
    aiida_localhost.configure(use_login_shell=False)
    return aiida_localhost


def test_connection_scheduler_and_folder(here: Any, aiida_code_installed: Any, tmp_path: Path) -> None:
    codes = {
        "pw": aiida_code_installed(filepath_executable="/bin/true", label="pw"),
        "vasp": aiida_code_installed(filepath_executable="/nowhere/vasp_std", label="vasp"),
    }
    missing: dict[str, str] = {}
    trials = try_connection(here, codes, missing)
    assert [(trial.what, trial.ok) for trial in trials] == [("connection", True), ("scheduler", True), ("work_dir", True)]
    assert missing == {
        "vasp": "localhost has no program /nowhere/vasp_std that may be run; correct executable in codes/vasp.yaml"
    }


def test_a_folder_that_cannot_be_written(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(type(here), "get_workdir", lambda self: str(tmp_path / "file" / "scratch"))
    trial = try_connection(here, {}, {})[-1]
    assert (trial.what, trial.ok) == ("work_dir", False)
    assert f"{tmp_path}/file/scratch cannot be written: " in trial.message
    assert trial.message.endswith("correct work_dir in computer.yaml")


@pytest.mark.parametrize(
    ("what", "words"),
    [("connection", "must log in without a question"), ("scheduler", "check scheduler in computer.yaml")],
)
def test_what_a_failure_means(aiida_localhost: Any, what: str, words: str) -> None:
    assert words in _words(what, aiida_localhost, OSError("it broke"))


# ------------------------------------------------------------------------------------------------ the command


def test_copy(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    done = CliRunner().invoke(setup, ["--copy", "slurm", str(folder)], catch_exceptions=False)
    assert f"then: alworkflows setup {folder}/ --test" in done.output
    assert (folder / "codes" / "vasp.yaml").is_file()
    with pytest.raises(InputError, match="expected a folder to copy to, as in: alworkflows setup --copy slurm my-cluster/"):
        CliRunner().invoke(setup, ["--copy", "slurm"], catch_exceptions=False)


def test_jobs_need_a_daemon() -> None:
    with pytest.raises(InputError, match="--test runs jobs through the daemon"):
        CliRunner().invoke(setup, ["--test", "--no-daemon"], catch_exceptions=False)


def test_programs_of_this_machine(run: Any, write: Any, program: Any, tmp_path: Path) -> None:
    """A label by the executable, a VASP that starts, a pw.x whose library is missing; once with all well."""
    vasp = program(tmp_path / "vasp_std", f"cat INCAR; printf '{VASP}'")
    broken = program(
        tmp_path / "pw.x", "echo 'pw.x: error while loading shared libraries: libfftw3.so.3: cannot open' >&2; exit 127"
    )
    codes = {"code": {"executable": EXECUTABLE}, "vasp": {"executable": str(vasp), "with_mpi": False}}
    folder = write(tmp_path / "m", **codes, pw={"executable": str(broken), "with_mpi": False})
    (tmp_path / "home").mkdir()
    well = write(tmp_path / "well", code=codes["code"], vasp=codes["vasp"])
    printed = run(f"""
import subprocess
type = lambda *words: subprocess.run([{EXECUTABLE!r}, "setup", *words], capture_output=True, text=True)
try:
    first = type({str(folder)!r}, "--test", "--json")
    second = type({str(well)!r}, "--test")
finally:
    session.activate()
    daemon.stop_daemon()
print(json.dumps([first.returncode, first.stdout, first.stderr, second.returncode, second.stdout]))
""")
    status, output, errors, good, text = printed
    assert status == 2, errors
    tests = {item["what"]: item for item in json.loads(output)["tests"]}
    assert {what: item["ok"] for what, item in tests.items()} == {
        "connection": True,
        "scheduler": True,
        "work_dir": True,
        "alworkflows": True,
        "vasp": True,
        "pw": False,
    }
    version = subprocess.run([EXECUTABLE, "--version"], capture_output=True, text=True).stdout.split()[-1]
    assert tests["alworkflows"]["message"].startswith(f"alworkflows {version}; a label of Cu by emt (ase ")
    assert tests["vasp"]["message"].startswith("6.4.2; it starts, and stops for want of input; labels will need its potentials")
    assert tests["pw"]["message"].startswith("the library libfftw3.so.3 is missing where jobs run")
    assert good == 0
    assert text.count("\nok ") == 5
