"""Kills processes of one profile by their ids: what its circus started, and the jobs below its work directory."""

import os
import signal
import time
from pathlib import Path

import psutil

__all__ = ["Killer"]


class Killer:
    """Finds the daemon, its workers and its broker, and the jobs, of a shell's own profile; kills with SIGKILL.

    ``deaths`` lists what was killed: (what, process ids).
    """

    def __init__(self, shell, work):
        self.folder, self.work = Path(shell.folder), Path(work)
        self.deaths = []

    @property
    def circus(self):
        """The process that keeps the others."""
        (path,) = self.folder.glob("aiida/.aiida/daemon/circus-*.pid")
        return psutil.Process(int(path.read_text()))

    def part(self, word):
        """Return the circus's children of a kind: worker or broker."""
        return [child for child in self.circus.children() if word in child.cmdline()]

    def kill(self, what):
        """Kill the daemon (all of it), its circus alone, a worker, the broker, or a job; return whether there was one."""
        found = getattr(self, f"_{what}")()
        for process in found:
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs(found, timeout=10)
        if found:
            self.deaths.append((what, [process.pid for process in found]))
        return bool(found)

    def _daemon(self):
        # the keeper first: it would replace the others
        return [self.circus, *self.circus.children(recursive=True)]

    def _circus(self):
        return [self.circus]

    def _worker(self):
        return self.part("worker")[:1]

    def _broker(self):
        return self.part("broker")

    def _job(self):
        """Return the processes of the oldest job that runs: all that is in its group, which is no group of ours."""
        for process in sorted(_below(self.work), key=lambda process: process.create_time()):
            group = os.getpgid(process.pid)
            if group != os.getpgid(0):
                return [other for other in _below(self.work) if os.getpgid(other.pid) == group]
        return []

    def wait_for(self, what, seconds=120):
        """Wait until there is something of a kind, and kill it."""
        deadline = time.monotonic() + seconds
        while not self.kill(what):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing of kind '{what}' ran within {seconds} s")
            time.sleep(0.05)


def _below(work):
    """Return the processes whose working directory is below a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(work):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, FileNotFoundError):
            continue
    return found
