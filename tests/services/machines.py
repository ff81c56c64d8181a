"""Machines on the services: folders that ``alworkflows setup`` takes."""

import sys
from pathlib import Path

import yaml

__all__ = ["OPTIONS", "write_machine"]

# AiiDA would have Slurm begin each job with a login of the user, to ask for the variables it has there
OPTIONS = {"default": {"walltime": "10 min", "threads": 1, "import_sys_environment": False}}


def write_machine(folder, *, profile=None, computer=None, options=None, codes=None):
    """Write the files of a machine that answers fast, and return its folder.

    Parameters
    ----------
    folder
        Where they go.
    profile, computer
        What differs from SQLite with AiiDA's own broker, and from Slurm on this machine.
    options
        Content of ``options.yaml``; None: :data:`OPTIONS`.
    codes
        By program, what goes into ``codes/NAME.yaml``; ``alworkflows`` of this environment is always there.

    """
    folder = Path(folder)
    files = {
        "profile": {
            "options": {"runner.poll.interval": 1, "daemon.timeout": 20, "warnings.showdeprecations": False},
            "daemon_workers": 2,
            **(profile or {}),
        },
        "computer": {
            "hostname": "localhost",
            "transport": "core.local",
            "transport_config": {"use_login_shell": False},
            "scheduler": "core.slurm",
            "mpirun_command": "srun -n {tot_num_mpiprocs}",
            "safe_interval": 0,
            "poll_interval": 1,
            **(computer or {}),
        },
        "options": options or OPTIONS,
        "codes/alworkflows": {"executable": str(Path(sys.executable).with_name("alworkflows"))},
        **{f"codes/{name}": content for name, content in (codes or {}).items()},
    }
    for name, content in files.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    return folder
