"""The Ewald sum's sizes: what LAMMPS reads of them, against a sum written out, and the same bits whatever is in the memory."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from ase.build import make_supercell

from alworkflows.potentials import resolve
from alworkflows.potentials.ewald import SLACK, ewald_sizes
from alworkflows.simulation.lammps import LammpsCalculator
from alworkflows.structures import crystal

#: cells whose vectors lean over, some of them back
LEANING = {
    "along": [[2, 0, 0], [0, 1, 0], [0, 0, 1]],
    "back": [[2, 0, 0], [0, 2, 0], [-1, -1, 1]],
    "far": [[3, 0, 0], [0, 2, 0], [-1, 0, 1]],
    "flat": [[1, 0, 0], [0, 3, 0], [-1, -1, 1]],
}


def lower(atoms):
    return np.linalg.cholesky(np.asarray(atoms.cell) @ np.asarray(atoms.cell).T)


def zno(shape):
    atoms = make_supercell(crystal("zno-wurtzite"), shape)
    atoms.rattle(0.05, seed=1)
    return atoms


@pytest.mark.parametrize("seed", range(40))
def test_every_wave_that_lammps_reads_along_an_axis_is_counted(seed):
    rng = np.random.default_rng(seed)
    cell = np.tril(rng.uniform(-6, 6, size=(3, 3)))
    np.fill_diagonal(cell, rng.uniform(2.5, 20, size=3))
    _, counts = ewald_sizes(cell, np.tile([2.0, -2.0], rng.integers(2, 100)), 10.0, 1e-5)
    edges = np.diag(cell)
    sphere = SLACK * max((2 * np.pi * number / edge) ** 2 for number, edge in zip(counts, edges, strict=True))
    read = [m for m in range(1, max(counts) + 1) if (2 * np.pi * m / edges[2]) ** 2 <= sphere]
    assert max(read) <= counts[2]


@pytest.mark.parametrize("seed", range(10))
def test_the_waves_that_are_wanted_are_within_the_counts(seed):
    rng = np.random.default_rng(seed)
    cell = np.tril(rng.uniform(-6, 6, size=(3, 3)))
    np.fill_diagonal(cell, rng.uniform(3, 12, size=3))
    splitting, counts = ewald_sizes(cell, np.tile([2.0, -2.0], 20), 10.0, 1e-5)
    span = np.arange(-25, 26)
    steps = np.stack(np.meshgrid(span, span, span, indexing="ij"), axis=-1).reshape(-1, 3)
    length = 2 * np.pi * np.linalg.norm(steps @ np.linalg.inv(cell).T, axis=1)
    left_out = (np.abs(steps) > counts).any(axis=1)
    assert np.exp(-((length[left_out].min() / (2 * splitting)) ** 2)) < 1e-4


@pytest.mark.parametrize("name", LEANING)
def test_a_leaning_cell_has_the_energy_of_a_sum_that_is_written_out(name):
    from pymatgen.analysis.ewald import EwaldSummation
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = zno(LEANING[name])
    charges = {"style": "buckingham-coulomb", "charges": {"Zn": 2.0, "O": -2.0}, "core": None, "precision": 1e-7}
    atoms.calc = LammpsCalculator(resolve(charges | {"pairs": {"Zn-O": {"a": 0.0, "rho": 1.0}}}))
    structure = AseAtomsAdaptor.get_structure(atoms)
    structure.add_oxidation_state_by_element({"Zn": 2, "O": -2})
    summed = EwaldSummation(structure, acc_factor=14, compute_forces=True)
    assert atoms.get_potential_energy() == pytest.approx(summed.total_energy, rel=1e-6)
    np.testing.assert_allclose(atoms.get_forces(), summed.forces, atol=2e-4)


#: melts a cell for a while, after the memory was filled with a number and set free
MELT = """
import json, sys
import numpy as np
from ase import Atoms
from alworkflows.potentials import resolve
from alworkflows.simulation.lammps import LammpsSimulation

given = json.load(sys.stdin)
atoms = Atoms(given["symbols"], positions=given["positions"], cell=given["cell"], pbc=True)
for number in range(2):
    for size in (30, 300, 3000, 30000):
        kept = [np.full(size, given["junk"]) for _ in range(20)]
    del kept
    with LammpsSimulation(atoms, resolve("zno-binks-grimes")) as simulation:
        simulation.commands(["velocity all create 2000 7", "fix 1 all nve", "timestep 0.001"])
        simulation.run(60)
        made = simulation.atoms()
    print(json.dumps([float(x).hex() for x in made.positions.ravel()]))
"""


@pytest.mark.parametrize("name", ["along", "back"])
def test_the_same_melt_has_the_same_bits_whatever_was_in_the_memory(name):
    atoms = zno(LEANING[name])
    frame = {
        "symbols": atoms.get_chemical_symbols(),
        "positions": atoms.positions.tolist(),
        "cell": np.asarray(atoms.cell).tolist(),
    }
    lines = set()
    for junk in (0.0, 1e6):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_PERTURB_": str(int(junk) % 251)}
        done = subprocess.run(
            [sys.executable, "-c", MELT],
            input=json.dumps({**frame, "junk": junk}),
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        lines |= set(done.stdout.splitlines())
    assert len(lines) == 1
