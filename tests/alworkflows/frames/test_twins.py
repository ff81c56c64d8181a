"""Twins: the same configuration in another order, moved by lattice vectors, read back from a file."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT

from alworkflows import frames as frames_io
from alworkflows.frames.twins import TOLERANCE, coarse_key, coarse_keys, pair_up


def frame(seed=1, size=3):
    atoms = bulk("Cu", cubic=True).repeat(size)
    atoms.numbers[::3] = 79
    atoms.rattle(0.1, seed=seed)
    return atoms


def twin(atoms, rng, noise=0.0):
    """Return the atoms in another order, each moved by a lattice vector and a little more."""
    order = rng.permutation(len(atoms))
    moved = atoms[order]
    moved.positions += rng.integers(-2, 3, (len(atoms), 3)) * atoms.pbc @ np.asarray(atoms.cell)
    moved.positions += rng.uniform(-noise, noise, moved.positions.shape)
    return moved, order


@pytest.mark.parametrize("pbc", [True, [True, True, False], False])
def test_a_twin_is_found_and_its_forces_come_back_in_order(pbc):
    rng = np.random.default_rng(5)
    for seed in range(20):
        atoms = frame(seed, 2)
        atoms.pbc = pbc
        other, _ = twin(atoms, rng, noise=TOLERANCE / 4)
        assert coarse_key(other) in coarse_keys(atoms)
        order = pair_up(atoms, other)
        for item in (atoms, other):
            item.calc = EMT()
        assert np.abs(other.get_forces()[order] - atoms.get_forces()).max() < 1e-3


def test_a_file_of_eight_decimals_gives_twins(tmp_path):
    frames = [frame(seed) for seed in range(10)]
    ase.io.write(tmp_path / "frames.xyz", frames)
    for atoms, back in zip(frames, frames_io.read(tmp_path / "frames.xyz"), strict=True):
        assert frames_io.frame_id(atoms) != frames_io.frame_id(back)
        assert coarse_key(atoms) in coarse_keys(back)
        assert pair_up(back, atoms) is not None


def test_perfect_crystals_are_not_parted_by_rounding():
    rng = np.random.default_rng(2)
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat(2)  # its amplitudes are all zero but for noise
    for _ in range(50):
        other, _ = twin(atoms, rng, noise=TOLERANCE / 4)
        assert coarse_key(other) in coarse_keys(atoms)
        assert pair_up(atoms, other) is not None


def change(atoms, what):
    other = atoms.copy()
    match what:
        case "a moved atom":
            other.positions[5, 1] += 1e-3
        case "two species exchanged":
            other.numbers[[0, 1]] = other.numbers[[1, 0]]
        case "another cell":
            other.set_cell(other.cell * 1.001, scale_atoms=True)
        case "another periodicity":
            other.pbc = [True, True, False]
        case "one atom less":
            del other[3]
        case "a rotation":
            other.rotate(90, "z", rotate_cell=True)
        case "two atoms at one place":
            other.positions[6] = other.positions[3]
    return other


@pytest.mark.parametrize(
    "what",
    [
        "a moved atom",
        "two species exchanged",
        "another cell",
        "another periodicity",
        "one atom less",
        "a rotation",
        "two atoms at one place",
    ],
)
def test_what_is_no_twin(what):
    assert pair_up(frame(), change(frame(), what)) is None


def test_keys_tell_frames_of_one_cell_apart():
    keys = {coarse_key(frame(seed)) for seed in range(500)}
    assert len(keys) == 500


def test_molecules_have_keys_without_a_cell():
    water = molecule("H2O")
    assert coarse_key(water) in coarse_keys(Atoms(water.numbers[::-1], water.positions[::-1]))
    assert list(pair_up(water, water)) == [0, 1, 2]
