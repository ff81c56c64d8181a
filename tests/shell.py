"""The executable as a person types it, with an AiiDA directory of its own."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

__all__ = ["EXECUTABLE", "Shell", "set_up"]

EXECUTABLE = Path(sys.executable).with_name("alworkflows")


class Shell:
    """Type ``alworkflows ...`` in a folder, with an AiiDA directory of its own and further variables, if given."""

    def __init__(self, folder, environment=None):
        self.folder = folder
        path = f"{EXECUTABLE.parent}{os.pathsep}{os.environ['PATH']}"
        # a home of its own: AiiDA runs login shells, and what their start-up files do here is no part of a test
        self.environment = {
            **os.environ,
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
            "HOME": str(folder),
            "AIIDA_PATH": str(folder / "aiida"),
            "PATH": path,
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "100",
            **(environment or {}),
        }

    def __call__(self, *arguments, status=0, program=EXECUTABLE, timeout=900):
        done = subprocess.run(
            [program, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == status, f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if status == 0 else done.stderr

    def json(self, *arguments):
        return json.loads(self(*arguments, "--json"))

    def python(self, code):
        """Run a piece of Python with the profile loaded; it prints JSON."""
        start = "from workchains.machines.session import activate; activate(); import json\n"
        return json.loads(self("-W", "ignore", "-c", start + code, program=sys.executable).splitlines()[-1])


@contextmanager
def set_up(folder, machine, environment=None):
    """Set up a machine, yield a shell there, and end the daemon."""
    typed = Shell(folder, environment)
    try:
        typed("setup", machine)
        yield typed
    finally:
        subprocess.run(
            [EXECUTABLE.with_name("verdi"), "-p", "alworkflows", "daemon", "stop"],
            env=typed.environment,
            capture_output=True,
            check=False,
        )
