"""The fixed repulsion against LAMMPS, as a gradient, and inside models and their file."""

import ase.data
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alworkflows.descriptors import build
from alworkflows.descriptors.plip.radial import FEWEST_BINS
from alworkflows.errors import InputError
from alworkflows.models import Ensemble, LinearModel
from alworkflows.models.evaluation import Prediction
from alworkflows.models.linear.baseline import PIECES, Baseline
from alworkflows.models.linear.model import baseline_of
from alworkflows.models.linear.plip import PlipBaseline
from alworkflows.settings import LinearSettings, PlipSettings, parse
from alworkflows.settings.descriptors import ChebyshevSettings
from alworkflows.settings.model import BaselineSettings
from alworkflows.simulation.lammps import library

SPECIES = ("Zn", "O")


GIVEN = BaselineSettings(inner=0.75, outer=1.5)
SETTINGS = {"plip": PlipSettings.gaussians((1.5, 3.0), l=(1,), m=()), "chebyshev": ChebyshevSettings(degree=6)}


@pytest.fixture(params=["chebyshev", "plip"])
def descriptors(request):
    return build(SETTINGS[request.param], SPECIES)


@pytest.fixture
def baseline(descriptors):
    """By its own sums over pairs, and in the tables of PLIP."""
    return baseline_of(GIVEN, descriptors)


def spoken(baseline, atoms):
    """Energy, forces and stress."""
    prediction = Prediction.of(baseline.evaluate(atoms), atoms)
    return prediction.energy, prediction.forces, prediction.stress


def dense(seed=0):
    """A crystal far too dense, so that every pair is within the repulsion."""
    atoms = bulk("ZnO", "zincblende", a=2.0, cubic=True)
    atoms.rattle(0.08, seed=seed)
    return atoms


def test_it_is_lammps_zbl(baseline):
    lammps = library().lammps(cmdargs=["-log", "none", "-screen", "none"])
    lammps.commands_string(
        "units metal\natom_style atomic\natom_modify map yes\nregion box block 0 20 0 20 0 20\ncreate_box 2 box\n"
    )
    lammps.commands_string("create_atoms 1 single 1 1 1\ncreate_atoms 2 single 2 1 1\nmass * 1.0\n")
    zn, o = (ase.data.atomic_numbers[symbol] for symbol in SPECIES)
    lammps.commands_string(
        f"pair_style zbl {baseline.inner!r} {baseline.outer!r}\npair_coeff 1 1 {zn} {zn}\npair_coeff 2 2 {o} {o}\n"
        f"pair_coeff 1 2 {zn} {o}\nvariable f equal fx[1]\nthermo_style custom pe v_f\n"
    )
    for r in (0.6, 0.74, 0.76, 0.9, 1.1, 1.3, 1.45, 1.49):
        lammps.command(f"set atom 2 x {1.0 + r!r}")
        lammps.command("run 0")
        atoms = Atoms("ZnO", positions=[[1, 1, 1], [1 + r, 1, 1]])
        energy, forces, _ = spoken(baseline, atoms)
        assert energy == pytest.approx(lammps.get_thermo("pe"), rel=1e-6, abs=1e-7)
        assert forces[0, 0] == pytest.approx(lammps.extract_variable("f"), rel=1e-6, abs=1e-5)
    lammps.close()


def test_forces_are_minus_the_gradient_and_stress_the_strain_derivative(baseline):
    atoms, h = dense(), 1e-5
    _, forces, stress = spoken(baseline, atoms)
    for axis in range(3):
        energies = []
        for sign in (-1, 1):
            moved = atoms.copy()
            moved.positions[1, axis] += sign * h
            energies.append(spoken(baseline, moved)[0])
        assert forces[1, axis] == pytest.approx(-(energies[1] - energies[0]) / (2 * h), abs=1e-4)
    energies = []
    for sign in (-1, 1):
        strained = atoms.copy()
        strained.set_cell(np.asarray(atoms.cell) @ (np.eye(3) + sign * h * np.diag([1.0, 0, 0])), scale_atoms=True)
        energies.append(spoken(baseline, strained)[0])
    assert stress[0] * atoms.get_volume() == pytest.approx((energies[1] - energies[0]) / (2 * h), rel=1e-5)


def test_it_repels_at_every_distance_and_ends_where_it_says(baseline):
    r = np.linspace(1e-3, 6.0, 2000)
    energies = baseline.energies(r)
    assert np.isfinite(energies).all()
    inside = r < baseline.outer
    assert (np.diff(energies[inside], axis=0) < 0).all()
    assert (energies[~inside] == 0).all()


def test_both_ways_to_it_agree():
    plain, tabulated = (baseline_of(GIVEN, build(SETTINGS[name], SPECIES)) for name in ("chebyshev", "plip"))
    assert type(plain) is Baseline
    assert type(tabulated) is PlipBaseline
    for atoms in (dense(3), Atoms("ZnO", positions=[[0, 0, 0], [0.02, 0.03, 0.01]])):
        ours, theirs = spoken(plain, atoms), spoken(tabulated, atoms)
        assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
        np.testing.assert_allclose(ours[1], theirs[1], atol=1e-6 * np.abs(theirs[1]).max())
        np.testing.assert_allclose(ours[2], theirs[2], atol=1e-6 * np.abs(theirs[2]).max())


def test_distances_are_rounded_to_the_bins_of_the_tables():
    assert PIECES == FEWEST_BINS


def test_models_add_it(descriptors, baseline, tmp_path):
    rng = np.random.default_rng(0)
    settings, size, given = SETTINGS[descriptors.settings.name], descriptors.size, GIVEN
    weights = rng.normal(size=(2, size))
    bare = Ensemble([LinearModel(settings, SPECIES, w, np.array([-1.0, -2.0])) for w in weights])
    with_core = Ensemble([LinearModel(settings, SPECIES, w, np.array([-1.0, -2.0]), given) for w in weights])
    path = tmp_path / "model.npz"
    with_core.save(path)
    for ensemble in (with_core, Ensemble.load(path)):
        atoms = dense(1)
        alone, added = bare.predict([atoms])[0], ensemble.predict([atoms])[0]
        energy, forces, stress = spoken(baseline, atoms)
        assert added.energy == pytest.approx(alone.energy + energy, rel=1e-6)
        np.testing.assert_allclose(added.forces, alone.forces + forces, atol=1e-6 * np.abs(forces).max())
        np.testing.assert_allclose(added.stress, alone.stress + stress, atol=1e-6 * np.abs(stress).max())
        np.testing.assert_allclose(added.deviation, alone.deviation, atol=1e-5)
        atoms.calc = ensemble.calculator()
        np.testing.assert_allclose(atoms.get_forces(), added.forces, atol=1e-6 * np.abs(forces).max())
    assert len(Ensemble([bare.members[0], with_core.members[1]]).groups) == 2


def test_overlap_with_the_data(baseline):
    close = Atoms("ZnOO", positions=[[0, 0, 0], [1.2, 0, 0], [5, 0, 0]])
    (overlap,) = baseline.overlap([close, bulk("ZnO", "zincblende", a=4.6)])
    assert (overlap.pair, overlap.outer) == ("Zn-O", baseline.outer)
    assert overlap.shortest == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"baseline": {"inner": 1.3, "outer": 0.8}}, "outer above inner"),
        ({"baseline": {"outer": 7.0}}, "at most the cutoff"),
        ({"baseline": {"name": "zlb"}}, "zbl"),
    ],
)
def test_bad_settings(data, message):
    with pytest.raises(InputError, match=message):
        parse(LinearSettings, data)


def test_too_narrow_a_switch(descriptors):
    with pytest.raises(InputError, match="64th of the cutoff"):
        Baseline(BaselineSettings(inner=1.0, outer=1.01), descriptors)
