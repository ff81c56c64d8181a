"""Crystals by lattice, nanoparticles and dimers."""

import numpy as np
import pytest
from ase.build import bulk

from alworkflows.errors import InputError
from alworkflows.settings import StructureSettings, parse
from alworkflows.structures import build, check, is_isolated, shortest_distance


def structure(**settings):
    return build(parse(StructureSettings, settings), "thing")


@pytest.mark.parametrize(
    ("lattice", "species", "a", "atoms", "nearest"),
    [
        ("fcc", ["Au"], 4.08, 4, 4.08 / np.sqrt(2)),
        ("bcc", ["Fe"], 2.87, 2, 2.87 * np.sqrt(3) / 2),
        ("sc", ["Po"], 3.35, 1, 3.35),
        ("hcp", ["Ti"], 2.95, 2, 2.95),
        ("diamond", ["Si"], 5.43, 8, 5.43 * np.sqrt(3) / 4),
        ("rocksalt", ["Mg", "O"], 4.21, 8, 4.21 / 2),
        ("cesiumchloride", ["Cs", "Cl"], 4.12, 2, 4.12 * np.sqrt(3) / 2),
        ("zincblende", ["Zn", "S"], 5.41, 8, 5.41 * np.sqrt(3) / 4),
        ("fluorite", ["Ca", "F"], 5.46, 12, 5.46 * np.sqrt(3) / 4),
    ],
)
def test_lattices(lattice, species, a, atoms, nearest):
    crystal = structure(crystal={"lattice": lattice, "species": species, "a": a})
    assert len(crystal) == atoms
    assert crystal.pbc.all()
    assert shortest_distance(crystal.repeat(2), 3.0) == pytest.approx(nearest, rel=1e-6)
    assert len(structure(crystal={"lattice": lattice, "species": species, "a": a}, supercell=[2, 1, 1])) == 2 * atoms


@pytest.mark.parametrize("count", [13, 55, 100, 147])
@pytest.mark.parametrize(("lattice", "nearest"), [("fcc", 4.0 / np.sqrt(2)), ("bcc", 4.0 * np.sqrt(3) / 2)])
def test_particles_are_round_cuts_of_a_lattice_with_as_many_atoms_as_asked(lattice, nearest, count):
    atoms = structure(particle={"lattice": lattice, "a": 4.0, "species": {"Au": count}}, vacuum=10)
    assert len(atoms) == count
    assert is_isolated(atoms)
    assert shortest_distance(atoms, 2.0) == pytest.approx(nearest)
    radius = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1).max()
    atoms_in_cell = {"fcc": 4, "bcc": 2}[lattice]
    ideal = (0.75 * count / (np.pi * atoms_in_cell)) ** (1 / 3) * 4.0
    assert radius < ideal + 3.0
    # nothing is nearer to its image than the vacuum
    assert (atoms.cell.lengths() - np.ptp(atoms.positions, axis=0) >= 10 - 1e-9).all()


def mixed(order, seed=0):
    return structure(particle={"a": 3.9, "species": {"Fe": 100, "Au": 111}, "order": order, "seed": seed})


def test_a_janus_particle_has_two_faces():
    atoms = mixed("janus")
    x, iron = atoms.positions[:, 0], atoms.symbols == "Fe"
    assert iron.sum() == 100
    assert x[iron].max() <= x[~iron].min() + 1e-9


def test_a_core_and_its_shell():
    atoms = mixed("core-shell")
    radius = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)
    iron = atoms.symbols == "Fe"
    assert radius[iron].max() <= radius[~iron].min() + 1e-9


def test_an_alloy_is_drawn_by_its_seed():
    first, again, other = mixed("random"), mixed("random"), mixed("random", seed=1)
    assert (first.numbers == again.numbers).all()
    assert (first.numbers != other.numbers).any()
    assert (first.symbols == "Fe").sum() == (other.symbols == "Fe").sum() == 100


def test_a_dimer_passes_the_checks_of_things_in_a_box():
    settings = parse(StructureSettings, {"dimer": ["Fe", "Au"]})
    atoms = build(settings, "pair")
    assert atoms.get_chemical_symbols() == ["Fe", "Au"]
    from alworkflows.settings import GeometryLimits

    check(atoms, ("Au", "Fe"), GeometryLimits().in_a_box(), "pair")
    with pytest.raises(InputError, match="volume per atom"):
        check(atoms, ("Au", "Fe"), GeometryLimits(), "pair")


def test_what_is_isolated():
    assert is_isolated(structure(dimer=["Zn", "O"]))
    assert not is_isolated(bulk("Cu", cubic=True))
    slab = bulk("Cu", cubic=True)
    slab.center(vacuum=10, axis=2)
    assert not is_isolated(slab)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "exactly one of prototype, file, crystal, particle, dimer, got none"),
        ({"prototype": "zno-wurtzite", "dimer": ["O", "O"]}, "got prototype, dimer"),
        ({"crystal": {"lattice": "fcc", "species": ["Au", "Fe"], "a": 4}}, "expected 1 for fcc"),
        ({"crystal": {"lattice": "fc", "species": ["Au"], "a": 4}}, "fcc"),
        ({"crystal": {"lattice": "fcc", "species": ["Au"], "a": 4, "c": 5}}, "one lattice constant"),
        ({"particle": {"a": 4, "species": {"Au": 0}}}, "greater than or equal to 1"),
        ({"particle": {"a": 4, "species": {}}}, "species"),
        ({"particle": {"a": 4, "species": {"Au": 5}}, "supercell": [2, 1, 1]}, "no supercell"),
        ({"dimer": ["Fe"]}, "dimer"),
        ({"prototype": "zno-wurtzite", "frames": "::2"}, "only a file holds several"),
    ],
)
def test_bad_settings(data, message):
    with pytest.raises(InputError, match=message):
        parse(StructureSettings, data)


@pytest.mark.parametrize("data", [{"dimer": ["Fe", "Oo"]}, {"particle": {"a": 4, "species": {"Oo": 5}}}])
def test_unknown_elements(data):
    with pytest.raises(InputError, match="unknown thing: chemical symbol 'Oo'"):
        structure(**data)
