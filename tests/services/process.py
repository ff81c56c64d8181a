"""One process of a service: started in the foreground, waited for until it answers, ended by its id."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Process", "ServiceError", "answers", "free_port", "program", "running"]

TAIL = 20


class ServiceError(RuntimeError):
    """A service is not installed, or does not come up; the message ends with its log."""


def program(name):
    """Return the path of a program; those of administrators count too."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    if found is None:
        raise ServiceError(f"the program '{name}' is not installed; install what the services need with: make install-services")
    return found


def free_port():
    """Return a port of 127.0.0.1 that nobody listens on, below those the kernel hands to connections by itself."""
    for port in random.SystemRandom().sample(range(20000, 32000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServiceError("no free port between 20000 and 32000")


def answers(port):
    """Say whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A running program whose output goes into a log.

    It leads a process group of its own, so that Ctrl-C in a test run does not reach it before its context ends, and it is told to
    end if this process dies without ending it.
    """

    def __init__(self, name, command, log, environment=None, user=None):
        self.name, self.log = name, Path(log)
        change = ["--reuid", user, "--regid", user, "--init-groups"] if user else []
        with self.log.open("ab") as output:
            self.popen = subprocess.Popen(
                [program("setpriv"), *change, "--pdeathsig", "TERM", *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                cwd="/",
            )

    @property
    def pid(self):
        return self.popen.pid

    def wait_until(self, ready, seconds):
        """Ask ``ready()`` until it says yes; an error if the process ends or the time is over."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.popen.poll() is not None:
                raise ServiceError(f"{self.name} ended with {self.popen.returncode}; {self.last_words()}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} did not answer within {seconds} s; {self.last_words()}")
            time.sleep(0.05)

    def last_words(self):
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL:]
        return "\n".join([f"the end of {self.log}:", *lines])

    def stop(self, seconds=20):
        """Ask the process to end; after a while, end its group."""
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.popen.pid, signal.SIGKILL)
                self.popen.wait()


@contextmanager
def running(name, command, log, ready, seconds=20, **options):
    """Run a process until the context ends; it is entered when ``ready()`` says yes."""
    process = Process(name, command, log, **options)
    try:
        process.wait_until(ready, seconds)
        yield process
    finally:
        process.stop()
