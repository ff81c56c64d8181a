"""Pseudopotentials that come with Debian's pw.x, as a family in the profile, and the code: for tests and benchmarks.

They are no stand-ins: old and cheap, but what comes of them is physics.

    from pseudos import install_pw, make_family, missing    # with tests/standins on the path
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aiida.orm import Computer, InstalledCode

__all__ = ["CUTOFFS", "FOLDER", "PW", "install_pw", "make_family", "missing"]

PW = "/usr/bin/pw.x"
#: Debian's pw.x wants the MPI that it was built with, whichever is first on the path
MPIRUN = "/usr/bin/mpirun.openmpi"
FOLDER = Path("/usr/share/espresso/pseudo")

FILES = {"Mg": "Mg.pz-n-vbc.UPF", "O": "O.pz-rrkjus.UPF", "Al": "Al.pz-vbc.UPF"}

#: Ry; enough for forces that are right in the second digit, for tests
CUTOFFS = {"ecutwfc": 25.0, "ecutrho": 200.0}

_SHELL = """
export OMP_NUM_THREADS=1
export OMPI_ALLOW_RUN_AS_ROOT=1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
"""


def missing() -> str | None:
    """Return what is to be installed for pw.x to run here, or None."""
    wanted = {PW: "quantum-espresso", MPIRUN: "openmpi-bin", FOLDER / FILES["O"]: "quantum-espresso-data"}
    packages = [package for path, package in wanted.items() if not Path(path).exists()]
    return f"needs the Debian packages {' '.join(packages)}" if packages else None


def make_family(label: str = "debian", species: tuple[str, ...] = ("Mg", "O"), recommended: bool = False) -> str:
    """Store the pseudopotentials of some species as a family in the profile, and return its label.

    Parameters
    ----------
    recommended
        Whether the family recommends cutoffs.
    """
    from aiida_pseudo.data.pseudo import UpfData
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

    with tempfile.TemporaryDirectory() as folder:
        for symbol in species:
            shutil.copy(FOLDER / FILES[symbol], folder)
        family = CutoffsPseudoPotentialFamily.create_from_folder(Path(folder), label, pseudo_type=UpfData)
    if recommended:
        cutoffs: Mapping[str, float] = {"cutoff_wfc": CUTOFFS["ecutwfc"], "cutoff_rho": CUTOFFS["ecutrho"]}
        family.set_cutoffs(dict.fromkeys(species, cutoffs), "normal", unit="Ry")
    return label


def install_pw(scratch: Path, label: str = "pw") -> InstalledCode:
    """Store a computer that is this machine, with no queue, and the code of pw.x on it."""
    computer = Computer(f"here-{label}", "localhost", "", "core.local", "core.direct", str(scratch)).store()
    computer.set_mpirun_command([MPIRUN, "--oversubscribe", "--bind-to", "none", "-np", "{tot_num_mpiprocs}"])
    computer.set_default_mpiprocs_per_machine(1)
    computer.set_minimum_job_poll_interval(0)
    computer.configure(safe_interval=0)
    return InstalledCode(
        computer, PW, label=label, default_calc_job_plugin="quantumespresso.pw", prepend_text=_SHELL, with_mpi=True
    ).store()
