"""Atoms that constraints hold: where they were in every frame, whatever moves the others, and marked in it."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.constraints import FixBondLengths
from ase.geometry import find_mic
from ase.units import kB
from standins import Committee
from test_suitability import run, settings

from alworkflows.deadline import Deadline
from alworkflows.errors import InputError
from alworkflows.sampling import SAMPLERS, check_sampler, notes, sample
from alworkflows.simulation.dynamics import Langevin, initial_state, kinetic_temperature, step
from alworkflows.structures import fixed_coordinates, hold


def held(pattern: str = "layers") -> Atoms:
    """Return a slab of four layers: the two lowest held, or heights of the third, or both."""
    atoms = fcc111("Cu", (2, 2, 4), vacuum=6.0)
    atoms.pbc = True
    fixed = np.zeros((16, 3), dtype=bool)
    if pattern in ("layers", "both"):
        fixed[:8] = True
    if pattern in ("heights", "both"):
        fixed[8:12, 2] = True
    hold(atoms, fixed)
    return atoms


def moved(frame: Atoms, start: Atoms) -> np.ndarray:
    return np.abs(find_mic(frame.positions - start.positions, start.cell)[0])


@pytest.mark.parametrize("pattern", ["layers", "heights", "both"])
@pytest.mark.parametrize("name", ["rattle", "melt", "surface-melt"])
def test_what_is_held_stays_and_the_rest_moves(name, pattern):
    start = held(pattern)
    fixed = fixed_coordinates(start)
    frames = run(name, start)
    assert frames
    for frame in frames:
        assert moved(frame, start)[fixed].max() < 1e-9
        assert moved(frame, start)[~fixed].min() > 0
        assert moved(frame, start)[~fixed].max() > 0.02
        np.testing.assert_array_equal(frame.cell, start.cell)
        np.testing.assert_array_equal(fixed_coordinates(frame), fixed)


def test_a_quench_holds_too_but_not_while_its_cell_changes():
    start = bulk("Cu", cubic=True).repeat(2)
    fixed = np.zeros((32, 3), dtype=bool)
    fixed[5], fixed[9, 1] = True, True
    hold(start, fixed)
    for frame in run("quench", start):
        assert moved(frame, start)[fixed].max() < 1e-9
        assert moved(frame, start)[~fixed].min() > 0
    for change in ({"density": 8.0}, {"pressure": 0.0}):
        with pytest.raises(
            InputError, match="x: expected no density or pressure with atoms held still, whose cell does not change; got 2"
        ):
            run("quench", start, **change)
    with pytest.raises(InputError, match="expected no pressure with atoms held still, whose cell does not change; got 2"):
        run("melt", start, pressure=0.0)


@pytest.mark.parametrize("name", ["strain", "compress", "frames"])
def test_where_the_cell_changes_what_is_held_keeps_its_place_in_it(name):
    start = held("both")
    for frame in run(name, start):
        np.testing.assert_array_equal(fixed_coordinates(frame), fixed_coordinates(start))
        shift = (frame.get_scaled_positions() - start.get_scaled_positions())[fixed_coordinates(start).all(axis=1)]
        np.testing.assert_allclose(shift - np.round(shift), 0.0, atol=1e-9)
    (said,) = notes(settings(name), start)
    assert said.startswith("12 of 16 atoms are held still")
    assert said.endswith("they keep their fractional coordinates") == (name != "frames")


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_constraints_that_are_no_mask_are_refused_by_all(name):
    start = held()
    start.set_constraint(FixBondLengths([[0, 1]]))
    with pytest.raises(InputError, match=r"x: expected constraints that hold atoms .* got FixBondLengths"):
        check_sampler(settings(name), start, "x")


@pytest.mark.parametrize("name", ["dimer", "compress"])
def test_what_moves_every_atom_holds_none(name):
    pair = Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]], cell=[14.0] * 3, pbc=True)
    hold(pair, np.array([[True] * 3, [False] * 3]))
    with pytest.raises(InputError, match=f"the sampler '{name}' moves every atom of what is in a box, got 1 held still"):
        run(name, pair)


def test_all_held():
    start = held()
    hold(start, np.ones((16, 3), dtype=bool))
    with pytest.raises(InputError, match="one of which moves, got 16, 0 of which move"):
        run("surface-melt", start)


def test_the_temperature_is_that_of_what_moves():
    """Independent springs: each free coordinate has k T / 2 of kinetic energy, each held one none."""
    rng = np.random.default_rng(5)
    fixed = rng.random((40, 3)) < 0.5
    places, masses = rng.normal(size=(40, 3)), rng.uniform(10.0, 60.0, 40)
    langevin = Langevin(masses, 2.0, 20.0, fixed=fixed)

    def springs(positions, cell):
        return 0.0, -3.0 * (positions - places), None

    state = initial_state(Atoms("Cu40", positions=places), langevin, springs, 400.0, rng)
    kinetic = np.zeros((40, 3))
    temperatures = []
    for _ in range(6000):
        state = step(state, langevin, springs, 400.0)
        kinetic += masses[:, None] * state.velocities**2
        temperatures.append(kinetic_temperature(state.velocities, masses, langevin.freedom))
    np.testing.assert_array_equal(state.positions[fixed], places[fixed])
    assert np.all(kinetic[fixed] == 0)
    assert kinetic[~fixed].mean() / 6000 / kB == pytest.approx(400.0, rel=0.04)
    assert np.mean(temperatures) == pytest.approx(400.0, rel=0.04)


@pytest.mark.parametrize("pattern", ["layers", "both"])
def test_a_held_melt_is_as_hot_as_it_says(pattern):
    frames = run("melt", held(pattern), temperature=[500, 500], duration="6 ps", snapshots=200)
    kinetic = np.mean([frame.info["origin"]["kinetic_temperature"] for frame in frames])
    assert kinetic == pytest.approx(500.0, rel=0.08)


@pytest.mark.parametrize("name", ["melt", "surface-melt"])
def test_a_run_that_goes_on_holds_what_it_held(name, tmp_path):
    class Now(Deadline):
        expired = True

        def allows(self, seconds):
            return False

    start, changes = held("both"), {"duration": 12000 if name == "melt" else 400, "snapshots": 8}
    whole = run(name, start, **changes)
    frames: list[Atoms] = []
    for deadline in [Now() for _ in range(30)] + [None]:
        frames.clear()
        driver = Committee()
        report = sample(settings(name, **changes), start, "x", 1, frames.append, driver, checkpoint=tmp_path, deadline=deadline)
        if report.stopped is None:
            break
    assert len(frames) == len(whole)
    for frame, other in zip(frames, whole, strict=True):
        np.testing.assert_array_equal(fixed_coordinates(frame), fixed_coordinates(start))
        np.testing.assert_array_equal(frame.positions, other.positions)
    other = start.copy()
    other.set_constraint()
    with pytest.raises(InputError, match="the checkpoint is that of another run"):
        sample(settings(name, **changes), other, "x", 1, frames.append, Committee(), checkpoint=tmp_path)
