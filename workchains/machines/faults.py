"""What a program, a shell or a scheduler writes when a job cannot run, in plain words with what to do."""

from __future__ import annotations

import re

__all__ = ["explain"]

#: pattern in what was written, and what to say; ``{0}`` is the pattern's first group, ``{file}`` the program's file
FAULTS: tuple[tuple[str, str], ...] = (
    # the shell and the loader
    (
        r"error while loading shared libraries: ([^\s:]+)",
        "the library {0} is missing where jobs run: load its module in prepend_text of {file}",
    ),
    (r"version `(GLIBC\S*|GLIBCXX\S*)' not found", "it was built on a newer system ({0}) than that of the nodes: build it there"),
    (r"Exec format error", "it was built for another kind of processor: build it on that machine"),
    (r"Illegal instruction", "it was built for a newer processor than that of the nodes: build it for the nodes"),
    (r"(mpirun|mpiexec|srun): (?:command )?not found", "{0} is not there where jobs run: load MPI in prepend_text of {file}"),
    (r"module: (?:command )?not found", "the shell of jobs has no modules: use `#!/bin/bash -l` as shebang in computer.yaml"),
    (
        r"(?:Unable to locate a modulefile for|The following module\(s\) are unknown:) *['\"]?([^'\"\n]+)",
        "there is no module {0}: correct prepend_text of {file} (`module avail` lists them)",
    ),
    (
        r"attempting to run as root|mpirun has detected an attempt to run as root",
        "MPI refuses to run as root: run as a user, or set with_mpi to false in {file}",
    ),
    (
        r"OPAL ERROR: Unreachable|PMI2?_Init failed|not built with SLURM's PMI|MPI plugin .* not found",
        "its MPI does not know this way to be started: as mpirun_command in computer.yaml, use `srun --mpi=pmix -n "
        "{{tot_num_mpiprocs}}` or its own `mpirun -np {{tot_num_mpiprocs}}`",
    ),
    (r"not enough slots available", "MPI counts fewer slots than tasks_per_node asks for: correct options.yaml"),
    (r"ModuleNotFoundError: No module named '([^']+)'", "its Python lacks the package {0}: install it there"),
    (r"([^\s:'\"]+): Permission denied", "{0} may not be run by this user: chmod +x, or check who may use it"),
    (
        r"([^\s:'\"]+): (?:No such file or directory|command not found|not found)",
        "there is no {0} where jobs run: correct {file}",
    ),
    # the scheduler
    (r"[Ii]nvalid account|account/partition", "the scheduler refuses the account: correct account in options.yaml"),
    (
        r"invalid partition specified: *(\S+)|Unknown queue(?: MSG=.*)?|Job rejected: (?:unknown|no such) queue",
        "the scheduler has no such queue: correct queue in options.yaml",
    ),
    (r"[Ii]nvalid qos", "the scheduler refuses the quality of service: correct qos in options.yaml"),
    (
        r"Requested time limit is invalid|exceeds? (?:the )?(?:queue|partition)?.*(?:time|walltime)|PartitionTimeLimit",
        "the queue does not allow that long a walltime: correct walltime in options.yaml",
    ),
    (
        r"PartitionNodeLimit|BadConstraints|Requested node configuration is not available"
        r"|More processors requested than permitted|CPU count per node can not",
        "no node has what is asked for: correct nodes, tasks_per_node, cores_per_task or memory in options.yaml",
    ),
    (r"Memory specification can not be satisfied", "no node has that much memory: correct memory in options.yaml"),
    (r"Invalid generic resource|gres", "the scheduler has no such GPUs: correct gpus in options.yaml"),
    (r"parallel environment \"?(\S+?)\"? .*does not exist", "there is no parallel environment {0}: correct options.yaml"),
    (
        r"QOSMax\w*|AssocMax\w*|AssocGrp\w*|MaxSubmit\w*",
        "the site's limit on jobs is reached: lower max_jobs in computer.yaml, or wait",
    ),
    (
        r"[Uu]nable to contact slurm controller|slurm_load|cannot connect to server|error: commlib",
        "the scheduler does not answer",
    ),
    (r"^(?:Resources|Priority)$", "the queue is full; wait longer with --timeout"),
    # files
    (r"[Nn]o space left on device|[Dd]isk quota exceeded", "the file system of work_dir is full: make room, or use another"),
    (r"[Rr]ead-only file system", "work_dir cannot be written on the nodes: choose another in computer.yaml"),
    (r"oom[-_ ]kill|Out [Oo]f [Mm]emory|out of memory", "it needs more memory than it was given: correct memory in options.yaml"),
)


def explain(text: str, file: str) -> str | None:
    """Return what a text means for whoever set the machine up, or None if nothing in it is known.

    Parameters
    ----------
    text
        What was written: standard error of a job, or the scheduler's answer.
    file
        The program's file, such as ``codes/pw.yaml``.
    """
    for pattern, advice in FAULTS:
        if match := re.search(pattern, text):
            return advice.format(*(group or "" for group in match.groups()), file=file)
    return None
