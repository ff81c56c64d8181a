"""The programs a machine may have: how each is found on this machine, and what AiiDA needs to know of it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from alworkflows.errors import InputError

__all__ = ["PROGRAMS", "Program"]


@dataclass(frozen=True)
class Program:
    """A program that jobs run.

    Attributes
    ----------
    find
        Returns its absolute path on this machine, or raises :class:`InputError`.
    plugin
        AiiDA calculation plugin it is for; None: several.
    with_mpi
        Whether it is started by the computer's ``mpirun_command``.
    version, banner
        Patterns of its version and of its first words, in what it writes when it is started with nothing to compute; None: it is
        an alworkflows executable.
    files
        What it must find to get as far as that.
    """

    find: Callable[[], str]
    plugin: str | None = None
    with_mpi: bool = False
    version: str | None = None
    banner: str | None = None
    files: dict[str, str] = field(default_factory=dict)

    def defaults(self, name: str) -> dict[str, Any]:
        """Return what ``codes/NAME.yaml`` says where it says nothing."""
        return {"label": name, "plugin": self.plugin, "with_mpi": self.with_mpi}


def _alworkflows() -> str:
    """Return the executable beside this Python, else that on the PATH."""
    path = shutil.which("alworkflows", path=os.path.dirname(sys.executable)) or shutil.which("alworkflows")
    if path is None:
        raise InputError(
            f"no 'alworkflows' executable beside {sys.executable} or on the PATH; install the package with: pip install ."
        )
    return os.path.abspath(path)


def _gpaw() -> str:
    """Return the alworkflows executable, if its Python has GPAW."""
    if find_spec("gpaw") is None:
        raise InputError(f"GPAW is not installed beside {sys.executable}; install it with: pip install gpaw")
    return _alworkflows()


def _cp2k() -> str:
    """Return the alworkflows executable, if there is a CP2K for it to talk to."""
    _on_path("cp2k_shell")
    return _alworkflows()


def _on_path(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return os.path.abspath(path)
    raise InputError(f"no '{names[0]}' on the PATH; install it, or give its absolute path")


#: by the name of their file in ``codes/``; gpaw and cp2k are driven by an alworkflows executable in an environment that has them
PROGRAMS: dict[str, Program] = {
    "alworkflows": Program(_alworkflows),
    "gpaw": Program(_gpaw, "alworkflows.label"),
    "cp2k": Program(_cp2k, "alworkflows.label"),
    "vasp": Program(
        lambda: _on_path("vasp_std", "vasp"),
        "vasp.vasp",
        with_mpi=True,
        version=r"vasp\.(\d[\w.]*)",
        banner=r"running on\s+\d+ total cores|running\s+\d+ mpi-ranks",
        files={"INCAR": "SYSTEM = probe\n"},
    ),
    "pw": Program(
        lambda: _on_path("pw.x"),
        "quantumespresso.pw",
        with_mpi=True,
        version=r"Program PWSCF v\.?\s*(\S+)",
        banner=r"Program PWSCF",
    ),
}
