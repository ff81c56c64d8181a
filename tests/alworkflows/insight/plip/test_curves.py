"""Curves against energies of two and three atoms alone, which the model itself gives."""

import itertools

import numpy as np
import pytest
from ase import Atoms

from alworkflows.descriptors.plip.blocks import pair_index
from alworkflows.insight import angle_curves, density_curves, measure, pair_curves
from alworkflows.insight.plip.curves import PairCurve
from alworkflows.models import Ensemble, LinearModel
from alworkflows.settings.model import BaselineSettings


def energies(ensemble, atoms):
    """Energy of each member without the reference energies, (M,)."""

    committee = ensemble.groups[0].committee
    counts = [atoms.get_chemical_symbols().count(symbol) for symbol in ensemble.species]
    return committee.evaluate(atoms).energy - committee.reference_energies @ counts


@pytest.mark.parametrize("number", range(3))
def test_two_atoms_alone_have_the_energy_of_the_dimer_curve(ensemble, number):
    curve = pair_curves(ensemble.groups[0].committee.blocks, ensemble.species)[number]
    for k in (80, 160, 300):
        atoms = Atoms(curve.pair.split("-"), positions=[[0, 0, 0], [0, 0, curve.r[k]]])
        np.testing.assert_allclose(curve.dimer[:, k], energies(ensemble, atoms), rtol=1e-6, atol=1e-7)


def test_a_baseline_is_part_of_the_dimer_but_not_of_the_pair_terms(ensemble):
    settings = BaselineSettings(inner=0.8, outer=1.6)
    with_baseline = Ensemble(
        [LinearModel(m.settings, m.species, m.weights, m.reference_energies, settings) for m in ensemble.members]
    )
    plain = pair_curves(ensemble.groups[0].committee.blocks, ensemble.species)
    for curve, without in zip(pair_curves(with_baseline.groups[0].committee.blocks, with_baseline.species), plain, strict=True):
        np.testing.assert_allclose(curve.terms, without.terms)
        np.testing.assert_allclose(curve.total, curve.terms + curve.baseline)
        assert curve.baseline[0] > 10.0
        assert not curve.baseline[curve.r > 1.7].any()
        atoms = Atoms(curve.pair.split("-"), positions=[[0, 0, 0], [0, 0, curve.r[90]]])
        np.testing.assert_allclose(curve.dimer[:, 90], energies(with_baseline, atoms), rtol=1e-6)


def test_pair_terms_are_the_two_body_terms_of_the_dimer(ensemble):
    descriptors = ensemble.groups[0].committee.descriptors
    two = np.array([name.startswith("2B") for name in descriptors.names])
    for curve in pair_curves(ensemble.groups[0].committee.blocks, ensemble.species):
        atoms = Atoms(curve.pair.split("-"), positions=[[0, 0, 0], [0, 0, curve.r[200]]])
        expected = np.where(two, ensemble.groups[0].committee.weights, 0.0) @ descriptors.design(atoms).energy
        np.testing.assert_allclose(curve.terms[:, 200], expected, rtol=1e-8, atol=1e-10)


def test_angles_are_what_the_energy_of_three_atoms_gains(ensemble):
    """Two neighbours of a centre, apart by an angle: the three-body energy of the centre less those of each neighbour alone."""
    distances = np.array([2.3, 1.9, 2.4])
    descriptors = ensemble.groups[0].committee.descriptors
    curves = angle_curves(ensemble.groups[0].committee.blocks, ensemble.species, distances)
    assert len(curves) == 6
    for curve in curves:
        three = np.array([name.startswith("3B") and f" {curve.centre}(" in name for name in descriptors.names])

        def of_centre(neighbours, positions, curve=curve, three=three):
            atoms = Atoms([curve.centre, *neighbours], positions=[[0, 0, 0], *positions])
            return np.where(three, ensemble.groups[0].committee.weights, 0.0) @ descriptors.values(atoms)[0]

        for k in (40, 110, 180):
            theta = np.radians(curve.theta[k])
            ends = curve.distances[0] * np.array([1.0, 0, 0]), curve.distances[1] * np.array([np.cos(theta), np.sin(theta), 0])
            gained = of_centre(curve.neighbours, ends)
            gained -= sum(of_centre(curve.neighbours[i : i + 1], ends[i : i + 1]) for i in range(2))
            np.testing.assert_allclose(curve.energy[:, k], gained, rtol=1e-8, atol=1e-10)


def test_densities_span_those_of_the_frames_and_give_the_energy_of_their_powers(ensemble, frames):
    blocks = ensemble.groups[0].committee.blocks
    curves = density_curves(blocks, ensemble.species, frames, list("abcdef"))
    assert {(curve.centre, curve.neighbour) for curve in curves} == set(itertools.product(["Zn", "O"], repeat=2))
    for curve in curves:
        c, s = (ensemble.species.index(symbol) for symbol in (curve.centre, curve.neighbour))
        weights = blocks.many[:, c, s, :, curve.function]
        assert curve.name == "abcdef"[curve.function]
        np.testing.assert_allclose(curve.energy[:, -1], weights @ curve.rho[-1] ** blocks.m, rtol=1e-12)
        largest = max(
            sum(
                np.interp(d, curve.r, curve.density)
                for j, d in enumerate(images(atoms, i))
                if atoms[int(j % len(atoms))].symbol == curve.neighbour
            )
            for atoms in frames
            for i in range(len(atoms))
            if atoms[i].symbol == curve.centre
        )
        assert curve.rho[-1] == pytest.approx(largest, rel=1e-3)


def images(atoms, i):
    """Distances from an atom to all images of all atoms, atoms fastest; itself far away."""
    shifts = np.array(list(itertools.product(range(-3, 4), repeat=3))) @ atoms.cell[:]
    distances = np.linalg.norm(atoms.positions[None] + shifts[:, None] - atoms.positions[i], axis=2)
    distances[distances < 1e-9] = np.inf
    return np.where(distances < 4.5, distances, 4.5).ravel()


def test_distances_are_those_that_ase_finds(ensemble, frames):
    from ase.neighborlist import neighbor_list

    distances = measure(frames, ensemble.species, 4.5)
    index = pair_index(2)
    for atoms in frames:
        i, j, d = neighbor_list("ijd", atoms, 4.5)
        which = index[(atoms.numbers[i] == 8).astype(int), (atoms.numbers[j] == 8).astype(int)]
        for pair in range(3):
            assert d[which == pair].min() >= distances.shortest[pair] - 1e-12
    assert distances.counts.sum() == sum(len(neighbor_list("i", atoms, 4.5)) for atoms in frames) / 2
    assert distances.typical[1] == pytest.approx(4.6 * np.sqrt(3) / 4, abs=0.25)


def test_species_that_are_never_near_have_no_shortest_distance(ensemble):
    distances = measure([Atoms("ZnO", positions=[[0, 0, 0], [2, 0, 0]])], ensemble.species, 4.5)
    assert np.isinf(distances.shortest[[0, 2]]).all()
    assert distances.shortest[1] == pytest.approx(2.0)
    assert distances.typical[0] == pytest.approx(3.0)


def pair_curve(r, energy):
    return PairCurve("O-O", r, energy[None], None, energy[None])


def test_a_hole_behind_a_barrier_is_found_unless_data_reach_into_it():
    """A barrier of 3 eV at 1.5 A over a well of -1 eV at 2.5 A."""
    r = np.linspace(0.4, 6.0, 561)
    curve = pair_curve(r, np.interp(r, [0.4, 1.5, 2.5, 5.0, 6.0], [-9.0, 3.0, -1.0, 0.0, 0.0]))
    place, barrier = curve.hole(2.0)
    assert place == pytest.approx(1.5, abs=0.02)
    assert barrier == pytest.approx(4.0, abs=0.1)
    assert curve.hole(np.inf)[0] > 4.9
    assert pair_curve(r, 30.0 / r**6).hole(2.0) is None
    assert pair_curve(r, np.where(r < 0.5, 0.0, 50.0 / r)).hole(2.0) is None
