"""Cores of a machine without a scheduler: how many there are, and how many a job keeps busy.

A scheduler hands out cores; where jobs start at once, nobody does. There the jobs in flight share the machine's cores, and each
takes as many as it has processes and threads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

__all__ = ["available_cores", "cores_of", "cores_of_inputs"]


def available_cores() -> int:
    """Return on how many cores this process, and so its jobs, may run."""
    return len(os.sched_getaffinity(0))


def cores_of(options: Mapping[str, Any]) -> int:
    """Return how many cores a job with these ``metadata.options`` keeps busy: its processes times their threads."""
    resources = options.get("resources", {})
    each = resources.get("num_mpiprocs_per_machine", 1)
    processes = resources.get("tot_num_mpiprocs") or resources.get("num_machines", 1) * each
    threads = int(options.get("environment_variables", {}).get("OMP_NUM_THREADS", 1))
    return processes * max(threads, resources.get("num_cores_per_mpiproc") or 1)


def cores_of_inputs(inputs: Mapping[str, Any]) -> int:
    """Return how many cores a process with these inputs keeps busy: those of its job or, of a work chain, of its largest."""
    counts = [cores_of(inputs["metadata"]["options"])] if "options" in inputs.get("metadata", {}) else []
    counts += [cores_of_inputs(value) for name, value in inputs.items() if name != "metadata" and isinstance(value, Mapping)]
    return max(counts, default=1)
