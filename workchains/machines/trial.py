"""``alworkflows setup --test``: connection, scheduler, folder, and a small job of each program, with what is wrong in words."""

from __future__ import annotations

import shlex
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alworkflows.errors import InputError
from workchains.machines.jobs import Trial, run_jobs
from workchains.machines.known import load_code
from workchains.machines.parts import SetupReport

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode

__all__ = ["Trial", "try_connection", "try_machine"]


class _TrialError(Exception):
    """Something does not work; the message says what to do."""


def try_machine(report: SetupReport, timeout: float, show: Callable[[Trial], None]) -> list[Trial]:
    """Try a machine that was set up; its daemon must run.

    Parameters
    ----------
    report
        What :func:`workchains.machines.setup` returned.
    timeout
        s that all jobs may take together, time in the queue included.
    show
        Gets each trial as soon as it is over.

    Returns
    -------
    trials
        In the order of trying; what depends on something that does not work is not tried.
    """
    from aiida.orm import Computer

    trials: list[Trial] = []

    def tell(trial: Trial) -> None:
        trials.append(trial)
        show(trial)

    computer = Computer.collection.get(label=report.computer)
    missing: dict[str, str] = {}
    codes = {program: load_code(label) for program, label in report.codes.items()}
    for trial in try_connection(computer, codes, missing):
        tell(trial)
    if not all(trial.ok for trial in trials):
        return trials
    for program, message in missing.items():
        tell(Trial(program, False, 0.0, message))
        del codes[program]
    for trial in run_jobs(codes, timeout):
        tell(trial)
    return trials


def try_connection(computer: Computer, codes: dict[str, InstalledCode], missing: dict[str, str]) -> list[Trial]:
    """Connect, ask the scheduler, write into the folder, and look for the executables.

    Parameters
    ----------
    computer, codes
        Where, and which codes by program.
    missing
        Gets, by program, what is wrong with an executable that cannot be run.
    """
    from aiida.orm import User

    user = User.collection.get_default()
    assert user is not None
    transport = computer.get_authinfo(user).get_transport()
    trials: list[Trial] = []

    def attempt(what: str, action: Callable[[], str]) -> bool:
        start = time.perf_counter()
        try:
            message, ok = action(), True
        except Exception as error:  # transports and schedulers raise what they like; all of it is to be told
            message, ok = _words(what, computer, error), False
        trials.append(Trial(what, ok, time.perf_counter() - start, message))
        return ok

    if not attempt("connection", lambda: _connect(computer, transport)):
        return trials
    try:
        attempt("scheduler", lambda: _ask_scheduler(computer, transport))
        if attempt("work_dir", lambda: _write(computer, transport)):
            for program, code in codes.items():
                path = str(code.filepath_executable)
                if transport.exec_command_wait(f"test -x {shlex.quote(path)}")[0] != 0:
                    missing[program] = (
                        f"{computer.hostname} has no program {path} that may be run; correct executable in codes/{program}.yaml"
                    )
    finally:
        transport.close()
    return trials


def _connect(computer: Computer, transport: Any) -> str:
    transport.open()
    _, stdout, stderr = transport.exec_command_wait("echo -n")
    if noise := (stdout + stderr).strip():
        transport.close()
        raise _TrialError(
            f"the shell on {computer.hostname} prints at login, which breaks what is read from it: {noise.splitlines()[0]!r}; "
            "let ~/.bashrc there print only if the shell is interactive"
        )
    return f"{transport.whoami()} on {computer.hostname}, {computer.transport_type}"


def _ask_scheduler(computer: Computer, transport: Any) -> str:
    scheduler = computer.get_scheduler()
    scheduler.set_transport(transport)
    by_user = bool(scheduler.get_feature("can_query_by_user"))
    count = len(scheduler.get_jobs(user="$USER" if by_user else None, as_dict=True) or {})
    return f"{computer.scheduler_type} answers, {count} jobs {'of yours ' if by_user else ''}in the queue"


def _write(computer: Computer, transport: Any) -> str:
    """Write, read and remove a file, as jobs will."""
    folder = computer.get_workdir().format(username=transport.whoami())
    transport.makedirs(folder, ignore_existing=True)
    with tempfile.TemporaryDirectory() as scratch:
        there, back = Path(scratch) / "there", Path(scratch) / "back"
        there.write_text("alworkflows setup --test")
        remote = f"{folder}/{uuid.uuid4().hex}"
        transport.putfile(str(there), remote)
        transport.getfile(remote, str(back))
        transport.remove(remote)
        if back.read_text() != there.read_text():
            raise _TrialError(f"a file written to {folder} comes back changed")
    return folder


def _words(what: str, computer: Computer, error: Exception) -> str:
    """Return what is wrong, and what to do."""
    if isinstance(error, _TrialError | InputError):
        return str(error)
    text = f"{type(error).__name__}: {error}".strip().splitlines()
    reason = " ".join(line.strip() for line in text if line.strip())[:300]
    return {
        "connection": f"{computer.hostname} cannot be reached or refuses: {reason}; `ssh` to it must log in without a question",
        "scheduler": f"{computer.scheduler_type} does not answer on {computer.hostname}: {reason}; check scheduler in "
        "computer.yaml, and that its commands are on the PATH of a login shell there",
        "work_dir": f"{computer.get_workdir()} cannot be written: {reason}; correct work_dir in computer.yaml",
    }[what]
