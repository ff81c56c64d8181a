"""PLIP against the papers' equations, written down as loops; the neighbour list against ASE's."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.neighborlist import neighbor_list

from alworkflows.descriptors import build
from alworkflows.descriptors.neighbours import neighbours
from alworkflows.errors import InputError
from alworkflows.settings import PlipSettings

SETTINGS = PlipSettings.gaussians((1.0, 2.0, 3.0), (0.5, 1.5), l=(0, 1, 2, 5), m=(4, 7), cutoff=4.0)
SPECIES = ("Zn", "O")


def loops(atoms, settings):
    """Eqs. 2-4 of the papers, summed over atoms: a dictionary by name, with loops over neighbours and pairs of neighbours."""
    first, second, vectors = neighbor_list("ijD", atoms, settings.cutoff)
    symbols = atoms.get_chemical_symbols()
    total = {}
    for a in settings.functions[0].widths:
        for b in settings.functions[0].centres:

            def f(r, a=a, b=b):
                return np.exp(-a * (r - b) ** 2) * 0.5 * (1 + np.cos(np.pi * r / settings.cutoff))

            def switched(r, f=f):
                u = np.clip((r / settings.switch - 0.95) / 0.1, 0, 1)
                return f(r) * (6 * u**5 - 15 * u**4 + 10 * u**3)

            tag = f"gaussian b={b:g} a={a:g}"
            for i in range(len(atoms)):
                mine = [k for k in range(len(first)) if first[k] == i]
                c = symbols[i]
                density = dict.fromkeys(SPECIES, 0.0)
                for k in mine:
                    r, s = np.linalg.norm(vectors[k]), symbols[second[k]]
                    density[s] += switched(r)
                    pair = "-".join(sorted((c, s), key=SPECIES.index))
                    total[f"2B {pair} {tag}"] = total.get(f"2B {pair} {tag}", 0.0) + 0.5 * f(r)
                for s, t in combinations_with_replacement(SPECIES, 2):
                    for j in mine:
                        for k in mine:
                            if (symbols[second[j]], symbols[second[k]]) != (s, t):
                                continue
                            rj, rk = np.linalg.norm(vectors[j]), np.linalg.norm(vectors[k])
                            cosine = vectors[j] @ vectors[k] / rj / rk
                            for power in settings.l:
                                name = f"3B {c}({s},{t}) l={power} {tag}"
                                total[name] = total.get(name, 0.0) + f(rj) * f(rk) * cosine**power
                for s in SPECIES:
                    for m in settings.m:
                        name = f"NB {c}({s}) m={m} {tag}"
                        total[name] = total.get(name, 0.0) + density[s] ** m
    return total


def test_against_the_equations_as_loops():
    atoms = bulk("ZnO", "wurtzite", a=3.3, c=5.3)
    atoms.rattle(0.2, seed=4)
    atoms.positions[1] += 0.6 * (atoms.positions[0] - atoms.positions[1])  # a bond within the switch of the density
    descriptors = build(SETTINGS, SPECIES)
    expected = loops(atoms, SETTINGS)
    energies = dict(zip(descriptors.names, descriptors.design(atoms).energy, strict=True))
    assert set(expected) <= set(energies)
    for name, value in energies.items():
        assert value == pytest.approx(expected.get(name, 0.0), rel=1e-10, abs=1e-12), name


def test_the_default_set_has_1980_descriptors_for_two_species():
    assert build(PlipSettings(), SPECIES).size == 1980
    assert build(PlipSettings(l=(), m=()), SPECIES).size == 36 * 3
    assert build(PlipSettings(), ("Cu",)).size == 36 * (1 + 6 + 4)


def test_three_species():
    atoms = Atoms("ZnOCu", positions=[[0, 0, 0], [1.8, 0, 0.3], [0.4, 2.1, 0]])
    descriptors = build(SETTINGS, ("Zn", "O", "Cu"))
    weights = np.random.default_rng(0).normal(size=descriptors.size)
    forces = (descriptors.design(atoms).forces @ weights).reshape(-1, 3)
    h, energy = 1e-5, []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[2, 1] += sign * h
        energy.append(descriptors.design(moved).energy @ weights)
    assert -(energy[0] - energy[1]) / (2 * h) == pytest.approx(forces[2, 1], rel=1e-6)


def frames():
    primitive = bulk("Cu", "fcc", a=3.6)
    skewed = bulk("ZnO", "wurtzite", a=3.3, c=5.3)
    skewed.set_cell(skewed.cell[:] @ np.array([[1, 0, 0], [0.9, 1, 0], [0.7, -0.8, 1]]), scale_atoms=True)
    skewed.rattle(0.2, seed=1)
    slab = fcc111("Cu", (2, 2, 3), vacuum=5.0)  # periodic in two directions
    slab.rattle(0.1, seed=2)
    wire = bulk("Cu", cubic=True)
    wire.pbc = (False, False, True)
    free = Atoms("Cu8", positions=np.random.default_rng(3).uniform(-9, 9, size=(8, 3)))
    outside = bulk("Cu", cubic=True).repeat(2)
    outside.positions += [17.0, -30.0, 4.0]
    outside.rattle(0.3, seed=5)
    large = bulk("Cu", cubic=True).repeat((7, 7, 6))
    large.rattle(0.2, seed=6)
    return {
        "one atom": primitive,
        "skewed": skewed,
        "slab": slab,
        "wire": wire,
        "cluster": free,
        "atoms outside the cell": outside,
        "1176 atoms": large,
    }


@pytest.mark.parametrize("name", sorted(frames()))
@pytest.mark.parametrize("cutoff", [3.0, 6.3])
def test_neighbours_are_those_of_ase(name, cutoff):
    atoms = frames()[name]
    if len(atoms) > 1000 and cutoff > 4:
        cutoff = 4.0  # ASE needs long
    i, j, vectors = neighbor_list("ijD", atoms, cutoff)
    pairs = neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, cutoff)
    assert len(pairs.second) == len(j)
    ours = np.column_stack([pairs.centres, pairs.second, np.round(pairs.vectors, 6)])
    theirs = np.column_stack([i, j, np.round(vectors, 6)])
    np.testing.assert_allclose(ours[np.lexsort(ours.T[::-1])], theirs[np.lexsort(theirs.T[::-1])], atol=2e-6)


def test_a_list_longer_than_expected_is_made_again():
    atoms = bulk("Cu", "fcc", a=1.5)  # 250 neighbours and more an atom
    pairs = neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, 6.0)
    assert len(pairs.second) == len(neighbor_list("i", atoms, 6.0))
    assert len(pairs.second) > 100


def test_two_periodic_directions_that_are_one():
    atoms = Atoms("Cu", positions=[[0, 0, 0]], cell=[[3, 0, 0], [6, 0, 0], [0, 0, 5]], pbc=(True, True, False))
    with pytest.raises(InputError, match="lattice vectors"):
        neighbours(atoms.positions, np.asarray(atoms.cell), atoms.pbc, 4.0)
