"""A secure shell on this machine, on a free port, with keys of its own."""

import getpass
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .process import answers, free_port, program, running

__all__ = ["Sshd", "sshd"]

SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/sshd.pid
PermitRootLogin yes
PasswordAuthentication no
StrictModes no
UsePAM no
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
{environment}
"""

CLIENT = """\
Host {alias}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {folder}/user_key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/home/.ssh/known_hosts
"""


@dataclass(frozen=True)
class Sshd:
    """A running secure shell.

    Attributes
    ----------
    alias
        The host's name in the client's configuration, for AiiDA's ``core.ssh_async``.
    port, user, key
        Port on 127.0.0.1, user name, and path of the private key, for ``core.ssh``.
    home
        Home directory whose ``.ssh`` knows the alias.
    environment
        What a program needs to find it: ``HOME``.

    """

    alias: str
    port: int
    user: str
    key: Path
    home: Path
    environment: dict

    def run(self, command):
        """Run a command there, and return what it prints."""
        # OpenSSH's client does not look at HOME
        options = ["-F", self.home / ".ssh" / "config", "-o", "BatchMode=yes", self.alias]
        done = subprocess.run([program("ssh"), *options, command], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout


@contextmanager
def sshd(folder, alias="cluster", environment=None):
    """Run a secure shell that lets this user in.

    Parameters
    ----------
    folder
        Where its files go; made if it is not there.
    alias
        The host's name in the client's configuration.
    environment
        Variables of every session, such as ``SLURM_CONF``.

    """
    folder = Path(folder).resolve()
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("host_key", "user_key"):
        if not (folder / name).exists():
            command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name]
            subprocess.run(command, check=True, capture_output=True)
    port, user = free_port(), getpass.getuser()
    host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (home / ".ssh" / "config").write_text(CLIENT.format(alias=alias, port=port, user=user, folder=folder))
    # a shell that takes itself for a nested one does not read the user's start-up files
    session = {"SHLVL": "2", **(environment or {})}
    # all variables on one line: of several SetEnv lines the server takes the first
    variables = " ".join(f'{name}="{value}"' for name, value in session.items())
    configuration = folder / "sshd_config"
    configuration.write_text(SERVER.format(port=port, folder=folder, environment=f"SetEnv {variables}"))
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # where it locks itself in before a login
    with running("sshd", [program("sshd"), "-D", "-e", "-f", configuration], folder / "sshd.log", lambda: answers(port)):
        yield Sshd(alias, port, user, folder / "user_key", home, {"HOME": str(home)})
