"""Machines: folders of YAML files, and what AiiDA is made to know of them.

A machine is a folder with ``profile.yaml``, ``computer.yaml``, ``codes/NAME.yaml`` for each program and ``options.yaml`` (what
the jobs of each step ask for); the built-in ones are in ``profiles/``.
"""

from workchains.machines.files import copy_machine, load_machine, machines
from workchains.machines.known import core_cap, job_cap, job_options, load_code, machine_of, options_for
from workchains.machines.parts import (
    CORES_KEY,
    MACHINE_KEY,
    MAX_JOBS_KEY,
    OPTIONS_KEY,
    PROGRAM_KEY,
    SIZED_KEY,
    VERSION_KEY,
    SetupReport,
)
from workchains.machines.prepare import setup

__all__ = [
    "CORES_KEY",
    "MACHINE_KEY",
    "MAX_JOBS_KEY",
    "OPTIONS_KEY",
    "PROGRAM_KEY",
    "SIZED_KEY",
    "VERSION_KEY",
    "SetupReport",
    "copy_machine",
    "core_cap",
    "job_cap",
    "job_options",
    "load_code",
    "load_machine",
    "machine_of",
    "machines",
    "options_for",
    "setup",
]
