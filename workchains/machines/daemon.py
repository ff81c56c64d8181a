"""The daemon of the loaded profile: how it is, starting and stopping it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alworkflows.errors import InputError
from workchains.machines.session import PROFILE, aiida_folder

if TYPE_CHECKING:
    from aiida.engine.daemon.client import DaemonClient
    from aiida.manage import Profile

__all__ = ["DaemonStatus", "daemon_status", "lost_broker", "require_daemon", "start_daemon", "stop_daemon"]


@dataclass(frozen=True)
class DaemonStatus:
    """How the daemon of the loaded profile is.

    Attributes
    ----------
    running, pid, workers
        Whether it runs, its process id, how many workers it has.
    unresponsive
        How many of them lost their broker, and begin nothing new.
    mended
        What was put right when it was started just now, in words.
    """

    running: bool
    pid: int | None = None
    workers: int = 0
    unresponsive: int = 0
    mended: str = ""


def _client() -> DaemonClient:
    """Return the daemon client of the loaded profile."""
    from aiida.engine.daemon.client import get_daemon_client
    from aiida.manage import get_manager

    profile = get_manager().get_profile()
    if profile is None:
        raise InputError("no profile is loaded; make one with: alworkflows setup laptop")
    if profile.process_control_backend is None:
        raise InputError(
            f"the profile '{profile.name}' has no broker, so it cannot run a daemon; give it one with: "
            f"verdi -p {profile.name} profile configure-broker core.zeromq"
        )
    return get_daemon_client(profile.name)


def daemon_status() -> DaemonStatus:
    """Return how the daemon of the loaded profile is; one that left its file behind but does not answer is not running."""
    import psutil
    from aiida.engine.daemon.client import DaemonException

    client = _client()
    pid = client.get_daemon_pid()
    # asking a daemon that is not there takes the whole timeout; its process, or the lack of one, is seen at once
    if pid is None or not psutil.pid_exists(pid):
        return DaemonStatus(False)
    try:
        workers = client.get_number_of_workers()
        return DaemonStatus(True, pid, workers, _unresponsive(pid, client.profile) if workers else 0)
    except DaemonException:
        return DaemonStatus(False)


def _unresponsive(pid: int, profile: Profile) -> int:
    """Return how many workers of a daemon are older than its broker, which they do not hear."""
    import psutil

    from workchains.processes.aiida_private import daemon_role
    from workchains.processes.repair import broker_is_new

    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(pid).children()
        workers = [child for child in children if daemon_role(child.cmdline(), profile) == "worker"]
        return sum(bool(broker_is_new(worker.create_time())) for worker in workers)
    return 0


def require_daemon() -> DaemonStatus:
    """Return the status of a daemon that runs.

    Raises
    ------
    InputError
        If it does not run, or its profile cannot have one.

    """
    status = daemon_status()
    if not status.running or not status.workers:
        from aiida.manage import get_manager

        profile = get_manager().get_profile()
        name = profile.name if profile else PROFILE
        raise InputError(
            f"the daemon of profile '{name}' does not run, so nothing submitted would start; "
            f"start it with: alworkflows setup, or AIIDA_PATH={aiida_folder().parent} verdi -p {name} daemon start"
        )
    if status.unresponsive:
        raise InputError(f"{lost_broker(status)}; start it anew with: alworkflows setup")
    return status


def lost_broker(status: DaemonStatus) -> str:
    """Say in words that workers do not hear their broker."""
    return (
        f"{status.unresponsive} of {status.workers} workers of the daemon lost their broker, which died: they begin nothing new"
    )


def start_daemon(workers: int | None = None) -> DaemonStatus:
    """Start the daemon of the loaded profile unless it runs and is well, and return its status.

    What an earlier one that died left behind is put right first: see :mod:`workchains.processes.repair`.

    Parameters
    ----------
    workers
        How many processes; None: the profile's ``daemon.default_workers``.

    Raises
    ------
    InputError
        If the profile has no broker, or the daemon does not start (with what it said).

    """
    from aiida.common.exceptions import ConfigurationError
    from aiida.engine.daemon.client import DaemonException
    from aiida.manage import get_manager

    from workchains.processes.repair import mend

    client = _client()
    status = daemon_status()
    if status.running and not status.unresponsive:
        return status
    if status.running:
        client.stop_daemon(wait=True)
    mended = mend(client.profile)
    try:
        client.start_daemon(workers or get_manager().get_option("daemon.default_workers"))
    except (DaemonException, ConfigurationError) as error:
        raise InputError(f"the daemon does not start: {error}; its log: {client.daemon_log_file}") from error
    return replace(daemon_status(), mended=str(mended))


def stop_daemon() -> None:
    """Stop the daemon of the loaded profile if it runs; processes wait, and go on when it is started again."""
    client = _client()
    if daemon_status().running:
        client.stop_daemon(wait=True)
