"""A stand-in for VASP at its file interface, for tests and benchmarks: it reads VASP's files, computes, and writes VASP's files.

It knows nothing of quantum mechanics: energy, forces and stress are those of a pair potential (:class:`Pairs`), and the
self-consistent field is a number that decays. Its ways to fail are chosen by the frame (:func:`write_modes`) or for all frames.

    from vasp import Pairs, install, upload_potcars, write_modes    # with tests/standins on the path
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from ase import Atoms

from alworkflows.frames.twins import coarse_key

from .physics import Pairs, spin_energy

__all__ = ["MODES", "VERSION", "Pairs", "install", "potcar", "spin_energy", "upload_potcars", "write_modes"]

VERSION = "6.4.2"

#: what a frame does
MODES = {
    "normal": "converges in a dozen steps",
    "mixing": "sloshes unless AMIX is below its default",
    "algorithm": "diverges unless ALGO is All",
    "steps": "needs 150 steps",
    "never": "never converges",
    "spin-jump": "ends without magnetisation unless AMIX_MAG is below its default",
    "collapse": "ends without magnetisation",
    "force": "has atoms a thousand times as stiff",
    "nan": "writes NaN for a force",
    "overflow": "writes stars for a force",
    "other-structure": "answers for other positions",
    "other-species": "answers for other species",
    "truncated": "cuts vasprun.xml among the forces",
    "cut-outcar": "cuts the end off OUTCAR",
    "crash": "ends with a segmentation fault in the middle",
    "silent": "ends at once and writes nothing",
    "refuses": "does not take the job",
    "solver": "gives up with an error of the eigensolver",
    "memory": "is ended for want of memory",
    "slow": "takes a second a step; obeys STOPCAR and goes on from WAVECAR",
    "hangs": "never ends and looks at no STOPCAR",
    "killed": "ends as if a queue had ended it for its walltime",
}


def install(folder: Path, modes: Path | None = None, mode: str = "normal") -> Path:
    """Write an executable ``vasp_std`` into a folder, and return its path.

    Parameters
    ----------
    modes
        A file of :func:`write_modes`: what the frames named there do.
    mode
        What all others do.
    """
    path = Path(folder) / "vasp_std"
    program = Path(__file__).parent / "program.py"
    lines = ["#!/bin/bash", f"export VASP_STANDIN={mode}", "export OMP_NUM_THREADS=1"]
    lines += [f"export VASP_STANDIN_MODES={modes}"] if modes else []
    path.write_text("\n".join([*lines, f"exec {sys.executable} {program}"]) + "\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def write_modes(path: Path, modes: Mapping[str, Iterable[Atoms]]) -> Path:
    """Write down which frames do what; a frame is known by its content, whatever the order of its atoms."""
    for mode in modes:
        if mode not in MODES:
            raise ValueError(f"expected one of {', '.join(MODES)}, got '{mode}'")
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps({coarse_key(frame): mode for mode, frames in modes.items() for frame in frames}))
    os.replace(partial, path)
    return path


def potcar(name: str, functional: str = "PAW_PBE", date: str = "01Jan2000") -> str:
    """Return an invented POTCAR such as 'O_s': the header that programs read, and nothing of use."""
    symbol = name.split("_")[0]
    return f"""  {functional} {name} {date}
   4.00000000000000
 parameters from PSCTR are:
   VRHFIN ={symbol}: invented
   LEXCH  = {"91" if functional == "PAW_GGA" else "PE"}
   EATOM  =   100.0000 eV,    7.3500 Ry

   TITEL  = {functional} {name} {date}
   LULTRA =        F    use ultrasoft PP ?
   IUNSCR =        1    unscreen: 0-lin 1-nonlin 2-no
   RPACOR =    1.200    partial core radius
   POMASS =   10.000; ZVAL   =    4.000    mass and valenz
   RCORE  =    1.500    outmost cutoff radius
   RWIGS  =    1.500; RWIGS  =    0.800    wigner-seitz radius (au A)
   ENMAX  =  300.000; ENMIN  =  200.000 eV
   ICORE  =        2    local potential
   LCOR   =        T    correct aug charges
   LPAW   =        T    paw PP
   EAUG   =  500.000
   DEXC   =    0.000
   RMAX   =    1.600    core radius for proj-oper
   RAUG   =    1.300    factor for augmentation sphere
   RDEP   =    1.500    radius for radial grids
   RDEPT  =    1.400    core radius for aug-charge
 END of PSCTR-controll parameters
 local part
 End of Dataset
"""


def upload_potcars(names: Iterable[str], family: str = "standin", functional: str = "PAW_PBE") -> str:
    """Store invented POTCARs as a family in the profile, and return the family's name; those that are there stay."""
    from aiida_vasp.data.potcar import PotcarData

    with tempfile.TemporaryDirectory() as top:
        for name in names:
            folder = Path(top) / family / name
            folder.mkdir(parents=True)
            (folder / "POTCAR").write_text(potcar(name, functional))
        PotcarData.upload_potcar_family(Path(top) / family, family, "invented", stop_if_existing=False)
    return family
