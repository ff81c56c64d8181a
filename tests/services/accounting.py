"""slurmdbd with a MariaDB of its own: the cluster remembers its jobs, and why they ended."""

import subprocess
from contextlib import contextmanager

from .process import ServiceError, answers, free_port, program, running

__all__ = ["accounting_storage"]

CONFIGURATION = """\
AuthType=auth/munge
AuthInfo=socket={munge}
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser={user}
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""

SETTINGS = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={munge}"""

FIRST = """\
CREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm';
GRANT ALL ON *.* TO 'slurm'@'127.0.0.1';
"""


@contextmanager
def accounting_storage(folder, munge, user="root"):
    """Run both, and yield the lines of ``slurm.conf`` that point to them."""
    with _mariadb(folder) as database_port:
        port = free_port()
        configuration = folder / "slurmdbd.conf"
        configuration.touch(0o600)
        configuration.write_text(
            CONFIGURATION.format(munge=munge, port=port, user=user, folder=folder, database_port=database_port)
        )
        environment = {"SLURM_CONF": str(folder / "slurm.conf")}  # slurmdbd.conf is looked for beside it
        command = [program("slurmdbd"), "-D"]
        with running("slurmdbd", command, folder / "slurmdbd.log", lambda: answers(port), 60, environment=environment):
            yield SETTINGS.format(port=port, munge=munge)


@contextmanager
def _mariadb(folder):
    """Run a database server for slurmdbd alone, and yield its port."""
    data, socket, port, first = folder / "mariadb", folder / "mariadb.socket", free_port(), folder / "first.sql"
    if not data.exists():
        common = ["--no-defaults", f"--datadir={data}", "--user=root"]
        install = [program("mariadb-install-db"), *common, "--skip-test-db", "--auth-root-authentication-method=normal"]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            raise ServiceError(f"mariadb-install-db ended with {done.returncode}: {done.stdout}\n{done.stderr}")
        first.write_text(FIRST)
    else:
        first.write_text("")
    command = [
        program("mariadbd"),
        "--no-defaults",
        f"--datadir={data}",
        "--user=root",
        f"--socket={socket}",
        f"--port={port}",
        f"--init-file={first}",
        "--bind-address=127.0.0.1",
        "--innodb-buffer-pool-size=64M",
        "--innodb-flush-log-at-trx-commit=2",
        "--innodb-lock-wait-timeout=900",
    ]
    with running("mariadbd", command, folder / "mariadbd.log", lambda: answers(port), 60):
        yield port
