"""A file that ends before its end is never read in silence, wherever it ends, and never ends in a traceback."""

import shutil
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from vasp_files import FINISHED, outcar, vasprun

from alworkflows.errors import InputError
from alworkflows.frames import attach_labels, read_files
from alworkflows.frames.writing import write
from alworkflows.settings import ReadSettings

SAMPLES = Path(__file__).parent / "samples"
SKIP = ReadSettings(skip_bad=True)
#: what was cut short is called one of these
TOLD = {"cut off", "not readable", "of another shape", "text that belongs to no frame"}


def frames() -> list[Atoms]:
    made = []
    for seed in range(3):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=seed)
        atoms.calc = EMT()
        made.append(attach_labels(atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    return made


#: what makes a whole file of each kind
WHOLE: dict[str, Callable[[Path], object]] = {
    "pw_relax.out": lambda path: shutil.copy(SAMPLES / path.name, path),
    "pw_dynamics.xml": lambda path: shutil.copy(SAMPLES / path.name, path),
    "gpaw_ok.txt": lambda path: shutil.copy(SAMPLES / path.name, path),
    "OUTCAR": lambda path: path.write_text(outcar(frames(), ["reached"] * 3) + FINISHED),
    "vasprun.xml": lambda path: path.write_text(vasprun(frames(), [8, 8, 8])),
    "a.xyz": lambda path: write(path, frames()),
    "a.cfg": lambda path: write(path, frames()),
    "input.data": lambda path: ase.io.write(path, frames(), format="runnerdata"),
    "a.traj": lambda path: ase.io.write(path, frames()),
    "a.json": lambda path: ase.io.write(path, frames()),
    "a.npz": lambda path: write(path, frames()),
}


@pytest.mark.parametrize("name", WHOLE)
def test_cut_off_anywhere(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WHOLE[name](path)
    content = path.read_bytes()
    assert len(read_files([str(path)]).frames) >= 3
    for size in np.random.default_rng(3).integers(1, len(content) - 2, size=15):
        if name == "a.xyz" and len(content[:size].splitlines()[-1].split()) == 7:
            continue  # in the last number of an atom: many writers end their files without an end of line, so nothing tells
        path.write_bytes(content[:size])
        try:
            reading = read_files([str(path)], SKIP)
        except InputError:
            continue
        assert {fault.kind.value for fault in reading.report.faults} & TOLD, size
