"""Many frames through the kernels against one at a time, and which of them need a second look."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from planted import SETTINGS, SPECIES, structure

from alworkflows.descriptors import build
from alworkflows.descriptors.neighbours import kinds_of
from alworkflows.descriptors.plip.many import evaluate_each, plain_frames


@pytest.fixture(scope="module")
def models():
    descriptors = build(SETTINGS, SPECIES)
    return descriptors, descriptors.fold(np.random.default_rng(1).normal(size=(3, descriptors.size))).flat


def dense():
    """Far more neighbours than are thought of at first."""
    return bulk("ZnO", "zincblende", a=1.6)


def test_they_are_what_each_is_alone(models):
    descriptors, flat = models
    mirrored = structure(6)
    mirrored.set_cell(mirrored.cell[:] * [1, 1, -1], scale_atoms=True)
    frames = [structure(1), structure(3), dense(), mirrored, structure(4)]
    plain = plain_frames(frames, SPECIES)
    energies, forces, virials = evaluate_each(flat, plain, descriptors.cutoff)
    assert forces.shape == (3, sum(map(len, frames)), 3)
    for number, (frame, begin) in enumerate(zip(frames, plain.offsets, strict=False)):
        positions, atoms = np.ascontiguousarray(frame.positions), slice(begin, begin + len(frame))
        pairs = descriptors.neighbours(frame).without(positions)
        expected = flat.evaluate(kinds_of(frame, SPECIES), positions, pairs, np.eye(3))
        for found, value in zip((energies[:, atoms], forces[:, atoms], virials[:, number]), expected, strict=True):
            np.testing.assert_allclose(found, value, rtol=0, atol=1e-11 * max(1.0, np.abs(value).max()))


def flat_cell():
    atoms = structure(1)
    atoms.cell[2] = atoms.cell[1]
    return atoms


def without_an_end():
    atoms = structure(1)
    atoms.positions[1, 2] = np.inf
    return atoms


@pytest.mark.parametrize(
    "other",
    [
        Atoms("Zn2", positions=[[0, 0, 0], [2, 0, 0]]),
        Atoms("Zn", cell=[4, 4, 20], pbc=[True, True, False]),
        Atoms(cell=np.eye(3), pbc=True),
        bulk("Cu"),
        bulk("Og", "fcc", a=4.0),
        flat_cell(),
        without_an_end(),
    ],
    ids=["cluster", "slab", "empty", "foreign", "heaviest", "flat", "infinite"],
)
def test_frames_that_need_a_second_look_are_not_plain(other):
    assert plain_frames([structure(1)], SPECIES) is not None
    assert plain_frames([structure(1), other], SPECIES) is None


def test_atoms_at_one_place_are_told(models):
    descriptors, flat = models
    double = structure(1)
    double.positions[1] = double.positions[0] + double.cell[0]
    assert evaluate_each(flat, plain_frames([structure(2), double], SPECIES), descriptors.cutoff) is None
