"""What is known of machines that were set up, as the work chains ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alworkflows.errors import InputError, suggest, unknown
from workchains.machines.options import STEPS
from workchains.machines.parts import CORES_KEY, MACHINE_KEY, MAX_JOBS_KEY, OPTIONS_KEY, PROGRAM_KEY, SIZED_KEY
from workchains.machines.programs import PROGRAMS

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode

__all__ = ["core_cap", "job_cap", "job_options", "load_code", "machine_of", "options_for"]


def load_code(label: str | None = None, machine: str | None = None, program: str = "alworkflows") -> InstalledCode:
    """Return a code: by its full label, else the program of a machine.

    Parameters
    ----------
    label
        As `verdi code list` shows it; it goes before the others.
    machine
        Name of a machine that was set up; None: the first one.
    program
        Such as ``alworkflows``, ``gpaw``, ``vasp``.

    Raises
    ------
    InputError
        If there is no such code, no such machine was set up in this profile, or it has no such program.
    """
    from aiida.orm import InstalledCode, QueryBuilder

    if label is not None:
        return _by_label(label)
    query = QueryBuilder().append(InstalledCode, tag="code").order_by({"code": {"id": "asc"}})
    every = [code for code in query.all(flat=True) if not code.is_hidden]
    codes = [(code.computer, code) for code in every if OPTIONS_KEY in (code.computer.metadata or {})]
    if not codes:
        name = machine or "laptop"
        raise InputError(f"no machine is set up in this profile; set it up with: alworkflows setup {name}")
    if machine is None:
        chosen = codes[0][0]
    else:
        named = {machine_of(computer): computer for computer, _ in codes}
        if machine not in named:
            names = sorted(name for name in named if name)
            raise InputError(
                f"machine '{machine}' is not set up in this profile{suggest(machine, names)}, which has: "
                f"{', '.join(names) or 'none'}; set it up with: alworkflows setup {machine}"
            )
        chosen = named[machine]
    by_program = {code.base.extras.get(PROGRAM_KEY, None): code for computer, code in codes if computer.pk == chosen.pk}
    if program not in by_program:
        name = machine_of(chosen) or chosen.label
        programs = sorted(item for item in by_program if item)
        raise InputError(
            f"machine '{name}' has no program '{program}' (it has: {', '.join(programs) or 'none'}); say where it is in the file "
            f"codes/{program}.yaml of the machine's folder, and run: alworkflows setup {name}"
        )
    return by_program[program]


def _by_label(label: str) -> InstalledCode:
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import InstalledCode, QueryBuilder
    from aiida.orm import load_code as load_any_code

    try:
        code = load_any_code(label)
    except (NotExistent, MultipleObjectsError) as error:
        codes = QueryBuilder().append(InstalledCode).all(flat=True)
        raise unknown("code", label, [code.full_label for code in codes if not code.is_hidden]) from error
    if not isinstance(code, InstalledCode):
        raise InputError(f"code {label}: expected an installed code, got a {type(code).__name__}")
    return code


def machine_of(computer: Computer) -> str | None:
    """Return the name of the machine a computer was set up from; None: it was not set up by us."""
    return (computer.metadata or {}).get(MACHINE_KEY)


def job_cap(computer: Computer) -> int | None:
    """Return how many jobs may be in flight on a computer, over all campaigns; None: any number."""
    return (computer.metadata or {}).get(MAX_JOBS_KEY)


def core_cap(computer: Computer) -> int | None:
    """Return how many cores the jobs in flight on a computer share, over all campaigns; None: they are not counted."""
    return (computer.metadata or {}).get(CORES_KEY)


def job_options(computer: Computer) -> dict[str, dict[str, Any]]:
    """Return ``metadata.options`` per step, as ``options.yaml`` gave them at the last setup; empty if there was none."""
    stored = (computer.metadata or {}).get(OPTIONS_KEY, {})
    return {step: options for step, options in stored.items() if step in STEPS}


def options_for(computer: Computer, step: str, atoms: int | None = None) -> dict[str, Any]:
    """Return ``metadata.options`` of a step's jobs, or of the jobs of a program that labels.

    Parameters
    ----------
    computer
        Where the jobs run.
    step
        A step, or a program such as ``vasp``: the options of ``label``, and those of ``programs.vasp``, if any, over them.
    atoms
        Atoms of the (largest) frame: the first entry of ``by_atoms`` that is large enough is laid over the rest, beyond the last
        the last; None: none is.

    Raises
    ------
    InputError
        If there is no such step and no such program.
    """
    metadata = computer.metadata or {}
    stored = metadata.get(OPTIONS_KEY, {})
    if step not in STEPS and step not in PROGRAMS:
        raise unknown("step or program", step, [*STEPS, *PROGRAMS])
    name = step if step in STEPS or step in stored else "label"
    if atoms is not None:
        sized = metadata.get(SIZED_KEY, {}).get(name, [])
        for limit, options in sized:
            if atoms <= limit:
                return options
        if sized:
            return sized[-1][1]
    return stored.get(name, {})
