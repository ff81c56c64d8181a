"""Which code labels: the program that the label settings need, on the machine that they or the campaign name."""

from __future__ import annotations

from aiida.orm import InstalledCode

from alworkflows.errors import InputError
from alworkflows.settings import LabelSettings
from workchains.labelling.contract import label_program
from workchains.machines import load_code, machine_of

__all__ = ["label_code"]


def label_code(settings: LabelSettings, machine: str | None = None, code: InstalledCode | None = None) -> InstalledCode:
    """Return the code that makes the labels.

    Parameters
    ----------
    settings
        The label settings; their ``machine`` goes before all else.
    machine
        That of the campaign; None: the one of ``code``, else the first one set up.
    code
        Runs the rest; it labels too where the settings name no machine and no program of its own.

    Raises
    ------
    InputError
        If there is no such machine, or it does not have the program.
    """
    program = label_program(settings.engine)(settings).code_name
    if program == "alworkflows" and settings.machine is None and code is not None:
        return code
    where = settings.machine or machine or (machine_of(code.computer) if code is not None else None)
    if settings.engine != "ase" or program == "alworkflows":
        return load_code(None, where, program)
    # raises for a machine that is not there, whose name is wrong whatever the program
    fallback = code if code is not None and settings.machine is None else load_code(None, where)
    try:
        return load_code(None, where, program)
    except InputError:
        # a calculator that has no environment of its own there may be in that of alworkflows
        return fallback
