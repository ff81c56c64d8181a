"""PostgreSQL on a free port, with a role and a database for AiiDA."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .process import ServiceError, free_port, program, running

__all__ = ["Postgres", "postgres"]

USER = "postgres"


@dataclass(frozen=True)
class Postgres:
    """A running server.

    Attributes
    ----------
    port
        Port on 127.0.0.1.
    name, role, password
        Of the empty database and of its owner.

    """

    port: int
    name: str = "aiida"
    role: str = "aiida"
    password: str = "aiida"

    def storage_config(self):
        """Return the configuration of AiiDA's ``core.psql_dos``; where files go is left to the profile."""
        return {
            "database_hostname": "127.0.0.1",
            "database_port": self.port,
            "database_username": self.role,
            "database_password": self.password,
            "database_name": self.name,
        }

    def query(self, statement):
        """Run a statement as the owner of the database, and return what it gives, unaligned."""
        return self._psql(statement, self.role, self.name)

    def _psql(self, statement, role, name):
        command = [program("psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port)]
        done = subprocess.run(
            [*command, "-U", role, "-d", name, "-c", statement],
            env={**os.environ, "PGPASSWORD": self.password},
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise ServiceError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()


@contextmanager
def postgres(folder):
    """Run a server; its log goes into the folder.

    The data go into a temporary directory that is removed at the end: the server runs as a user of its own, to whom the folders
    of tests are closed.
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    programs = _programs()
    data = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        shutil.chown(data, USER, USER)
        change = [program("setpriv"), "--reuid", USER, "--regid", USER, "--init-groups"]
        # speed before safety: the data live as long as the server
        initdb = [programs / "initdb", "-D", data, "-A", "trust", "-U", USER, "-E", "UTF8", "--no-locale", "--no-sync"]
        done = subprocess.run([*change, *initdb], cwd="/", capture_output=True, text=True)
        if done.returncode:
            raise ServiceError(f"initdb ended with {done.returncode}: {done.stdout}\n{done.stderr}")
        server = Postgres(free_port())
        settings = {"listen_addresses": "127.0.0.1", "port": server.port, "unix_socket_directories": data, "fsync": "off"}
        command = [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())]
        with running("postgres", command, folder / "postgres.log", lambda: _answers(server), user=USER):
            server._psql(f"create role {server.role} login password '{server.password}' createdb", USER, "postgres")
            server._psql(f"create database {server.name} owner {server.role}", USER, "postgres")
            yield server
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _programs():
    """Return the folder of the newest server that is installed; its programs are not on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else Path(program("initdb")).parent


def _answers(server):
    try:
        return server._psql("select 1", USER, "postgres") == "1"
    except ServiceError:
        return False
