"""What every descriptor set keeps: gradients, invariances, and rows that agree with values."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alworkflows.descriptors import DESCRIPTORS, build
from alworkflows.errors import InputError
from alworkflows.settings import PlipSettings

SMALL = {
    "functions": [{"family": "gaussian", "centres": (1.0, 2.0, 3.5), "widths": (0.5, 1.5)}],
    "l": (0, 1, 2, 3, 4, 5),
    "m": (2, 4),
    "cutoff": 4.5,
}


def crystal(seed=1):
    """A skewed, rattled cell of two species, smaller than the cutoff in one direction."""
    atoms = bulk("ZnO", "zincblende", a=4.6, cubic=False).repeat((2, 1, 1))
    atoms.set_cell(atoms.cell[:] @ (np.eye(3) + 0.05 * np.random.default_rng(seed).normal(size=(3, 3))), scale_atoms=True)
    atoms.rattle(0.15, seed=seed)
    return atoms


def cluster(seed=2):
    positions = np.random.default_rng(seed).uniform(0, 4, size=(6, 3))
    positions[:, 0] += 1.7 * np.arange(6)
    return Atoms("ZnOZn2O2", positions=positions)


@pytest.fixture(params=sorted(DESCRIPTORS))
def descriptors(request):
    return build(PlipSettings(name=request.param, **SMALL), ("Zn", "O"))


@pytest.fixture(params=["crystal", "cluster"])
def atoms(request):
    return {"crystal": crystal, "cluster": cluster}[request.param]()


@pytest.fixture
def weights(descriptors):
    """Weights that make every descriptor count alike."""
    scale = np.abs(descriptors.values(crystal())).max(axis=0)
    return np.random.default_rng(3).normal(size=descriptors.size) / np.where(scale > 0, scale, 1.0)


def test_names_and_sizes_agree(descriptors, atoms):
    assert len(descriptors.names) == len(set(descriptors.names)) == descriptors.size
    assert descriptors.values(atoms).shape == (len(atoms), descriptors.size)


def test_values_sum_to_the_energy_row(descriptors, atoms):
    np.testing.assert_allclose(descriptors.values(atoms).sum(axis=0), descriptors.design(atoms).energy, rtol=1e-12, atol=1e-12)


def test_forces_are_minus_the_gradient(descriptors, atoms, weights):
    forces = (descriptors.design(atoms).forces @ weights).reshape(-1, 3)
    h = 1e-4
    for atom, axis in ((0, 0), (1, 2), (len(atoms) - 1, 1)):
        energy = []
        for step in (-2 * h, -h, h, 2 * h):
            moved = atoms.copy()
            moved.positions[atom, axis] += step
            energy.append(descriptors.design(moved).energy @ weights)
        slope = (energy[0] - 8 * energy[1] + 8 * energy[2] - energy[3]) / (12 * h)
        assert -slope == pytest.approx(forces[atom, axis], rel=1e-6, abs=1e-7 * np.abs(forces).max())


def test_no_net_force(descriptors, atoms, weights):
    forces = (descriptors.design(atoms).forces @ weights).reshape(-1, 3)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-10 * np.abs(forces).max())


@pytest.mark.parametrize(("row", "pair"), list(enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])))
def test_stress_is_the_strain_derivative(descriptors, weights, row, pair):
    atoms = crystal()
    stress = descriptors.design(atoms).stress @ weights
    h, energy = 1e-5, []
    for sign in (1, -1):
        strain = np.zeros((3, 3))
        strain[pair] += 0.5 * sign * h
        strain[pair[::-1]] += 0.5 * sign * h
        strained = atoms.copy()
        strained.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
        energy.append(descriptors.design(strained).energy @ weights)
    slope = (energy[0] - energy[1]) / (2 * h) / atoms.get_volume()
    assert slope == pytest.approx(stress[row], rel=1e-5, abs=1e-6 * np.abs(stress).max())


def test_a_cluster_has_no_stress(descriptors):
    assert descriptors.design(cluster()).stress is None
    assert descriptors.design(crystal(), stress=False).stress is None


def test_rotation(descriptors, atoms):
    turned = atoms.copy()
    turned.rotate(73, (1, 2, 3), rotate_cell=True)
    np.testing.assert_allclose(descriptors.values(turned), descriptors.values(atoms), rtol=1e-9, atol=1e-10)


def test_translation_and_wrapping(descriptors, atoms):
    moved = atoms.copy()
    moved.positions += [0.7, -11.3, 5.1]
    np.testing.assert_allclose(descriptors.values(moved), descriptors.values(atoms), rtol=1e-9, atol=1e-10)
    moved.wrap()
    np.testing.assert_allclose(descriptors.values(moved), descriptors.values(atoms), rtol=1e-9, atol=1e-10)


def test_permutation(descriptors, atoms):
    order = np.random.default_rng(0).permutation(len(atoms))
    np.testing.assert_allclose(descriptors.values(atoms[order]), descriptors.values(atoms)[order], rtol=1e-9, atol=1e-10)


def test_a_supercell_has_the_same_environments(descriptors):
    atoms = crystal()
    large = descriptors.values(atoms.repeat((1, 2, 1)))
    np.testing.assert_allclose(large, np.tile(descriptors.values(atoms), (2, 1)), rtol=1e-9, atol=1e-10)


def test_vjp_is_the_design_times_the_weights(descriptors, atoms, weights):
    design = descriptors.design(atoms)
    forces, stress = descriptors.vjp(atoms, np.tile(weights, (len(atoms), 1)))
    expected = (design.forces @ weights).reshape(-1, 3)
    np.testing.assert_allclose(forces, expected, atol=1e-7 * np.abs(expected).max())
    if design.stress is not None:
        np.testing.assert_allclose(stress, design.stress @ weights, atol=1e-6 * np.abs(design.stress @ weights).max())


def test_vjp_with_weights_of_each_atom(descriptors):
    atoms = crystal()
    weights = np.random.default_rng(5).normal(size=(len(atoms), descriptors.size)) / 100
    forces, _ = descriptors.vjp(atoms, weights)
    h, energy = 1e-5, []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[1, 0] += sign * h
        energy.append((descriptors.values(moved) * weights).sum())
    assert -(energy[0] - energy[1]) / (2 * h) == pytest.approx(forces[1, 0], rel=1e-4, abs=1e-6 * np.abs(forces).max())


def test_an_atom_alone(descriptors):
    assert not descriptors.values(Atoms("Zn", positions=[[0, 0, 0]])).any()


def test_nothing_happens_at_the_cutoff(descriptors, weights):
    pair = Atoms("ZnO", positions=[[0, 0, 0], [0, 0, descriptors.cutoff - 1e-6]])
    assert np.abs(descriptors.design(pair).forces @ weights).max() < 1e-4
    pair.positions[1, 2] += 2e-6
    assert not descriptors.design(pair).forces.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.symbols.__setitem__(0, "Cu"), "expected atoms of the species Zn, O, got Cu"),
        (lambda a: a.positions.__setitem__((0, 0), np.nan), "finite"),
        (lambda a: a.set_cell(np.zeros((3, 3))), "cell"),
    ],
)
def test_bad_frames(descriptors, change, message):
    atoms = crystal()
    change(atoms)
    with pytest.raises(InputError, match=message):
        descriptors.values(atoms)


@pytest.mark.parametrize("species", [(), ("Zn", "Zn")])
def test_bad_species(species):
    with pytest.raises(InputError, match="expected each species once"):
        build(PlipSettings(), species)
