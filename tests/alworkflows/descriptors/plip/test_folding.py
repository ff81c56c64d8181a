"""Folded models against the design matrix: forces, energies and virials of any set of weights, whatever was compressed."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from threadpoolctl import threadpool_limits

from alworkflows.descriptors import build
from alworkflows.descriptors.neighbours import kinds_of
from alworkflows.descriptors.plip.native import design
from alworkflows.settings import PlipSettings

SPECIES = ("Zn", "O")


def melt(seed=0, repeat=2):
    """A hot crystal with one bond within the switch of the N-body density."""
    atoms = bulk("ZnO", "zincblende", a=4.6, cubic=True).repeat(repeat)
    atoms.rattle(0.25, seed=seed)
    atoms.positions[1] += 0.42 * (atoms.positions[0] - atoms.positions[1])
    return atoms


def scaled_weights(descriptors, models, share, seed=0, size=1.0):
    """Return weights (M, P), a share of them not zero, under which terms count alike on a melt."""
    rng = np.random.default_rng(seed)
    scale = np.abs(descriptors.values(melt())).max(axis=0)
    weights = size * rng.normal(size=(models, descriptors.size)) / np.where(scale > 1e-12, scale, 1.0)
    return np.where(rng.random(weights.shape) < share, weights, 0.0)


def check(descriptors, atoms, weights, tolerance):
    positions = np.ascontiguousarray(atoms.positions)
    pairs = descriptors.neighbours(atoms).without(positions)
    kinds = kinds_of(atoms, descriptors.species)
    energies, forces, virial = descriptors.fold(weights).evaluate(kinds, positions, pairs, np.eye(3))
    design = descriptors.design(atoms)
    expected = (design.forces @ weights.T).T
    scale = np.sqrt((expected**2).mean())
    np.testing.assert_allclose(forces.reshape(len(weights), -1), expected, atol=tolerance * scale)
    expected = design.energy @ weights.T
    np.testing.assert_allclose(energies.sum(axis=1), expected, atol=10 * tolerance * np.abs(expected).max())
    expected = (design.stress @ weights.T).T * atoms.get_volume()
    np.testing.assert_allclose(virial, expected, atol=10 * tolerance * np.abs(expected).max())


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_compressed_models_keep_their_forces(share):
    descriptors = build(PlipSettings(), SPECIES)
    weights = scaled_weights(descriptors, 3, share)
    assert descriptors.fold(weights).flat.used.max() < 36
    check(descriptors, melt(), weights, 1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"l": (), "m": ()},
        {"l": (), "m": (3,)},
        {"l": (0,), "m": ()},
        {"l": (7, 2), "m": (9, 2)},
        {"l": (0, 1, 2, 3, 4, 5, 6, 7, 8)},
        {"centres": (2.0,), "widths": (1.0,)},
        {"centres": tuple(np.arange(1.0, 6.0, 0.25)), "widths": (30.0,)},
    ],
)
def test_any_choice_of_terms(changes):
    descriptors = build(
        PlipSettings.gaussians(**{"centres": (1.0, 2.5, 4.0), "widths": (0.5, 1.0, 1.5), "cutoff": 5.0, **changes}), SPECIES
    )
    check(descriptors, melt(1, 1), scaled_weights(descriptors, 2, 0.7, seed=1), 1e-6)


def test_three_species():
    atoms = melt(2, 1)
    atoms.symbols[2:4] = "Cu"
    descriptors = build(PlipSettings.gaussians((1.0, 2.0, 3.0), (0.5, 1.0, 1.5), cutoff=4.0), ("O", "Cu", "Zn"))
    weights = np.random.default_rng(2).normal(size=(2, descriptors.size))
    check(descriptors, atoms, weights, 1e-6)


def test_models_without_terms_and_models_that_differ_in_terms():
    descriptors = build(PlipSettings.gaussians((1.0, 2.0, 3.0), (0.5, 1.0, 1.5), cutoff=4.0), SPECIES)
    weights = scaled_weights(descriptors, 4, 0.05, seed=3)
    weights[1] = 0.0
    check(descriptors, melt(3, 1), weights, 1e-6)
    alone = Atoms("Zn", positions=np.zeros((1, 3)))
    energies, forces, _ = descriptors.fold(weights).evaluate(
        kinds_of(alone, SPECIES), alone.positions, descriptors.neighbours(alone), np.eye(3)
    )
    assert not energies.any()
    assert not forces.any()


def test_results_do_not_depend_on_the_number_of_threads():
    descriptors = build(PlipSettings(), SPECIES)
    weights, atoms = scaled_weights(descriptors, 2, 0.1), melt()
    positions, kinds = np.ascontiguousarray(atoms.positions), kinds_of(atoms, SPECIES)
    folded, pairs = descriptors.fold(weights), descriptors.neighbours(atoms).without(np.ascontiguousarray(atoms.positions))
    results = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="openmp"):
            design = descriptors.design(atoms)
            results.append((design.energy, design.forces, design.stress, *folded.evaluate(kinds, positions, pairs, np.eye(3))))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slots": 1000}, "slots: expected indices below 9, got . to 1000"),
        ({"function": -1}, "function: expected indices below 16, got -1 to"),
        ({"place": 10**6}, "place: expected indices below"),
        ({"column": 10**6}, "column: expected indices below"),
        ({"slot": 8}, "slot: expected indices below 8"),
        ({"entry": -1}, "entry: expected starts that rise from 0"),
    ],
)
def test_indices_that_lead_nowhere_do_not_reach_the_kernel(change, message):
    descriptors = build(PlipSettings(), SPECIES)
    flat = descriptors.fold(scaled_weights(descriptors, 2, 0.01)).flat
    spoiled = {name: getattr(flat, name).copy() for name in change}
    for name, value in change.items():
        spoiled[name].flat[0] = value
    with pytest.raises(ValueError, match=message):
        assert replace(flat, **spoiled).model


def test_a_centre_of_a_species_that_is_not_there_does_not_reach_the_kernels():
    descriptors, atoms = build(PlipSettings(), SPECIES), melt(repeat=1)
    pairs, kinds = descriptors.neighbours(atoms), np.full(len(atoms), 2, dtype=np.int32)
    with pytest.raises(ValueError, match="expected indices of 2 species, got 2 to 2"):
        descriptors.fold(scaled_weights(descriptors, 2, 0.01)).evaluate(kinds, atoms.positions, pairs, np.eye(3))
    with pytest.raises(ValueError, match="expected indices of 2 species, got 2 to 2"):
        design(descriptors.shapes[0], kinds, pairs, descriptors.table, True, False, False)
