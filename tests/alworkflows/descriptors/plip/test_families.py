"""Families of radial functions: their equations, their tables, and models that mix them."""

import numpy as np
import pytest
from ase.build import bulk
from ase.data import chemical_symbols

from alworkflows.descriptors import build
from alworkflows.descriptors.plip.families import radial_functions
from alworkflows.errors import InputError
from alworkflows.settings import PlipSettings, parse
from alworkflows.settings.descriptors.plip import LennardJonesFunctions

FAMILIES = [
    "gaussian",
    "lorentzian",
    "log-normal",
    "slater",
    "gaussian-orbital",
    "lennard-jones",
    "morse",
    "buckingham",
    "yukawa",
]


def settings(*families, **more):
    return parse(PlipSettings, {"functions": [f if isinstance(f, dict) else {"family": f} for f in families], **more})


def crystal(symbols="ZnO", seed=0):
    atoms = bulk("ZnO", "zincblende", a=4.6).repeat((2, 1, 1))
    atoms.rattle(0.1, seed=seed)
    return atoms


@pytest.mark.parametrize(
    ("family", "parameters", "r", "expected"),
    [
        ("gaussian", {"centres": [1.5], "widths": [0.5]}, 2.5, np.exp(-0.5)),
        ("lorentzian", {"centres": [1.0], "powers": [4]}, 3.0, 1 / 17),
        ("log-normal", {"starts": [1.0], "scales": [1.0]}, 1.0 + np.e, np.exp(-1.0)),
        ("log-normal", {"starts": [4.0], "scales": [2.0]}, 3.0, 0.0),
        ("slater", {"powers": [-2], "decays": [0.5]}, 2.0, np.exp(-1.0) / 4),
        ("gaussian-orbital", {"powers": [1], "decays": [0.25]}, 2.0, 2 * np.exp(-1.0)),
        ("lennard-jones", {"sigmas": [2.0]}, 4.0, 2.0**-12 - 2.0**-6),
        ("morse", {"minima": [2.0], "decays": [1.0]}, 2.0, -1.0),
        ("yukawa", {"ranges": [2.0]}, 4.0, np.exp(-2.0) / 4),
    ],
)
def test_equations(family, parameters, r, expected):
    descriptors = build(settings({"family": family, **parameters}, l=(), m=()), ("Zn",))
    cut = 0.5 * (1 + np.cos(np.pi * r / 6.0))
    assert descriptors.functions(np.array([r]))[0, 0] == pytest.approx(expected * cut, rel=1e-12)


def test_the_terms_of_buckingham():
    exponential, dispersion = radial_functions(settings({"family": "buckingham", "ranges": [0.5]}).functions[0])
    assert exponential(np.array([1.0]), 0.1)[0] == pytest.approx(np.exp(-2.0))
    assert dispersion(np.array([2.0]), 0.1)[0] == pytest.approx(2.0**-6)
    assert "buckingham" in exponential.family


@pytest.mark.parametrize("family", FAMILIES)
def test_tables_are_exact_where_atoms_are(family):
    descriptors = build(settings(family), ("Zn",))
    r = np.random.default_rng(0).uniform(1.0, 6.0, 400)
    exact, tabulated = descriptors.functions(r), descriptors.table(r)
    assert np.abs(tabulated - exact).max() <= 1e-11 * np.abs(exact).max()


def test_tables_are_exact_on_the_tail_of_what_diverges():
    descriptors = build(settings("lennard-jones"), ("Zn",))
    r = np.linspace(3.0, 5.9, 100)
    np.testing.assert_allclose(descriptors.table(r), descriptors.functions(r), rtol=1e-7, atol=1e-15)


@pytest.mark.parametrize("family", ["slater", "gaussian-orbital", "lennard-jones", "buckingham", "yukawa"])
def test_what_diverges_stays_finite_and_smooth_at_the_core(family):
    descriptors = build(settings(family, core=0.6), ("Zn",))
    assert descriptors.core == pytest.approx(0.65625)  # the next 64th of the cutoff
    for function in descriptors.radial:
        at_zero = function(np.array([0.0]), descriptors.core)
        assert np.isfinite(at_zero).all()
        h = 1e-4
        around = function(descriptors.core + h * np.arange(-3, 4), descriptors.core)
        scale = np.abs(around).max()
        # value, slope and curvature are continuous: no second difference stands out from its neighbours
        curvature = np.diff(around, 2) / h**2
        assert np.ptp(curvature) <= 0.1 * np.abs(curvature).max() + 1e-6 * scale
    assert np.isfinite(descriptors.table(np.linspace(0.0, 1.0, 20))).all()


def test_repulsion_goes_on_below_the_core():
    function = radial_functions(LennardJonesFunctions(sigmas=(2.0,)))[0]
    values = function(np.linspace(0.0, 1.5, 100), 0.75)
    assert (np.diff(values) < 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_forces_are_minus_the_gradient(family):
    atoms = crystal()
    descriptors = build(settings(family, l=(0, 3), m=(4,), cutoff=5.0), ("Zn", "O"))
    forces = descriptors.design(atoms).forces
    assert forces.shape == (3 * len(atoms), descriptors.size)
    h = 1e-4
    for atom, axis in ((0, 0), (3, 2)):
        energies = []
        for step in (-2, -1, 1, 2):
            moved = atoms.copy()
            moved.positions[atom, axis] += step * h
            energies.append(descriptors.design(moved).energy)
        gradient = (energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * h)
        scale = np.abs(forces).max(axis=0) + 1e-6 * np.abs(forces).max()
        np.testing.assert_allclose(forces[3 * atom + axis] / scale, -gradient / scale, atol=1e-6)


MIXTURE = (
    {"family": "gaussian", "centres": [1.5, 3.0], "widths": [1.0]},
    {"family": "lennard-jones", "sigmas": [1.8, 2.2]},
    {"family": "slater", "powers": [-1], "decays": [2.0]},
    {"family": "lorentzian", "centres": [2.0], "powers": [4], "bodies": "two-body"},
)


def test_a_mixture_is_its_families_side_by_side():
    atoms = crystal()
    options = {"l": (1, 2), "m": (4,), "cutoff": 5.0}
    mixed = build(settings(*MIXTURE, **options), ("Zn", "O"))
    design, values = mixed.design(atoms), mixed.values(atoms)
    column_of = {name: column for column, name in enumerate(mixed.names)}
    assert len(column_of) == mixed.size
    counted = 0
    for family in MIXTURE:
        alone = build(settings(family, **options), ("Zn", "O"))
        columns = [column_of[name] for name in alone.names]
        counted += len(columns)
        expected = alone.design(atoms)
        # tables of a mixture may have more bins
        np.testing.assert_allclose(design.forces[:, columns], expected.forces, atol=1e-10 * np.abs(expected.forces).max())
        np.testing.assert_allclose(design.stress[:, columns], expected.stress, atol=1e-10 * np.abs(expected.stress).max())
        np.testing.assert_allclose(values[:, columns], alone.values(atoms), atol=1e-10 * np.abs(values).max())
    assert counted == mixed.size == 3 * (3 + 6 * 2 + 4) + 3 * 3


def test_a_mixture_folds_and_pulls_as_its_design_rows():
    atoms = crystal(seed=1)
    descriptors = build(settings(*MIXTURE, l=(0, 1, 2), m=(4,), cutoff=5.0), ("Zn", "O"))
    rows = descriptors.design(atoms)
    scale = np.abs(rows.forces).max(axis=0)
    weights = np.random.default_rng(2).normal(size=(2, descriptors.size)) / np.where(scale > 1e-9, scale, 1.0)
    pairs = descriptors.neighbours(atoms).without(atoms.positions)
    kinds = np.array([descriptors.species.index(s) for s in atoms.symbols], dtype=np.int32)
    energies, forces, virial = descriptors.fold(weights).evaluate(kinds, atoms.positions, pairs, np.eye(3))
    expected = (rows.forces @ weights.T).T.reshape(forces.shape)
    np.testing.assert_allclose(forces, expected, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_allclose(energies.sum(axis=1), rows.energy @ weights.T, rtol=1e-6)
    np.testing.assert_allclose(virial / atoms.get_volume(), (rows.stress @ weights.T).T, atol=1e-6)
    pulled = descriptors.vjp(atoms, np.tile(weights[0], (len(atoms), 1)))
    np.testing.assert_allclose(pulled[0], expected[0], atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("family", "functions", "paper", "distinct"),
    [
        ({"family": "gaussian", "centres": [1, 2, 3, 4, 5, 6]}, 18, 990, 882),
        ({"family": "lorentzian"}, 24, 1320, 1176),
        ({"family": "log-normal"}, 24, 1320, 1176),
        ({"family": "slater"}, 25, 1375, 1225),
        ({"family": "gaussian-orbital"}, 25, 1375, 1225),
    ],
)
def test_counts_of_the_paper(family, functions, paper, distinct):
    descriptors = build(settings(family, l=(1, 2, 3, 4, 5), m=(4, 5, 6, 7)), ("Au", "Fe"))
    assert len(descriptors.radial) == functions
    # two-body by pair; three-body by centre and ordered neighbours, five l; N-body by pair, four m
    assert functions * (3 + 8 * 5 + 3 * 4) == paper
    assert descriptors.size == functions * (3 + 6 * 5 + 4 * 4) == distinct


def test_the_default_counts_1980():
    assert build(PlipSettings(), ("Zn", "O")).size == 36 * (3 + 6 * 6 + 4 * 4) == 1980


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"functions": [{"family": "gausian"}]}, "gausian"),
        ({"functions": [{"family": "lorentzian", "powers": [3]}]}, "even powers"),
        ({"functions": [{"family": "slater", "decays": [-1.0]}]}, "greater than 0"),
        ({"functions": [{"family": "gaussian", "centres": [1.0, 1.0]}]}, "each value once"),
        ({"functions": [{"family": "morse", "bodies": "all"}]}, "two-body"),
        ({"functions": []}, "functions"),
        ({"functions": [{"family": "yukawa"}, {"family": "yukawa"}]}, "same one twice"),
        ({"core": 4.0}, "core"),
        ({"core": 1e12}, "core: expected less than or equal to 100"),
        ({"switch": 1e12}, "switch: expected less than or equal to 100"),
        ({"functions": [{"family": "gaussian", "centres": [1e12]}]}, "expected less than or equal to 100"),
        ({"functions": [{"family": "gaussian", "widths": [1e12]}]}, "expected less than or equal to 10000"),
        ({"functions": [{"family": "log-normal", "starts": [-1e12]}]}, "expected greater than or equal to -100"),
        ({"functions": [{"family": "lorentzian", "powers": [10**9]}]}, "expected less than or equal to 40"),
        ({"functions": [{"family": "slater", "powers": [10**9]}]}, "expected less than or equal to 12"),
        ({"functions": [{"family": "yukawa", "ranges": [0.1 * k for k in range(1, 502)]}]}, "expected at most 500 entries"),
        (
            {"functions": [{"family": "morse", "minima": list(range(1, 26)), "decays": list(range(1, 22))}]},
            "expected at most 500 radial functions in all, got 525",
        ),
    ],
)
def test_bad_settings(data, message):
    with pytest.raises(InputError, match=message):
        parse(PlipSettings, data)


def test_a_function_given_twice_in_two_lists():
    twice = [{"family": "gaussian", "centres": [1.0, 2.0]}, {"family": "gaussian", "centres": [2.0, 3.0]}]
    with pytest.raises(InputError, match="occurs twice"):
        build(settings(*twice), ("Zn",))


def test_too_many_descriptors():
    with pytest.raises(InputError, match="expected at most 200,000, got 511,776: take fewer species, radial functions or powers"):
        build(PlipSettings(), chemical_symbols[1:17])


def test_too_many_species():
    with pytest.raises(InputError, match="at most 16 species, got 17"):
        build(PlipSettings(), chemical_symbols[1:18])
