"""Physics of the integrator: energy, temperature, pressure, momentum; and its thin path past ASE."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT

from alworkflows.simulation.dynamics import Langevin, evaluator, initial_state, kinetic_temperature, step


class Springs:
    """Atoms tied to their sites; the stiffness differs from axis to axis."""

    def __init__(self, atoms: Atoms) -> None:
        self.sites, self.stiffness = atoms.get_positions(), np.array([2.0, 4.0, 8.0])

    def __call__(self, positions, cell):
        pulled = positions - self.sites
        # the mean is taken out, as in any system whose energy does not change when all of it moves
        pulled = pulled - pulled.mean(axis=0)
        return 0.5 * float((self.stiffness * pulled**2).sum()), -self.stiffness * pulled, None


@pytest.fixture
def atoms():
    return Atoms(["Zn", "O"] * 20, positions=np.random.default_rng(0).uniform(0, 9, (40, 3)), cell=[9] * 3, pbc=True)


def total_energies(atoms, timestep, span=400.0):
    springs = Springs(atoms)
    langevin = Langevin(atoms.get_masses(), timestep, np.inf)
    state = initial_state(atoms, langevin, springs, 600.0, np.random.default_rng(1))
    energies = []
    for _ in range(int(span / timestep)):
        state = step(state, langevin, springs, 600.0)
        energies.append(state.energy + 0.5 * float(langevin.masses @ (state.velocities**2).sum(axis=1)))
    return np.array(energies)


def test_without_friction_energy_is_conserved_to_second_order(atoms):
    coarse, fine = np.std(total_energies(atoms, 2.0)), np.std(total_energies(atoms, 1.0))
    assert fine < 2e-3
    assert coarse / fine == pytest.approx(4.0, rel=0.2)
    long = total_energies(atoms, 2.0, 10_000.0)
    assert abs(long[-500:].mean() - long[:500].mean()) < 0.1 * np.ptp(long)


def test_thermostat_gives_equipartition_over_species_axes_and_springs(atoms):
    springs, masses = Springs(atoms), atoms.get_masses()
    langevin = Langevin(masses, 2.0, 50.0)
    state = initial_state(atoms, langevin, springs, 500.0, np.random.default_rng(2))
    kinetic, potential = np.zeros((40, 3)), np.zeros(3)
    steps = 20_000
    for _ in range(steps):
        state = step(state, langevin, springs, 500.0)
        kinetic += masses[:, None] * state.velocities**2
        pulled = state.positions - springs.sites
        potential += (springs.stiffness * (pulled - pulled.mean(axis=0)) ** 2).sum(axis=0)
    kinetic /= steps * units.kB
    # the resting centre of mass takes m / M of a degree of freedom from each atom
    expected = 500.0 * (1 - masses / masses.sum())
    np.testing.assert_allclose(kinetic[::2].mean(), expected[::2].mean(), rtol=0.02)
    np.testing.assert_allclose(kinetic[1::2].mean(), expected[1::2].mean(), rtol=0.02)
    np.testing.assert_allclose(kinetic.mean(axis=0), expected.mean(), rtol=0.025)
    np.testing.assert_allclose(potential / steps / units.kB / 39, 500.0, rtol=0.04)
    assert kinetic_temperature(state.velocities, masses) == pytest.approx(500.0, rel=0.5)


def test_centre_of_mass_rests(atoms):
    springs, masses = Springs(atoms), atoms.get_masses()
    langevin = Langevin(masses, 2.0, 50.0)
    state = initial_state(atoms, langevin, springs, 500.0, np.random.default_rng(2))
    start = masses @ state.positions / masses.sum()
    for _ in range(500):
        state = step(state, langevin, springs, 500.0)
    np.testing.assert_allclose(masses @ state.velocities, 0.0, atol=1e-9)
    np.testing.assert_allclose(masses @ state.positions / masses.sum(), start, atol=1e-9)


def test_barostat_gives_the_volume_of_an_ideal_gas():
    """<V> = (N + 1) k T / P, and a relative spread of 1 / sqrt(N): a closed form, no interaction to hide behind."""
    gas = Atoms("Ar64", positions=np.random.default_rng(0).uniform(0, 4.4, (64, 3)), cell=[4.4] * 3, pbc=True)
    langevin = Langevin(gas.get_masses(), 5.0, 100.0, pressure=100.0)

    def free(positions, cell):
        return 0.0, np.zeros_like(positions), np.zeros(6)

    state = initial_state(gas, langevin, free, 1000.0, np.random.default_rng(3))
    volumes = []
    for _ in range(40_000):
        state = step(state, langevin, free, 1000.0)
        volumes.append(np.linalg.det(state.cell))
    volumes = np.array(volumes[4000:])
    assert volumes.mean() == pytest.approx(65 * units.kB * 1000.0 / (100.0 * units.GPa), rel=0.03)
    assert volumes.std() / volumes.mean() == pytest.approx(1 / 8, rel=0.15)


def test_constant_pressure_without_stress_is_an_error(atoms):
    langevin = Langevin(atoms.get_masses(), 1.0, 100.0, pressure=0.0)
    state = initial_state(atoms, langevin, Springs(atoms), 300.0, np.random.default_rng(1))
    with pytest.raises(ValueError, match="needs stresses"):
        step(state, langevin, Springs(atoms), 300.0)


def test_same_seed_same_path_other_seed_another(atoms):
    paths = []
    for seed in (5, 5, 6):
        langevin, springs = Langevin(atoms.get_masses(), 1.0, 100.0), Springs(atoms)
        state = initial_state(atoms, langevin, springs, 300.0, np.random.default_rng(seed))
        for _ in range(20):
            state = step(state, langevin, springs, 300.0)
        paths.append(state.positions)
    assert np.array_equal(paths[0], paths[1])
    assert not np.allclose(paths[0], paths[2])


def test_states_are_not_changed_by_the_step_that_follows(atoms):
    langevin, springs = Langevin(atoms.get_masses(), 1.0, 100.0), Springs(atoms)
    state = initial_state(atoms, langevin, springs, 300.0, np.random.default_rng(1))
    before = [np.array(x) for x in (state.positions, state.velocities, state.forces, state.cell)]
    step(state, langevin, springs, 300.0)
    for old, now in zip(before, (state.positions, state.velocities, state.forces, state.cell), strict=True):
        np.testing.assert_array_equal(old, now)


def test_evaluator_gives_what_ase_gives():
    copper = bulk("Cu", cubic=True).repeat(2)
    evaluate = evaluator(EMT(), copper, stress=True)
    moved = copper.copy()
    moved.rattle(0.1, seed=4)
    moved.set_cell(np.asarray(copper.cell) * 1.01, scale_atoms=True)
    energy, forces, stress = evaluate(moved.positions, np.asarray(moved.cell))
    moved.calc = EMT()
    assert energy == pytest.approx(moved.get_potential_energy(), abs=1e-12)
    np.testing.assert_allclose(forces, moved.get_forces(), atol=1e-12)
    np.testing.assert_allclose(stress, moved.get_stress(), atol=1e-12)
    assert np.allclose(copper.positions, bulk("Cu", cubic=True).repeat(2).positions)
