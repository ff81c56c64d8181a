"""Folded models as a potential: the gradient of one energy, invariant, conserved, and the same alone as in a committee."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk

from alworkflows.descriptors import build
from alworkflows.descriptors.neighbours import kinds_of
from alworkflows.descriptors.verlet import VerletList
from alworkflows.settings import PlipSettings

SPECIES = ("Zn", "O")
CUTOFF = 4.5


@pytest.fixture(scope="module")
def descriptors():
    return build(PlipSettings.gaussians((1.0, 2.0, 3.0, 4.0), (0.5, 1.5), l=(0, 1, 2, 3), m=(2, 4), cutoff=CUTOFF), SPECIES)


@pytest.fixture(scope="module")
def committee(descriptors):
    """Weights (3, P) of sparse models with terms of every body order, some shared; forces of the order of eV/A."""
    rng = np.random.default_rng(1)
    scale = np.abs(descriptors.design(crystal()).forces).max(axis=0)
    weights = rng.normal(size=(3, descriptors.size)) / np.where(scale > 1e-9, scale, np.inf)
    weights *= (rng.random(descriptors.size) < 0.2) * (rng.random(weights.shape) < 0.8)
    for kind in ("2B", "3B", "NB"):
        assert weights[:, [name.startswith(kind) for name in descriptors.names]].any(axis=1).all()
    return 0.2 * weights


def crystal(seed=0):
    atoms = bulk("ZnO", "wurtzite", a=3.3, c=5.3).repeat((2, 2, 1))
    atoms.rattle(0.15, seed=seed)
    return atoms


def evaluate(descriptors, weights, atoms, skin=0.0):
    """Return energies (M,), forces (M, N, 3) and stresses (M, 6)."""
    positions = np.ascontiguousarray(atoms.positions)
    pairs, deform = VerletList(CUTOFF, skin).update(positions, np.asarray(atoms.cell), atoms.pbc)
    energies, forces, virial = descriptors.fold(weights).evaluate(kinds_of(atoms, SPECIES), positions, pairs, deform)
    return energies.sum(axis=1), forces, virial / (atoms.get_volume() if atoms.pbc.all() else 1.0)


def moved(atoms, atom, axis, by):
    copy = atoms.copy()
    copy.positions[atom, axis] += by
    return copy


def test_forces_are_minus_the_gradient(descriptors, committee):
    atoms, step = crystal(), 1e-4
    forces = evaluate(descriptors, committee, atoms)[1]
    for atom, axis in ((0, 0), (5, 1), (9, 2)):
        up, down = (evaluate(descriptors, committee, moved(atoms, atom, axis, sign * step))[0] for sign in (1, -1))
        np.testing.assert_allclose(forces[:, atom, axis], -(up - down) / (2 * step), atol=1e-6)


@pytest.mark.parametrize(("row", "pair"), list(enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])))
def test_stress_is_the_strain_derivative(descriptors, committee, row, pair):
    atoms, step, energies = crystal(), 1e-5, []
    for sign in (1, -1):
        strain = np.eye(3)
        strain[pair] += 0.5 * sign * step
        strain[pair[::-1]] += 0.5 * sign * step
        strained = atoms.copy()
        strained.set_cell(atoms.cell[:] @ strain, scale_atoms=True)
        energies.append(evaluate(descriptors, committee, strained)[0])
    expected = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
    np.testing.assert_allclose(evaluate(descriptors, committee, atoms)[2][:, row], expected, atol=1e-6)


def test_members_are_the_same_alone_and_the_mean_is_their_mean(descriptors, committee):
    atoms = crystal(1)
    together = evaluate(descriptors, committee, atoms)
    for member in range(len(committee)):
        for one, all_ in zip(evaluate(descriptors, committee[member : member + 1], atoms), together, strict=True):
            np.testing.assert_allclose(one[0], all_[member], atol=1e-6 * np.abs(all_).max())
    for one, all_ in zip(evaluate(descriptors, committee.mean(axis=0, keepdims=True), atoms), together, strict=True):
        np.testing.assert_allclose(one[0], all_.mean(axis=0), atol=1e-6 * np.abs(all_).max())


@pytest.mark.parametrize("kind", ["2B", "3B", "NB"])
def test_one_body_order_alone(descriptors, committee, kind):
    atoms = crystal(2)
    weights = np.where([name.startswith(kind) for name in descriptors.names], committee, 0.0)
    design = descriptors.design(atoms)
    energies, forces, stresses = evaluate(descriptors, weights, atoms)
    np.testing.assert_allclose(energies, weights @ design.energy, rtol=1e-6)
    scale = np.abs(forces).max()
    np.testing.assert_allclose(forces.reshape(len(weights), -1), weights @ design.forces.T, atol=2e-6 * scale)
    np.testing.assert_allclose(stresses, weights @ design.stress.T, atol=1e-6 * np.abs(stresses).max())


def test_rotation_permutation_and_images(descriptors, committee):
    atoms, rng = crystal(3), np.random.default_rng(0)
    energies, forces, _ = evaluate(descriptors, committee, atoms)
    q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned = Atoms(atoms.numbers, atoms.positions @ q, cell=atoms.cell[:] @ q, pbc=True)
    order = rng.permutation(len(atoms))
    apart = atoms.copy()
    apart.positions += rng.integers(-3, 4, size=(len(atoms), 3)) @ atoms.cell[:]
    for other, expected in ((turned, forces @ q), (atoms[order], forces[:, order]), (apart, forces)):
        outputs = evaluate(descriptors, committee, other)
        np.testing.assert_allclose(outputs[0], energies, atol=1e-9 * np.abs(energies).max())
        np.testing.assert_allclose(outputs[1], expected, atol=1e-9 * np.abs(forces).max())
    np.testing.assert_allclose(forces.sum(axis=1), 0.0, atol=1e-10)


def test_a_thin_cell_is_its_supercell(descriptors, committee):
    thin = bulk("ZnO", "wurtzite", a=3.3, c=5.3)
    thin.rattle(0.1, seed=4)
    energies, forces, stresses = evaluate(descriptors, committee, thin)
    wide = evaluate(descriptors, committee, thin.repeat((3, 2, 2)))
    np.testing.assert_allclose(wide[0], 12 * energies, rtol=1e-9)
    np.testing.assert_allclose(wide[1], np.tile(forces, (1, 12, 1)), atol=1e-9 * np.abs(forces).max())
    np.testing.assert_allclose(wide[2], stresses, atol=1e-9 * np.abs(stresses).max())


def test_atoms_with_nothing_near(descriptors, committee):
    for atoms in (
        Atoms("Zn", positions=np.zeros((1, 3))),
        Atoms("ZnO", positions=[[0, 0, 0], [0, 0, CUTOFF + 0.1]]),
        Atoms("O", cell=np.eye(3) * 20, pbc=True),
    ):
        for output in evaluate(descriptors, committee, atoms, skin=1.0):
            assert not output.any()


def test_a_list_with_a_skin_gives_the_same(descriptors, committee):
    atoms = crystal(5)
    for bare, skinned in zip(
        evaluate(descriptors, committee, atoms), evaluate(descriptors, committee, atoms, skin=1.5), strict=True
    ):
        np.testing.assert_allclose(skinned, bare, atol=1e-10 * np.abs(bare).max())


def test_energy_is_conserved_and_its_error_falls_with_the_square_of_the_step(descriptors, committee):
    """Harmonic springs to the lattice sites hold the crystal together; velocity Verlet."""
    start = bulk("ZnO", "wurtzite", a=3.3, c=5.3).repeat((2, 1, 1))
    sites, masses = start.get_positions(), start.get_masses()[:, None]
    kinds, folded = kinds_of(start, SPECIES), descriptors.fold(committee[:1])
    spread = []
    for step, count in ((1.0 * units.fs, 400), (0.5 * units.fs, 800)):
        listed, x = VerletList(CUTOFF, 0.4), sites.copy()
        v = np.random.default_rng(0).normal(size=x.shape) * np.sqrt(300 * units.kB / masses)

        def energy_and_forces(x, listed=listed):
            pairs, deform = listed.update(x, np.asarray(start.cell), start.pbc)
            energies, forces, _ = folded.evaluate(kinds, x, pairs, deform)
            apart = x - sites
            return energies.sum() + 1.5 * (apart**2).sum(), forces[0] - 3.0 * apart

        totals, (_, f) = [], energy_and_forces(x)
        for _ in range(count):
            v += 0.5 * step * f / masses
            x = x + step * v
            energy, f = energy_and_forces(x)
            v += 0.5 * step * f / masses
            totals.append(energy + 0.5 * float((masses * v**2).sum()))
        half = count // 2
        spread.append(np.ptp(totals))
        assert abs(np.mean(totals[:half]) - np.mean(totals[half:])) < 0.3 * spread[-1]
    assert listed.builds > 1
    assert 3.0 < spread[0] / spread[1] < 5.0
