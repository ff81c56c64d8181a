"""Chebyshev functions against numpy's polynomials, and their sums against ASE's list of pairs, as loops."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from numpy.polynomial import Chebyshev as Series

from alworkflows.descriptors import build
from alworkflows.descriptors.chebyshev.functions import functions
from alworkflows.settings.descriptors import ChebyshevSettings

SETTINGS = ChebyshevSettings(cutoff=4.0, degree=6)


def test_functions_are_numpys_polynomials_times_the_cutoff():
    r = np.linspace(0.0, 4.0, 57)
    values, slopes = functions(r, 4.0, 6)
    for k in range(7):
        series, cut = Series.basis(k, domain=[0.0, 4.0]), (1 - r / 4.0) ** 3
        np.testing.assert_allclose(values[:, k], series(r) * cut, atol=1e-13)
        np.testing.assert_allclose(slopes[:, k], series.deriv()(r) * cut - 0.75 * series(r) * (1 - r / 4.0) ** 2, atol=1e-12)


def test_value_slope_and_curvature_end_at_the_cutoff():
    values, slopes = functions(np.array([4.0 - 1e-5, 4.0, 4.1]), 4.0, 6)
    assert not values[1:].any()
    assert not slopes[1:].any()
    assert np.abs(values[0]).max() < 1e-16
    assert np.abs(slopes[0]).max() < 1e-10  # grows with the square of the distance from the cutoff


def test_the_first_degree_is_the_line():
    values, _ = functions(np.array([1.0, 3.0]), 4.0, 1)
    np.testing.assert_allclose(values, [[27 / 64, -27 / 128], [1 / 64, 1 / 128]])


def test_against_loops_over_pairs():
    atoms = bulk("ZnO", "wurtzite", a=3.3, c=5.3)
    atoms.rattle(0.2, seed=4)
    descriptors = build(SETTINGS, ("Zn", "O"))
    expected = np.zeros((len(atoms), descriptors.size))
    names = {name: column for column, name in enumerate(descriptors.names)}
    for i, j, r in zip(*neighbor_list("ijd", atoms, SETTINGS.cutoff), strict=True):
        ends = sorted((atoms.symbols[i], atoms.symbols[j]), key=("Zn", "O").index)
        for k in range(SETTINGS.degree + 1):
            phi = np.cos(k * np.arccos(2 * r / SETTINGS.cutoff - 1)) * (1 - r / SETTINGS.cutoff) ** 3
            expected[i, names[f"2B {'-'.join(ends)} chebyshev k={k}"]] += 0.5 * phi
    np.testing.assert_allclose(descriptors.values(atoms), expected, atol=1e-12)


def test_both_ends_of_a_bond_share_a_term():
    pair = Atoms("ZnO", positions=[[0, 0, 0], [0, 0, 1.9]])
    descriptors = build(SETTINGS, ("Zn", "O"))
    values = descriptors.values(pair)
    np.testing.assert_array_equal(values[0], values[1])
    phi, slope = functions(np.array([1.9]), SETTINGS.cutoff, SETTINGS.degree)
    columns = [column for column, name in enumerate(descriptors.names) if " Zn-O " in name]
    design = descriptors.design(pair)
    np.testing.assert_allclose(design.energy[columns], phi[0], rtol=1e-14)
    np.testing.assert_allclose(design.forces[5, columns], -slope[0], rtol=1e-14)


@pytest.mark.parametrize(("species", "size"), [(("Cu",), 7), (("Zn", "O"), 21), (("Zn", "O", "Cu"), 42)])
def test_one_set_of_functions_for_each_pair_of_species(species, size):
    assert build(SETTINGS, species).size == size


def test_a_pair_potential_is_learnt_by_least_squares():
    """The copper of a Morse potential, by its forces alone: as exact as polynomials are."""
    from ase.calculators.morse import MorsePotential

    settings = ChebyshevSettings(cutoff=6.0, degree=20)
    descriptors = build(settings, ("Cu",))
    rows, targets = [], []
    for seed in range(4):
        atoms = bulk("Cu", "fcc", a=3.7, cubic=True).repeat(2)
        atoms.rattle(0.2, seed=seed)
        atoms.calc = MorsePotential(epsilon=0.34, r0=2.87, rho0=3.9, rcut1=4.0, rcut2=6.0)
        rows.append(descriptors.design(atoms, stress=False).forces)
        targets.append(atoms.get_forces().ravel())
    weights = np.linalg.lstsq(np.concatenate(rows[:3]), np.concatenate(targets[:3]), rcond=1e-10)[0]
    error = rows[3] @ weights - targets[3]
    assert np.sqrt(np.mean(error**2)) < 0.01 * np.sqrt(np.mean(targets[3] ** 2))
