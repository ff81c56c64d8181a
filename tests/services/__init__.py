"""Real services without systemd, for tests and benchmarks: each starts in a folder of its own and stops what it started.

    from services import postgres, rabbitmq, slurm, sshd

    with slurm(folder) as cluster:
        cluster.run("sbatch", "--wrap", "hostname")

They need the packages that ``make install-services`` installs, and root: the database runs as a user of its own. Benchmarks put
``tests`` on ``sys.path`` first.
"""

from .postgres import Postgres, postgres
from .process import ServiceError
from .rabbitmq import Rabbitmq, rabbitmq
from .slurm import Slurm, slurm
from .sshd import Sshd, sshd

__all__ = ["Postgres", "Rabbitmq", "ServiceError", "Slurm", "Sshd", "postgres", "rabbitmq", "slurm", "sshd"]
