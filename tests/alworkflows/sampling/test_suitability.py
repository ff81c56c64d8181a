"""Which structures each sampler takes: the same sentence from its check and from its run, and none of it depends on axes."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, graphene, molecule
from standins import Committee

from alworkflows.errors import InputError
from alworkflows.sampling import SAMPLERS, check_sampler, notes, parse_sampler, sample, takes

COPPER = {"style": "morse", "pairs": {"Cu-Cu": {"d": 0.3429, "alpha": 1.3588, "r0": 2.866}}}
SHORT = {
    "melt": {"potential": COPPER, "duration": 60, "temperature": [300, 600]},
    "surface-melt": {"duration": 20, "temperature": [300, 400]},
    "quench": {
        "melt_duration": 8,
        "melt_temperature": 500,
        "equilibrate": 8,
        "temperature": [400, 300],
        "rate": 20000,
        "hold": 8,
    },
}


def settings(name, **changes):
    return parse_sampler({"name": name, "snapshots": 3, **SHORT.get(name, {}), **changes})


def run(name, structure, **changes):
    frames = []
    sample(settings(name, **changes), structure, "x", 1, frames.append, Committee())
    return frames


def slab(axis: int = 2, pbc: bool | list[bool] = True) -> Atoms:
    """Return copper with its vacuum along one of the lattice vectors, and that one along x, y or z."""
    atoms = fcc111("Cu", (2, 2, 3), vacuum=6.0, orthogonal=True)
    order = np.roll([0, 1, 2], axis - 2)
    turned = Atoms(numbers=atoms.numbers, positions=atoms.positions[:, order], cell=np.diag(atoms.cell.lengths()[order]), pbc=pbc)
    assert turned.cell.lengths()[axis] > 14
    return turned


@pytest.mark.parametrize("name", sorted(SAMPLERS))
@pytest.mark.parametrize(
    ("atoms", "sentence"),
    [
        (graphene(), "x: no lattice vector along c: add vacuum"),
        (fcc111("Cu", (2, 2, 2)), "x: no lattice vector along c: add vacuum"),
        (molecule("H2O"), "x: expected a cell of three lattice vectors, got none: put it into a box with vacuum"),
        (Atoms("Cu2", cell=[[4, 0, 0], [8, 0, 0], [0, 0, 4]], pbc=True), "x: lattice vectors that lie in one plane"),
        (Atoms("Cu2", [[0, 0, 0], [0, 0, 4.001]], cell=[4, 4, 4], pbc=True), "x: atoms 0 and 1 are at one place, 0.001 A apart"),
        (Atoms("Cu2", [[0, 0, 0], [0, np.nan, 1]], cell=[4, 4, 4], pbc=True), "x: expected finite positions and cell"),
    ],
)
def test_what_nothing_can_be_made_of(name, atoms, sentence):
    for attempt in (lambda: check_sampler(settings(name), atoms, "x"), lambda: run(name, atoms)):
        with pytest.raises(InputError) as error:
            attempt()
        assert str(error.value).startswith(sentence)


BULK = bulk("Cu", cubic=True).repeat(2)
LEFT = BULK.copy()
LEFT.set_cell(np.asarray(BULK.cell)[[1, 0, 2]])
SKEW = BULK.copy()
SKEW.set_cell(np.array([[1, 0, 0], [8, 1, 0], [5, -9, 1]]) @ np.asarray(BULK.cell))
BOX = Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]], cell=[14.0] * 3, pbc=True)
FREE_BOX = Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]], cell=[14.0] * 3)
SLABS = [slab(axis) for axis in range(3)]
OPEN = [slab(axis, [k != axis for k in range(3)]) for axis in range(3)]


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("rattle", [BULK, LEFT, SKEW, BOX, FREE_BOX, *SLABS, *OPEN], []),
        ("compress", [BULK, LEFT, SKEW, BOX, FREE_BOX, *SLABS, *OPEN], []),
        ("frames", [BULK, LEFT, SKEW, BOX, FREE_BOX, *SLABS, *OPEN], []),
        ("strain", [BULK, LEFT, SKEW, *SLABS, *OPEN], [BOX, FREE_BOX]),
        ("dimer", [BOX, FREE_BOX], [BULK]),
        ("melt", [BULK, LEFT, SKEW, BOX, *SLABS], [FREE_BOX, *OPEN]),
        ("surface-melt", [BOX, FREE_BOX, *SLABS, *OPEN], [BULK, LEFT, SKEW]),
        ("quench", [BULK, LEFT, SKEW], [BOX, FREE_BOX, *SLABS, *OPEN]),
    ],
)
def test_what_each_takes(name, taken, refused):
    for atoms in taken:
        frames = run(name, atoms)
        assert frames
        for frame in frames:
            assert frame.pbc.tolist() == atoms.pbc.tolist()
            assert np.isfinite(frame.positions).all()
            assert np.sign(np.linalg.det(np.asarray(frame.cell))) == np.sign(np.linalg.det(np.asarray(atoms.cell)))
    for atoms in refused:
        with pytest.raises(InputError, match=f"x: the sampler '{name}' (expected|repeats)"):
            check_sampler(settings(name), atoms, "x")


def test_a_surface_melts_alike_whichever_way_its_vacuum_lies():
    """Not the same numbers, since noise comes in the order of x, y and z: but no atom leaves the slab."""
    for axis, atoms in enumerate(SLABS):
        for frame in run("surface-melt", atoms):
            across = [k for k in range(3) if k != axis]
            assert np.ptp(frame.positions[:, axis]) == pytest.approx(np.ptp(atoms.positions[:, axis]), abs=0.5)
            np.testing.assert_array_equal(frame.cell.lengths()[across], atoms.cell.lengths()[across])


@pytest.mark.parametrize("name", ["melt", "quench"])
def test_dynamics_take_two_atoms(name):
    with pytest.raises(InputError, match="expected at least two atoms, one of which moves, got 1"):
        run(name, bulk("Cu"))


def test_pressure_would_close_a_vacuum():
    with pytest.raises(InputError, match="expected no pressure for what has vacuum"):
        run("melt", SLABS[0], pressure=0.0)


def test_a_particle_across_the_boundary_is_compressed_and_stretched_as_one():
    cluster = Atoms("Cu4", [[0, 0, 0], [2.5, 0, 0], [0, 2.5, 0], [0, 0, 2.5]], cell=[14.0] * 3, pbc=True)
    cut = cluster.copy()
    cut.positions -= 1.0
    cut.wrap()
    for one, other in zip(run("compress", cluster), run("compress", cut), strict=True):
        np.testing.assert_allclose(one.get_all_distances(mic=True), other.get_all_distances(mic=True))
    pair = BOX.copy()
    pair.positions -= 1.0
    pair.wrap()
    for frame in run("dimer", pair):
        assert frame.get_distance(0, 1, mic=True) == pytest.approx(frame.info["origin"]["distance"])


def test_a_class_says_what_it_takes():
    assert takes(type(settings("melt"))) == "crystals, slabs, wires, particles in a box, with pbc T T T"
    assert takes(type(settings("quench"))) == "crystals"


def test_a_crystal_that_does_not_repeat_is_told_of():
    loose = BULK.copy()
    loose.pbc = False
    assert "taken for a particle, though its cell leaves no vacuum" in notes(settings("rattle"), loose)[0]
    assert notes(settings("rattle"), BULK) == notes(settings("rattle"), FREE_BOX) == []
